//! Tests of `requestToken`: the exchange of token requests for tokens.

use ably_auth_core::{ClientId, Timestamp, TokenDetails};
use http::Request;
use serde_json::{Value, json};

use crate::support::*;

fn exchange(world: &World, body: &Value) -> Answer {
    world.send(Request::post(format!("/keys/{KEY}/requestToken")), body.to_string())
}

fn fields<'a>(world: &World, more: &[(&'a str, Value)]) -> Vec<(&'a str, Value)> {
    let mut fields = vec![
        ("keyName", json!(KEY)),
        ("timestamp", json!(world.now())),
        ("nonce", json!(format!("nonce-of-{more:?}-at-{}", world.now()))),
    ];
    for (name, value) in more {
        fields.retain(|(known, _)| known != name);
        fields.push((name, value.clone()));
    }
    fields
}

/// Returns a correctly signed request with default values, where `more` replaces or adds values.
fn signed(world: &World, more: &[(&str, Value)]) -> Value {
    sign_raw(&fields(world, more))
}

#[test]
fn token_has_requested_params() {
    let world = World::new();
    let asked = of("bob").ttl(ttl(5 * MINUTE)).capability(r#"{"chat:1":["subscribe","publish"]}"#);
    let answer = world.exchange(&world.sign(KEY, &asked));
    assert_eq!(answer.status, 201);
    let details: TokenDetails = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(details.key_name().unwrap().as_str(), KEY);
    assert_eq!(details.issued(), Some(Timestamp::from_millis(NOW)));
    assert_eq!(details.expires(), Some(Timestamp::from_millis(NOW + 5 * MINUTE)));
    assert_eq!(details.capability_text(), Some(r#"{"chat:1":["publish","subscribe"]}"#));
    assert_eq!(details.client_id().as_str(), Some("bob"));
    assert!(details.token().expose().starts_with("app1."));
    assert!(!answer.text().contains(SECRET));
}

#[test]
fn omitted_params_get_defaults() {
    let world = World::new();
    let details = world.token(LIMITED, &params());
    assert_eq!(details.expires(), Some(Timestamp::from_millis(NOW + HOUR)));
    assert_eq!(details.capability_text(), Some(r#"{"chat:*":["publish","subscribe"],"status":["history"]}"#));
    assert!(details.client_id().is_none());
    assert_ne!(world.token(KEY, &params()).token(), world.token(KEY, &params()).token());
}

#[test]
fn token_capability_is_intersection_with_key() {
    let world = World::new();
    let asked = can(r#"{"chat:1":["*"],"other":["publish"],"status":["history","publish"]}"#);
    let granted = r#"{"chat:1":["publish","subscribe"],"status":["history"]}"#;
    assert_eq!(world.token(LIMITED, &asked).capability_text(), Some(granted));
}

#[test]
fn empty_intersection_is_refused_with_reason() {
    let world = World::new();
    let cases = [(r#"{"other":["publish"]}"#, "other resources"), (r#"{"status":["publish"]}"#, "other operations")];
    for (capability, why) in cases {
        let answer = world.exchange(&world.sign(LIMITED, &can(capability)));
        assert_eq!(answer.code(), (401, 40160));
        assert!(answer.message().contains(capability) && answer.message().contains(why), "{}", answer.message());
    }
    assert_eq!(exchange(&world, &signed(&world, &[("capability", json!("{}"))])).code(), (401, 40160));
}

#[test]
fn key_of_path_must_match_request() {
    let world = World::new();
    let body = signed(&world, &[]).to_string();
    let post = |path: &str| world.send(Request::post(format!("/keys/{path}/requestToken")), body.clone()).code();
    assert_eq!(post("nokey"), (400, 40005));
    assert_eq!(post("a.b.c"), (400, 40005));
    assert_eq!(post("app1.k%20"), (400, 40005));
    assert_eq!(post("app1.%FF"), (400, 40000));
    assert_eq!(post(REVOCABLE), (400, 40000));
    assert_eq!(post(KEY), (201, 0));
}

#[test]
fn unknown_app_or_key_is_refused() {
    let world = World::new();
    assert_eq!(world.exchange(&world.sign("app9.key1", &params())).code(), (404, 40400));
    assert_eq!(world.exchange(&world.sign("app1.key9", &params())).code(), (401, 40400));
}

#[test]
fn wrong_or_missing_mac_is_refused() {
    let world = World::new();
    for (name, value) in [
        ("ttl", json!(60_001)),
        ("capability", json!(r#"{"*":["publish"]}"#)),
        ("clientId", json!("alice")),
        ("timestamp", json!(NOW + 1)),
        ("nonce", json!("another nonce, long enough")),
        ("mac", json!("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")),
        ("mac", json!("no base64")),
        ("mac", Value::Null),
    ] {
        let mut request = signed(&world, &[("ttl", json!(60_000)), ("clientId", json!("bob"))]);
        request[name] = value;
        assert_eq!(exchange(&world, &request).code(), (401, 40101), "{name}");
    }
}

#[test]
fn revoked_or_expired_key_is_refused() {
    let world = World::new();
    assert_eq!(world.exchange(&world.sign(REVOKED, &params())).code(), (401, 40131));
    assert_eq!(world.exchange(&world.sign(EXPIRING, &params())).code(), (201, 0));
    world.set(NOW + HOUR / 2 - 1);
    assert_eq!(world.exchange(&world.sign(EXPIRING, &params())).code(), (201, 0));
    world.set(NOW + HOUR / 2);
    assert_eq!(world.exchange(&world.sign(EXPIRING, &params())).code(), (401, 40132));
}

#[test]
fn wrong_mac_is_reported_before_state_of_key() {
    let world = World::new();
    for name in [REVOKED, EXPIRING, KEY] {
        world.set(NOW + HOUR);
        let mut request = serde_json::to_value(world.sign(name, &params())).unwrap();
        request["nonce"] = json!("another nonce, long enough");
        request["timestamp"] = json!(1);
        request["ttl"] = json!(0);
        let path = format!("/keys/{name}/requestToken");
        assert_eq!(world.send(Request::post(path), request.to_string()).code(), (401, 40101));
    }
}

#[test]
fn unsigned_request_reveals_unknown_key_but_no_state() {
    let world = World::new();
    let post = |name: &str| {
        let path = format!("/keys/{name}/requestToken?request_id=same");
        let mut request = serde_json::to_value(world.sign(KEY, &params())).unwrap();
        (request["keyName"], request["nonce"]) = (json!(name), json!("0123456789abcdef"));
        request["mac"] = json!("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
        world.send(Request::post(path), request.to_string())
    };
    assert_eq!(post("nobody.key1").code(), (404, 40400));
    assert_eq!(post("app1.nobody").code(), (401, 40400));
    let known = [KEY, REVOKED, EXPIRING, LIMITED, REVOCABLE].map(|name| post(name).text());
    assert!(known.iter().all(|answer| *answer == known[0] && answer.contains("40101")), "{known:?}");
}

#[test]
fn timestamp_off_by_over_two_minutes_is_refused() {
    let world = World::new();
    let at = |timestamp: u64| exchange(&world, &signed(&world, &[("timestamp", json!(timestamp))])).code();
    assert_eq!(at(NOW - 2 * MINUTE), (201, 0));
    assert_eq!(at(NOW - 2 * MINUTE - 1), (401, 40104));
    assert_eq!(at(NOW + 2 * MINUTE), (201, 0));
    assert_eq!(at(NOW + 2 * MINUTE + 1), (401, 40104));
    assert_eq!(at(0), (401, 40104));
    assert_eq!(at(u64::MAX), (401, 40104));
}

#[test]
fn token_request_is_exchanged_once() {
    let world = World::new();
    let request = world.sign(KEY, &params());
    assert_eq!(world.exchange(&request).code(), (201, 0));
    assert_eq!(world.exchange(&request).code(), (401, 40105));
    world.set(NOW + 2 * MINUTE);
    assert_eq!(world.exchange(&request).code(), (401, 40105));
    world.set(NOW + 2 * MINUTE + 1);
    assert_eq!(world.exchange(&request).code(), (401, 40104));
}

#[test]
fn refused_request_does_not_use_nonce() {
    let world = World::new();
    let nonce = ("nonce", json!("0123456789abcdef"));
    let mut forged = signed(&world, std::slice::from_ref(&nonce));
    let late = signed(&world, &[nonce.clone(), ("timestamp", json!(NOW - 2 * MINUTE - 1))]);
    let good = signed(&world, &[nonce]);
    forged["clientId"] = json!("mallory");
    assert_eq!(exchange(&world, &forged).code(), (401, 40101));
    assert_eq!(exchange(&world, &late).code(), (401, 40104));
    assert_eq!(exchange(&world, &good).code(), (201, 0));
    let of_another_key = world.sign(LIMITED, &params().nonce("0123456789abcdef".into_nonce()));
    assert_eq!(world.exchange(&of_another_key).code(), (201, 0));
}

trait IntoNonce {
    fn into_nonce(self) -> ably_auth_core::Nonce;
}

impl IntoNonce for &str {
    fn into_nonce(self) -> ably_auth_core::Nonce {
        ably_auth_core::Nonce::parse(self).unwrap()
    }
}

#[test]
fn out_of_range_ttl_is_refused() {
    let world = World::new();
    let with = |ttl: Value| exchange(&world, &signed(&world, &[("ttl", ttl)])).code();
    for good in [json!(1), json!(24 * HOUR), json!("3600000")] {
        assert_eq!(with(good.clone()), (201, 0), "{good}");
    }
    for bad in
        [json!(0), json!(-1), json!(24 * HOUR + 1), json!(u64::MAX), json!("NaN"), json!("1h"), json!(0.5), json!("")]
    {
        assert_eq!(with(bad.clone()), (400, 40003), "{bad}");
    }
    let revocable = |millis| world.exchange(&world.sign(REVOCABLE, &params().ttl(ttl(millis)))).code();
    assert_eq!(revocable(HOUR), (201, 0));
    assert_eq!(revocable(HOUR + 1), (400, 40003));
}

#[test]
fn malformed_capability_is_refused() {
    let world = World::new();
    for bad in [
        "chat",
        "[]",
        r#"{"chat":[]}"#,
        r#"{"chat":["teleport"]}"#,
        r#"{"chat":["*","publish"]}"#,
        r#"{"chat":["publish"],"chat":["subscribe"]}"#,
        r#"{"[x":["publish"]}"#,
        r#"{"chat":["publish"]} more"#,
    ] {
        assert_eq!(exchange(&world, &signed(&world, &[("capability", json!(bad))])).code(), (400, 40000), "{bad}");
    }
    let spaced = signed(&world, &[("capability", json!(r#"{ "b": ["publish"], "a": [ "history" ] }"#))]);
    let answer = exchange(&world, &spaced);
    assert_eq!(answer.json()["capability"], r#"{"a":["history"],"b":["publish"]}"#);
}

#[test]
fn invalid_client_id_or_nonce_is_refused() {
    let world = World::new();
    let with = |name: &str, value: Value| exchange(&world, &signed(&world, &[(name, value)])).code();
    for bad in ["bob\n", "\u{0}", "a\u{85}b"] {
        assert_eq!(with("clientId", json!(bad)), (400, 40012), "{bad:?}");
    }
    for good in ["", "*", "böb", "a b", " "] {
        assert_eq!(with("clientId", json!(good)), (201, 0), "{good:?}");
    }
    for bad in ["", "fifteen-letters", "sixteen-letters\n"] {
        assert_eq!(with("nonce", json!(bad)), (400, 40000), "{bad:?}");
    }
    for bad in [json!("now"), json!("")] {
        assert_eq!(with("timestamp", bad), (400, 40000));
    }
}

#[test]
fn unsigned_request_with_key_is_accepted() {
    let world = World::new();
    let unsigned = json!({ "keyName": KEY, "ttl": 60_000, "clientId": "bob", "timestamp": NOW });
    let path = format!("/keys/{KEY}/requestToken");
    let post = |credential: &str, body: &Value| world.post(&path, credential, body).code();
    assert_eq!(post(&basic(KEY), &unsigned), (201, 0));
    assert_eq!(post(&basic_of(&format!("{KEY}:wrong")), &unsigned), (401, 40101));
    assert_eq!(post(&basic(LIMITED), &unsigned), (401, 40101));
    assert_eq!(exchange(&world, &unsigned).code(), (401, 40101));
    let query = world.send(Request::post(format!("{path}?key={KEY}:{SECRET}")), unsigned.to_string());
    assert_eq!(query.code(), (201, 0));

    assert_eq!(post(&basic_of(&format!("{KEY}:wrong")), &signed(&world, &[("ttl", json!(1))])), (401, 40101));
    assert_eq!(post(&basic(KEY), &json!({ "keyName": KEY, "timestamp": NOW - 3 * MINUTE })), (401, 40104));
    assert_eq!(post(&basic(KEY), &json!({ "keyName": KEY, "mac": "x" })), (401, 40101));
    let stranger = bearer(&details("app1.x"));
    assert_eq!(post(&stranger, &unsigned), (401, 40145));
    assert_eq!(post(&stranger, &signed(&world, &[("ttl", json!(2))])), (201, 0));

    let world = World::without_sandbox();
    assert_eq!(world.post(&path, &basic(KEY), &unsigned).code(), (401, 40103));
}

#[test]
fn unsigned_request_gets_no_more_than_its_token() {
    let world = World::new();
    let post = |credential: &str, fields: Value| {
        let mut body = json!({ "keyName": KEY, "timestamp": NOW });
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        world.post(&format!("/keys/{KEY}/requestToken"), credential, &body)
    };
    let has = can(r#"{"chat:*":["publish","subscribe"],"news":["history"]}"#).ttl(ttl(30 * MINUTE));
    let of_bob = bearer(&world.token(KEY, &has.clone().client_id("bob")));
    let granted: TokenDetails = serde_json::from_slice(&post(&of_bob, json!({})).body).unwrap();
    assert_eq!(granted.capability_text(), Some(r#"{"chat:*":["publish","subscribe"],"news":["history"]}"#));
    assert_eq!(granted.client_id().as_str(), Some("bob"));
    assert_eq!(granted.expires().unwrap().as_millis(), NOW + 30 * MINUTE, "not the default of one hour");
    assert_eq!(world.accepts(&granted).code(), (401, 40160), "the token is valid, but does not permit `stats`");
    let less = post(&of_bob, json!({ "capability": r#"{"chat:a":["*"],"other":["*"]}"#, "ttl": 1_000 }));
    let less: TokenDetails = serde_json::from_slice(&less.body).unwrap();
    assert_eq!(less.capability_text(), Some(r#"{"chat:a":["publish","subscribe"]}"#));
    assert_eq!(less.expires().unwrap().as_millis(), NOW + 1_000);

    let refused = |credential: &str, fields: Value| post(credential, fields).code();
    assert_eq!(refused(&of_bob, json!({ "capability": r#"{"other":["*"]}"# })), (401, 40160));
    for (holder, asked, code) in [
        (ClientId::parse("bob").unwrap(), "alice", (401, 40102)),
        (ClientId::parse("bob").unwrap(), "*", (401, 40102)),
        (ClientId::parse("bob").unwrap(), "bob", (201, 0)),
        (ClientId::None, "bob", (401, 40102)),
        (ClientId::Any, "bob", (201, 0)),
        (ClientId::Any, "*", (201, 0)),
    ] {
        let token = bearer(&world.token(KEY, &has.clone().client_id(holder.clone())));
        assert_eq!(refused(&token, json!({ "clientId": asked })), code, "{holder:?} asks for {asked}");
    }
    let of_jwt = format!("Bearer {}", jwt(KEY, 60, &json!({})));
    assert_eq!(refused(&of_jwt, json!({})), (401, 40101), "a JWT has limits that the new token would not have");
    let many: Vec<_> = (0..1_500).map(|nth| format!(r#""chat:{nth}":["publish"]"#)).collect();
    let many = json!({ "capability": format!("{{{}}}", many.join(",")) });
    assert_eq!(refused(&of_bob, many), (400, 40000), "large tokens need room in the store");
    for _ in 0..2 {
        let twice = json!({ "nonce": "sixteen-letters-of-nonce" });
        assert_eq!(refused(&of_bob, twice), (201, 0), "the nonce is not stored");
    }
    assert_eq!(refused(&of_bob, json!({ "timestamp": NOW - 3 * MINUTE })), (401, 40104));
    let of_another_key = bearer(&world.token(LIMITED, &params()));
    assert_eq!(refused(&of_another_key, json!({})), (401, 40101));

    let revocable = bearer(&world.token(REVOCABLE, &params()));
    let body = json!({ "keyName": REVOCABLE, "timestamp": NOW });
    let answer = world.post(&format!("/keys/{REVOCABLE}/requestToken"), &revocable, &body);
    assert_eq!(answer.code(), (401, 40101), "the new token would outlive a revocation of the first");
    world.set(NOW + 31 * MINUTE);
    assert_eq!(refused(&of_bob, json!({ "timestamp": NOW + 31 * MINUTE })), (401, 40142));
}

#[test]
fn requests_of_other_implementations_are_accepted() {
    let world = World::new();
    let python = [("capability", json!(r#"{"caf\u00e9": ["publish"]}"#)), ("ttl", json!(3_600_000))];
    assert_eq!(exchange(&world, &signed(&world, &python)).code(), (201, 0));
    // The oldest specification signs an omitted ttl as one hour.
    let mut oldest = signed(&world, &[("ttl", json!(3_600_000))]);
    oldest.as_object_mut().unwrap().remove("ttl");
    assert_eq!(exchange(&world, &oldest).code(), (201, 0));
}
