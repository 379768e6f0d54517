//! Tests of `revokeTokens`.

use std::sync::Arc;

use ably_auth_server::Limits;
use http::Request;
use serde_json::{Value, json};

use crate::support::*;

fn revoke_with(world: &World, key_name: &str, version: &str, body: &Value) -> Answer {
    let request = Request::post(format!("/keys/{key_name}/revokeTokens"));
    let request = request.header("Authorization", basic(key_name)).header("X-Ably-Version", version);
    world.send(request, body.to_string())
}

#[test]
fn revoked_client_may_get_new_token() {
    let world = World::new();
    let [bob, alice, anonymous, anybody] =
        [of("bob"), of("alice"), params(), of("*")].map(|params| world.token(REVOCABLE, &params));
    let of_another_key = world.token(KEY, &of("bob"));
    world.set(NOW + 10);
    let answer = world.revoke(&json!({ "targets": ["clientId:bob"] }));
    assert_eq!(answer.status, 201);
    let expected = json!({ "successCount": 1, "failureCount": 0, "results": [
        { "target": "clientId:bob", "issuedBefore": NOW + 10, "appliesAt": NOW + 10 },
    ] });
    assert_eq!(answer.json(), expected);
    assert_eq!(world.accepts(&bob).code(), (401, 40141));
    for other in [alice, anonymous, anybody, of_another_key] {
        assert_eq!(world.accepts(&other).code(), (200, 0));
    }
    world.set(NOW + 11);
    assert_eq!(world.accepts(&world.token(REVOCABLE, &of("bob"))).code(), (200, 0));
    assert_eq!(world.accepts(&bob).code(), (401, 40141));
}

#[test]
fn revocation_separates_tokens_within_one_millisecond() {
    let world = World::new();
    let before = world.token(REVOCABLE, &of("bob"));
    world.revoke(&json!({ "targets": ["clientId:bob"] }));
    let after = world.token(REVOCABLE, &of("bob"));
    assert_eq!(world.accepts(&before).code(), (401, 40141));
    assert_eq!(world.accepts(&after).code(), (200, 0));
    assert_eq!(after.issued().unwrap().as_millis(), NOW + 1);
    assert_eq!(world.token(REVOCABLE, &of("alice")).issued().unwrap().as_millis(), NOW);
    world.revoke(&json!({ "targets": ["clientId:bob"] }));
    world.set(NOW + 1);
    world.revoke(&json!({ "targets": ["clientId:bob"] }));
    assert_eq!(world.accepts(&after).code(), (401, 40141));
}

#[test]
fn issued_before_spares_later_tokens() {
    let world = World::new();
    let early = world.token(REVOCABLE, &of("bob"));
    world.set(NOW + 10);
    let late = world.token(REVOCABLE, &of("bob"));
    world.set(NOW + 20);
    let answer = world.revoke(&json!({ "targets": ["clientId:bob"], "issuedBefore": NOW + 10 }));
    assert_eq!(answer.json()["results"][0]["issuedBefore"], NOW + 10);
    assert_eq!(world.accepts(&early).code(), (401, 40141));
    assert_eq!(world.accepts(&late).code(), (200, 0), "it was issued at `issuedBefore`, not before it");
}

#[test]
fn issued_before_outside_last_hour_is_refused() {
    let world = World::new();
    let at = |moment: Value| world.revoke(&json!({ "targets": ["clientId:bob"], "issuedBefore": moment })).code();
    assert_eq!(at(json!(NOW)), (201, 0));
    assert_eq!(at(json!(NOW - HOUR)), (201, 0));
    assert_eq!(at(json!(NOW.to_string())), (201, 0));
    assert_eq!(at(Value::Null), (201, 0));
    for bad in
        [json!(NOW + 1), json!(NOW - HOUR - 1), json!(0), json!(-1), json!(u64::MAX), json!(0.5), json!("x"), json!({})]
    {
        assert_eq!(at(bad.clone()), (400, 40003), "{bad}");
    }
}

#[test]
fn margin_delays_revocation_by_30_seconds() {
    let world = World::new();
    let token = world.token(REVOCABLE, &of("bob"));
    let answer = world.revoke(&json!({ "targets": ["clientId:bob"], "allowReauthMargin": true }));
    assert_eq!(answer.json()["results"][0]["appliesAt"], NOW + 30_000);
    world.set(NOW + 29_999);
    assert_eq!(world.accepts(&token).code(), (200, 0));
    let renewed = world.token(REVOCABLE, &of("bob"));
    world.set(NOW + 30_000);
    assert_eq!(world.accepts(&token).code(), (401, 40141));
    assert_eq!(world.accepts(&renewed).code(), (200, 0));
}

#[test]
fn channel_target_matches_resource_text() {
    let world = World::new();
    let [wide, narrow] = [r#"{"*":["stats"],"foo:*":["*"]}"#, r#"{"*":["stats"],"foo:bar":["*"]}"#]
        .map(|capability| world.token(REVOCABLE, &can(capability)));
    assert_eq!(world.revoke(&json!({ "targets": ["channel:foo:*"] })).json()["successCount"], 1);
    assert_eq!(world.accepts(&wide).code(), (401, 40141));
    assert_eq!(world.accepts(&narrow).code(), (200, 0));
}

#[test]
fn invalid_targets_fail_individually() {
    let world = World::new();
    let targets = json!({ "targets": ["clientId:bob", "bob", "clientId:", ":bob", "planet:mars", "revocationKey:g1"] });
    let answer = world.revoke(&targets);
    assert_eq!(answer.status, 201);
    let batch = answer.json();
    assert_eq!((&batch["successCount"], &batch["failureCount"]), (&json!(2), &json!(4)));
    for nth in 1..5 {
        assert_eq!(batch["results"][nth]["target"], targets["targets"][nth]);
        assert_eq!(batch["results"][nth]["error"]["statusCode"], 400, "{nth}");
    }
    let elsewhere = revoke_with(&world, ELSEWHERE, "3", &json!({ "targets": ["channel:chat", "clientId:bob"] }));
    assert_eq!(elsewhere.json()["results"][0]["error"]["code"], 40121, "the app does not permit revocation by channel");
    assert_eq!(elsewhere.json()["successCount"], 1);
}

#[test]
fn long_target_fails_individually_and_is_truncated() {
    let world = World::new();
    let of = |bytes: usize| "b".repeat(bytes);
    let [longest, too_long, huge] = [of(2_048), of(2_049), of(20_000)].map(|value| format!("clientId:{value}"));
    let answer = world.revoke(&json!({ "targets": [longest, too_long, huge, of(20_000), "clientId:bob"] }));
    let results = answer.json()["results"].clone();
    assert_eq!((&results[0]["target"], &results[4]["target"]), (&json!(longest), &json!("clientId:bob")));
    for nth in 1..4 {
        let (code, status) = (&results[nth]["error"]["code"], &results[nth]["error"]["statusCode"]);
        assert_eq!((code, status), (&json!(40000), &json!(400)), "{nth}");
        assert!(results[nth]["error"]["message"].as_str().unwrap().contains("2048"), "{nth}");
    }
    assert!(answer.body.len() < 10_000, "{} bytes", answer.body.len());
    assert!(results[2]["target"].as_str().unwrap().starts_with("clientId:bbb"));
}

#[test]
fn repeated_margins_end_tokens_when_promised() {
    let world = World::new();
    let token = world.token(REVOCABLE, &of("bob"));
    let mut first = None;
    for nth in 0..300 {
        world.set(NOW + nth * 90);
        let answer = world.revoke(&json!({ "targets": ["clientId:bob"], "allowReauthMargin": true })).json();
        let applies_at = answer["results"][0]["appliesAt"].as_u64().unwrap();
        first.get_or_insert(applies_at);
        assert!((28_000..=30_000).contains(&(applies_at - world.now())), "{nth}");
        assert_eq!(world.accepts(&token).code(), (200, 0), "{nth}");
    }
    world.set(first.unwrap());
    assert_eq!(world.accepts(&token).code(), (401, 40141));
}

#[test]
fn revocation_limit_of_app_spares_other_apps() {
    let mut limits = Limits::default();
    // An app gets a quarter of this: room for three targets.
    limits.revocation_bytes = 4 * 3 * 600;
    let service = World::builder(&Arc::default(), true).limits(limits).build().unwrap();
    let revoke = |key_name: &str, target: &str| {
        let request = Request::post(format!("/keys/{key_name}/revokeTokens"));
        let request = request.header("Authorization", basic(key_name));
        answer(&service, request, json!({ "targets": [target] }).to_string()).code()
    };
    for target in ["clientId:a", "clientId:b", "clientId:c", "clientId:a"] {
        assert_eq!(revoke(REVOCABLE, target), (201, 0), "{target}");
    }
    assert_eq!(revoke(REVOCABLE, "clientId:d"), (429, 42910));
    assert_eq!(revoke(REVOCABLE, "clientId:b"), (201, 0), "a revoked target can be revoked again");
    assert_eq!(revoke(ELSEWHERE, "clientId:d"), (201, 0));
}

#[test]
fn number_of_targets_is_limited() {
    let world = World::new();
    let targets = |count: usize| json!({ "targets": vec!["clientId:bob"; count] });
    assert_eq!(world.revoke(&targets(0)).code(), (400, 40000));
    assert_eq!(world.revoke(&targets(100)).code(), (201, 0));
    assert_eq!(world.revoke(&targets(101)).code(), (400, 40000));
}

#[test]
fn older_clients_get_older_response_format() {
    let world = World::new();
    for version in ["", "1.2", "2", "x"] {
        let all_good = revoke_with(&world, REVOCABLE, version, &json!({ "targets": ["clientId:bob"] }));
        assert_eq!(all_good.status, 201);
        assert_eq!(all_good.json()[0]["target"], "clientId:bob");
        let mixed = revoke_with(&world, REVOCABLE, version, &json!({ "targets": ["clientId:bob", "x"] }));
        assert_eq!(mixed.code(), (400, 40020));
        assert_eq!(mixed.json()["batchResponse"][0]["appliesAt"], NOW);
        assert_eq!(mixed.json()["batchResponse"][1]["error"]["statusCode"], 400);
    }
    assert!(revoke_with(&world, REVOCABLE, "3", &json!({ "targets": ["x"] })).json()["results"].is_array());
}

#[test]
fn only_issuing_key_revokes() {
    let world = World::new();
    let body = json!({ "targets": ["clientId:bob"] });
    let path = format!("/keys/{REVOCABLE}/revokeTokens");
    let post = |credential: &str| world.post(&path, credential, &body).code();
    assert_eq!(post(&bearer(&world.token(REVOCABLE, &params()))), (401, 40162));
    assert_eq!(post(&basic(KEY)), (401, 40133));
    assert_eq!(post(&basic_of(&format!("{REVOCABLE}:wrong"))), (401, 40101));
    assert_eq!(world.send(Request::post(&path), body.to_string()).code(), (401, 40101));
    assert_eq!(revoke_with(&world, KEY, "6", &body).code(), (401, 40163));
    assert_eq!(world.post("/keys/nokey/revokeTokens", &basic(KEY), &body).code(), (400, 40005));
    assert_eq!(World::without_sandbox().post(&path, &basic(REVOCABLE), &body).code(), (401, 40103));
}

#[test]
fn malformed_revocation_is_refused() {
    let world = World::new();
    for bad in [
        "",
        "[]",
        "{}",
        r#"{"targets":"clientId:bob"}"#,
        r#"{"targets":[1]}"#,
        r#"{"targets":[],"targets":[]}"#,
        r#"[["clientId:bob"],null,false]"#,
        r#"{"targets":["clientId:bob"],"allowReauthMargin":"yes"}"#,
    ] {
        let request =
            Request::post(format!("/keys/{REVOCABLE}/revokeTokens")).header("Authorization", basic(REVOCABLE));
        assert_eq!(world.send(request, bad).code(), (400, 40001), "{bad}");
    }
}
