//! Tests of reports, of keys, and of the tokens that the console issues and revokes.

use super::*;

#[test]
fn secret_is_shown_only_when_revealed() {
    let world = world();
    let masked = get(&world, "keys/app1.key1");
    assert_eq!((&masked["key"], &masked["revealed"]), (&json!("app1.key1:••••••"), &json!(false)));
    let revealed = post(&world, "keys/app1.key1/reveal", &json!({})).json();
    assert_eq!((&revealed["key"], &revealed["revealed"]), (&json!(format!("{KEY}:{SECRET}")), &json!(true)));
    let snippets = revealed["snippets"].as_array().unwrap();
    let ids: Vec<_> = snippets.iter().map(|snippet| snippet["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["curl", "npm", "pypi", "rust-async", "rust-blocking", "axum", "cli"]);
    assert!(snippets.iter().all(|snippet| snippet["text"].as_str().unwrap().contains(SECRET)));
    for wrong in ["app1.none", "app9.key1"] {
        assert_eq!(world.send(Request::get(api(&format!("keys/{wrong}"))), "").code(), (404, 40400), "{wrong}");
    }
    assert_eq!(world.send(Request::get(api("keys/x")), "").code().0, 400);
}

#[test]
fn rotated_key_keeps_rights_and_ends_old_key() {
    let world = world();
    let answer = post(&world, "keys/app1.limited/rotate", &json!({}));
    assert_eq!(answer.status, 201, "{}", answer.text());
    let (name, key) = (answer.json()["name"].as_str().unwrap().to_owned(), answer.json()["key"].clone());
    assert_eq!(world.get("/channels/a/messages", &basic(LIMITED)).code(), (401, 40131), "the old key was revoked");
    let new = basic_of(key.as_str().unwrap());
    assert_eq!(world.get("/channels/status/messages", &new).code(), (200, 0));
    assert_eq!(world.get("/channels/other/messages", &new).code(), (401, 40160));
    let keys = get(&world, "overview")["apps"][0]["keys"].clone();
    assert!(keys.as_array().unwrap().iter().any(|key| key["name"] == name.as_str() && key["enabled"] == true));
    assert_eq!(post(&world, "keys/app1.limited/rotate", &json!({})).code(), (401, 40131));
}

#[test]
fn tokens_are_issued_in_name_of_key() {
    let world = world();
    for kind in ["token", "jwt"] {
        let asked = json!({ "keyName": KEY, "kind": kind, "ttlMs": 60_000, "capability": r#"{"chat":["history"]}"#, "clientId": "bob" });
        let answer = post(&world, "tokens", &asked);
        assert_eq!(answer.status, 201, "{}", answer.text());
        assert_eq!(answer.json()["report"]["kind"], kind, "{}", answer.text());
        let token = test_support::bearer(answer.json()["token"].as_str().unwrap());
        assert_eq!(world.get("/channels/chat/messages", &token).code(), (200, 0), "{kind}");
        assert_eq!(world.get("/channels/other/messages", &token).code(), (401, 40160), "{kind}");
        world.pass(2 * MINUTE);
        assert_eq!(world.get("/channels/chat/messages", &token).code(), (401, 40142), "{kind}");
    }
    let code = |body: Value| post(&world, "tokens", &body).code();
    assert_eq!(code(json!({ "keyName": REVOKED, "kind": "token" })), (401, 40131));
    assert_eq!(code(json!({ "keyName": REVOKED, "kind": "jwt" })), (401, 40131));
    assert_eq!(code(json!({ "keyName": "app1.none", "kind": "jwt" })), (404, 40400));
    assert_eq!(
        code(json!({ "keyName": LIMITED, "kind": "token", "capability": r#"{"x":["push-admin"]}"# })),
        (401, 40160)
    );
    assert_eq!(code(json!({ "keyName": KEY, "kind": "token", "capability": "{" })).0, 400);
    assert_eq!(code(json!({ "keyName": KEY, "kind": "token", "ttlMs": 0 })).0, 400);
}

#[test]
fn tokens_are_revoked_by_target() {
    let world = world();
    let token = world.token(REVOCABLE, &of("bob"));
    let done = post(&world, "revocations", &json!({ "keyName": REVOCABLE, "targets": ["clientId:bob", "x"] }));
    assert_eq!(done.status, 201, "{}", done.text());
    assert_eq!((&done.json()["successCount"], &done.json()["failureCount"]), (&json!(1), &json!(1)));
    assert_eq!(world.accepts(&token).code(), (401, 40141));
    let body = json!({ "keyName": KEY, "targets": ["clientId:bob"] });
    assert_eq!(post(&world, "revocations", &body).code(), (401, 40163), "the key's tokens are not revocable");
}

#[test]
fn report_has_verdict_of_service() {
    let world = world();
    let inspect = |text: &str| post(&world, "inspect", &json!({ "text": text })).json()["report"].clone();
    let token = world.token(LIMITED, &of("bob"));
    let report = inspect(token.token().expose());
    assert_eq!((&report["kind"], &report["verdict"]["accepted"]), (&json!("token"), &json!(true)), "{report}");
    assert_eq!(report["capability"], r#"{"chat:*":["publish","subscribe"],"status":["history"]}"#);
    assert_eq!(report["life"]["expires"], NOW + HOUR);
    world.pass(2 * HOUR);
    assert_eq!(inspect(token.token().expose())["verdict"]["code"], 40142);
    let forged = jwt_of(
        &json!({ "typ": "JWT", "alg": "HS256", "kid": KEY }),
        &json!({ "iat": NOW / 1000, "exp": NOW / 1000 + 60 }),
        "wrong",
    );
    assert_eq!(inspect(&forged)["verdict"]["accepted"], false);
    assert_eq!(inspect(&format!("{KEY}:{SECRET}"))["verdict"]["accepted"], true);
    assert_eq!(inspect(&format!("{KEY}:wrong"))["verdict"]["code"], 40101);
    assert_eq!(inspect("hello")["verdict"], Value::Null);
}

#[test]
fn token_request_is_checked_without_being_exchanged() {
    let world = world();
    let mut request = serde_json::to_value(world.sign(KEY, &of("bob").ttl(ttl(HOUR)))).unwrap();
    let inspect =
        |request: &Value| post(&world, "inspect", &json!({ "text": request.to_string() })).json()["report"].clone();
    let report = inspect(&request);
    assert_eq!((&report["verdict"]["accepted"], &report["title"]), (&json!(true), &json!("token request")), "{report}");
    let exchange = Request::post(format!("/keys/{KEY}/requestToken"));
    assert_eq!(world.send(with_json(exchange), request.to_string()).status, 201, "its nonce is not used yet");
    request["ttl"] = json!(HOUR / 2);
    let report = inspect(&request);
    assert_eq!((&report["verdict"]["accepted"], &report["verdict"]["code"]), (&json!(false), &json!(40101)));
    assert!(report["problems"].to_string().contains("ttl"), "{report}");
}

#[test]
fn answer_about_jwt_respects_its_key() {
    let world = world();
    let jwt = jwt(LIMITED, 60, &json!({ "x-ably-capability": r#"{"*":["*"]}"# }));
    let ask = |channel: &str| {
        post(&world, "inspect", &json!({ "text": jwt, "operation": "publish", "channel": channel })).json()
    };
    assert_eq!(ask("chat:1")["answer"]["permitted"], true);
    let answer = ask("other");
    assert_eq!((&answer["answer"]["permitted"], &answer["report"]["title"]), (&json!(false), &json!("JWT")));
    assert!(answer["report"]["matrix"].to_string().contains("refused"), "{answer}");
}

#[test]
fn report_answers_what_credential_permits() {
    let world = world();
    let ask = |operation: &str, channel: &str| {
        let body = json!({ "text": format!("{LIMITED}:{SECRET}"), "operation": operation, "channel": channel });
        post(&world, "inspect", &body).json()["answer"].clone()
    };
    assert_eq!(ask("publish", "chat:1")["permitted"], true);
    assert_eq!(ask("publish", "other")["permitted"], false);
    assert!(!ask("publish", "other")["explanation"].as_str().unwrap().is_empty());
    let half = json!({ "text": "x", "operation": "publish" });
    assert_eq!(post(&world, "inspect", &half).code().0, 400);
}

#[test]
fn capabilities_are_intersected() {
    let world = world();
    let intersect = |a: &str, b: &str| post(&world, "intersect", &json!({ "a": a, "b": b }));
    let common = intersect(r#"{"*":["publish"]}"#, r#"{"chat":["*"]}"#).json();
    assert_eq!((&common["granted"], &common["permitsNothing"]), (&json!(r#"{"chat":["publish"]}"#), &json!(false)));
    assert_eq!(intersect(r#"{"a":["publish"]}"#, r#"{"b":["publish"]}"#).json()["permitsNothing"], true);
    assert!(intersect("{", "{}").message().contains("`a`"));
    assert!(intersect("{}", "[").message().contains("`b`"));
}
