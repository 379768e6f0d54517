//! Tests of JWTs, which the holder of a key mints without the service.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::Request;
use serde_json::{Value, json};

use crate::support::*;

const PATH: &str = "/channels/chat";

fn get(world: &World, token: &str) -> Answer {
    world.get(PATH, &format!("Bearer {token}"))
}

fn code(world: &World, token: &str) -> (u16, u64) {
    get(world, token).code()
}

fn header() -> Value {
    json!({ "typ": "JWT", "alg": "HS256", "kid": KEY })
}

fn payload() -> Value {
    json!({ "iat": NOW / 1000, "exp": NOW / 1000 + 60 })
}

#[test]
fn jwt_is_accepted_wherever_token_is() {
    let world = World::new();
    let token = jwt(KEY, 60, &json!({}));
    assert_eq!(code(&world, &token), (200, 0));
    assert_eq!(code(&world, &STANDARD.encode(&token)), (200, 0));
    assert_eq!(code(&World::without_sandbox(), &token), (200, 0));
    for name in ["accessToken", "access_token"] {
        assert_eq!(world.send(Request::get(format!("{PATH}?{name}={token}")), "").code(), (200, 0));
    }
}

#[test]
fn jwt_capability_is_intersection_with_key() {
    let world = World::new();
    let publish = |token: &str, channel: &str| {
        world.post(&format!("/channels/{channel}/messages"), &format!("Bearer {token}"), &json!({})).code()
    };
    let nothing_claimed = jwt(LIMITED, 60, &json!({}));
    assert_eq!(publish(&nothing_claimed, "chat:1"), (201, 0));
    assert_eq!(publish(&nothing_claimed, "chat"), (401, 40160));
    let more_claimed = jwt(LIMITED, 60, &json!({ "x-ably-capability": r#"{"[*]*":["*"]}"# }));
    assert_eq!(publish(&more_claimed, "chat:1"), (201, 0));
    assert_eq!(publish(&more_claimed, "other"), (401, 40160));
    let less_claimed = jwt(LIMITED, 60, &json!({ "x-ably-capability": r#"{"chat:2": ["publish"]}"# }));
    assert_eq!(publish(&less_claimed, "chat:2"), (201, 0));
    assert_eq!(publish(&less_claimed, "chat:1"), (401, 40160));
    let nothing_left = jwt(LIMITED, 60, &json!({ "x-ably-capability": r#"{"other":["publish"]}"# }));
    assert_eq!(publish(&nothing_left, "other"), (401, 40160));
    for bad in ["chat", r#"{"chat":[]}"#, r#"{"chat":["teleport"]}"#, r#"{"a":["*"],"a":["*"]}"#] {
        assert_eq!(publish(&jwt(KEY, 60, &json!({ "x-ably-capability": bad })), "chat"), (401, 40144), "{bad}");
    }
}

#[test]
fn jwt_client_id_limits_identity() {
    let world = World::new();
    let acting = |claimed: Value, client_id: &str| {
        let token = jwt(KEY, 60, &json!({ "x-ably-clientId": claimed }));
        let request = Request::get(PATH).header("Authorization", format!("Bearer {token}"));
        world.send(request.header("X-Ably-ClientId", STANDARD.encode(client_id)), "").code()
    };
    assert_eq!(acting(json!("bob"), "bob"), (200, 0));
    assert_eq!(acting(json!("bob"), "alice"), (401, 40102));
    assert_eq!(acting(json!("*"), "alice"), (200, 0));
    assert_eq!(acting(json!(""), "alice"), (400, 40012));
    assert_eq!(acting(json!(5), "alice"), (401, 40144));
    let anonymous = Request::get(PATH).header("Authorization", format!("Bearer {}", jwt(KEY, 60, &json!({}))));
    assert_eq!(world.send(anonymous.header("X-Ably-ClientId", STANDARD.encode("bob")), "").code(), (401, 40102));
}

#[test]
fn forged_or_malformed_jwt_is_refused() {
    let world = World::new();
    let good = jwt(KEY, 60, &json!({}));
    assert_eq!(code(&world, &jwt_of(&header(), &payload(), "another-secret")), (401, 40144));
    let (signed, _) = good.rsplit_once('.').unwrap();
    assert_eq!(code(&world, &format!("{signed}.{}", URL_SAFE_NO_PAD.encode([0; 32]))), (401, 40144));
    assert_eq!(code(&world, &jwt("app9.key1", 60, &json!({}))), (404, 40400));
    assert_eq!(code(&world, &jwt("app1.key9", 60, &json!({}))), (401, 40400));
    for alg in [json!("none"), json!("None"), json!("RS256"), json!("HS384"), json!("hs256"), json!(1), Value::Null] {
        let mut header = header();
        header["alg"] = alg.clone();
        assert_eq!(code(&world, &jwt_of(&header, &payload(), SECRET)), (401, 40144), "{alg}");
    }
    let unsigned = format!("{}.{}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#), URL_SAFE_NO_PAD.encode("{}"));
    for malformed in
        [unsigned.as_str(), "..", "a.b.c", "a.b.c.d.e", &format!("{signed}."), &format!("{good}="), &good[1..]]
    {
        assert_eq!(code(&world, malformed), (401, 40144), "{malformed}");
    }
    for claims in [json!({ "exp": "soon" }), json!({ "iat": [] }), json!({ "exp": 1 })] {
        assert_eq!(code(&world, &jwt(KEY, 60, &claims)), (401, 40144), "{claims}");
    }
}

#[test]
fn forged_jwt_reveals_no_state_of_key() {
    let world = World::new();
    let forged = |key_name: &str| {
        let header = json!({ "typ": "JWT", "alg": "HS256", "kid": key_name });
        let payload = json!({ "iat": NOW / 1000 - 100_000, "exp": NOW / 1000 - 1, "x-ably-capability": "?" });
        let answer = world.send(
            Request::get(format!("{PATH}?request_id=same"))
                .header("Authorization", format!("Bearer {}", jwt_of(&header, &payload, "guess"))),
            "",
        );
        (answer.code(), answer.text(), format!("{:?}", answer.headers))
    };
    assert_eq!(forged(KEY).0, (401, 40144));
    for other in [REVOKED, EXPIRING, LIMITED, REVOCABLE] {
        assert_eq!(forged(KEY), forged(other), "{other}");
    }
}

#[test]
fn jwt_is_valid_from_iat_to_exp() {
    let world = World::new();
    let second = NOW / 1000;
    let token = |iat: u64, exp: u64| jwt(KEY, 0, &json!({ "iat": iat, "exp": exp }));
    assert_eq!(code(&world, &token(second - 60, second + 1)), (200, 0));
    world.set((second + 1) * 1000 - 1);
    assert_eq!(code(&world, &token(second - 60, second + 1)), (200, 0));
    world.set((second + 1) * 1000);
    assert_eq!(code(&world, &token(second - 60, second + 1)), (401, 40142), "expires to the millisecond");
    assert_eq!(code(&world, &token(second - 60, second - 30)), (401, 40142));
    // A JWT of a clock that is two seconds ahead is accepted, and one of a clock further ahead is refused.
    world.set(second * 1000);
    assert_eq!(code(&world, &token(second + 2, second + 60)), (200, 0));
    assert_eq!(code(&world, &token(second + 3, second + 60)), (401, 40144));
    assert_eq!(code(&world, &jwt(KEY, 60, &json!({ "nbf": second + 3 }))), (401, 40144));
}

#[test]
fn jwt_with_too_long_lifetime_is_refused() {
    let world = World::new();
    let (day, hour) = (24 * 60 * 60, 60 * 60);
    assert_eq!(code(&world, &jwt(KEY, day, &json!({}))), (200, 0));
    assert_eq!(code(&world, &jwt(KEY, day + 1, &json!({}))), (400, 40003));
    assert_eq!(code(&world, &jwt(REVOCABLE, hour, &json!({}))), (200, 0));
    assert_eq!(code(&world, &jwt(REVOCABLE, hour + 1, &json!({}))), (400, 40003));
    assert_eq!(code(&world, &jwt(KEY, 0, &json!({}))), (401, 40144));
}

#[test]
fn jwt_ends_with_its_key() {
    let world = World::new();
    assert_eq!(code(&world, &jwt(REVOKED, 60, &json!({}))), (401, 40141));
    let token = jwt(EXPIRING, 3_600, &json!({}));
    assert_eq!(code(&world, &token), (200, 0));
    world.set(NOW + HOUR / 2);
    assert_eq!(code(&world, &token), (401, 40142));
}

#[test]
fn jwt_is_revoked_by_client_revocation_key_or_channel() {
    let claims = json!({
        "x-ably-clientId": "bob",
        "x-ably-revocation-key": "group:1",
        "x-ably-capability": r#"{"chat":["*"],"foo:*":["*"]}"#,
    });
    for (target, revoked) in [
        ("clientId:bob", true),
        ("revocationKey:group:1", true),
        ("channel:foo:*", true),
        ("clientId:group:1", false),
        ("revocationKey:group", false),
        ("revocationKey:bob", false),
        ("channel:foo:a", false),
        ("channel:*", false),
    ] {
        let world = World::new();
        let [of_key, of_another] = [REVOCABLE, KEY].map(|key_name| jwt(key_name, 60, &claims));
        let path = format!("/keys/{REVOCABLE}/revokeTokens");
        assert_eq!(world.post(&path, &basic(REVOCABLE), &json!({ "targets": [target] })).status, 201);
        let expected = if revoked { (401, 40141) } else { (200, 0) };
        assert_eq!(code(&world, &of_key), expected, "{target}");
        assert_eq!(code(&world, &of_another), (200, 0), "{target}: a JWT of another key is not revoked");
        world.set(NOW + 3_000);
        let later = jwt(REVOCABLE, 60, &json!({ "iat": NOW / 1000 + 3, "x-ably-clientId": "bob" }));
        assert_eq!(code(&world, &later), (200, 0), "{target}: a JWT minted later is not revoked");
    }
}

#[test]
fn revoked_channel_matches_claimed_and_granted_text() {
    let world = World::new();
    let path = format!("/keys/{REVOCABLE}/revokeTokens");
    let token = jwt(REVOCABLE, 60, &json!({ "x-ably-capability": r#"{"[*]*":["*"]}"# }));
    assert_eq!(code(&world, &token), (200, 0));
    world.post(&path, &basic(REVOCABLE), &json!({ "targets": ["channel:[*]*"] }));
    assert_eq!(
        code(&world, &token),
        (401, 40141),
        "the target matches the claimed resource, although the key has only `*`"
    );
    let world = World::new();
    world.post(&path, &basic(REVOCABLE), &json!({ "targets": ["channel:*"] }));
    assert_eq!(code(&world, &token), (401, 40141), "the target matches the granted resource");
}

#[test]
fn message_gets_client_id_of_jwt() {
    let world = World::new();
    let token = format!("Bearer {}", jwt(KEY, 60, &json!({ "x-ably-clientId": "bob" })));
    assert_eq!(world.post("/channels/chat/messages", &token, &json!({ "data": 1 })).status, 201);
    assert_eq!(world.get("/channels/chat/messages", &token).json()[0]["clientId"], "bob");
}

/// Covers what existing JWT libraries write: null for a claim without a value, and times as any JSON number.
#[test]
fn null_claims_and_times_with_exponent_are_accepted() {
    let world = World::new();
    for name in ["nbf", "x-ably-clientId", "x-ably-revocation-key", "x-ably-token", "ably.channel.chat"] {
        assert_eq!(code(&world, &jwt(KEY, 60, &json!({ name: null }))), (200, 0), "{name}");
    }
    let guest = format!("Bearer {}", jwt(KEY, 60, &json!({ "x-ably-clientId": null })));
    assert_eq!(world.post("/channels/chat/messages", &guest, &json!({ "data": 1 })).status, 201);
    assert_eq!(world.get("/channels/chat/messages", &guest).json()[0].get("clientId"), None);
    let seconds = |seconds: u64| serde_json::from_str::<Value>(&format!("{:e}", seconds as f64)).unwrap();
    let times = json!({ "iat": seconds(NOW / 1000), "exp": seconds(NOW / 1000 + 60) });

    assert_eq!(code(&world, &jwt(KEY, 60, &times)), (200, 0));
}

/// Guards against accidental rights: a JWT without a capability has all rights of its key, so null must not count as absent.
#[test]
fn null_capability_is_refused() {
    let world = World::new();
    for key in [KEY, LIMITED] {
        let token = jwt(key, 60, &json!({ "x-ably-capability": null }));
        assert_eq!(code(&world, &token), (401, 40144), "{key}");
    }
}
