//! Tests of tokens that are embedded in JWTs of other issuers.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Request;
use serde_json::{Value, json};

use crate::support::*;

fn encode(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

/// Returns a JWT whose signature the service cannot verify.
fn signed(header: &Value, payload: &Value) -> String {
    format!("{}.{}.{}", encode(header), encode(payload), URL_SAFE_NO_PAD.encode("signature"))
}

fn encrypted(header: &Value) -> String {
    format!("{}..aXY.Y2lwaGVydGV4dA.dGFn", encode(header))
}

fn code(world: &World, token: &str) -> (u16, u64) {
    world.get("/channels/chat", &format!("Bearer {token}")).code()
}

/// Returns a native token and a JWT, each valid for a minute.
fn inner(world: &World) -> [String; 2] {
    let native = world.token(KEY, &params().ttl(ttl(MINUTE)));
    [native.token().expose().to_owned(), jwt(KEY, 60, &json!({}))]
}

#[test]
fn embedded_token_is_accepted_in_each_place() {
    let world = World::new();
    for token in inner(&world) {
        let in_header = json!({ "alg": "RS256", "x-ably-token": token });
        let outer = [
            signed(&in_header, &json!({ "sub": "bob" })),
            signed(&json!({ "alg": "none" }), &json!({ "x-ably-token": token })),
            signed(&in_header, &json!({ "x-ably-token": token, "exp": NOW / 1000 })),
            encrypted(&json!({ "alg": "dir", "enc": "A256GCM", "x-ably-token": token })),
        ];
        for outer in outer {
            assert_eq!(code(&world, &outer), (200, 0), "{outer}");
            assert_eq!(world.send(Request::get(format!("/channels/chat?access_token={outer}")), "").code(), (200, 0));
        }
    }
}

#[test]
fn embedded_token_is_fully_checked() {
    let world = World::new();
    let embed = |token: &str| signed(&json!({ "alg": "RS256", "x-ably-token": token }), &json!({}));
    let [native, minted] = inner(&world);
    assert_eq!(code(&world, &embed(&native.replace("app1.", "app2."))), (401, 40143));
    assert_eq!(code(&world, &embed("app1.short")), (401, 40145));
    assert_eq!(code(&world, &embed("app1")), (401, 40145));
    assert_eq!(code(&world, &embed(" ")), (401, 40145));
    assert_eq!(code(&world, &embed(&minted[..minted.len() - 2])), (401, 40144));
    assert_eq!(code(&world, &embed(&jwt(REVOKED, 60, &json!({})))), (401, 40141));
    let limited = embed(&jwt(LIMITED, 60, &json!({ "x-ably-capability": r#"{"chat:*":["publish"]}"# })));
    assert_eq!(code(&world, &limited), (401, 40160));
    // The Ably claims of the outer JWT are ignored.
    let claims = json!({ "x-ably-token": jwt(LIMITED, 60, &json!({})), "x-ably-capability": r#"{"*":["*"]}"# });
    assert_eq!(code(&world, &jwt(KEY, 60, &claims)), (401, 40160));
    world.set(NOW + MINUTE);
    assert_eq!(code(&world, &embed(&native)), (401, 40142));
    assert_eq!(code(&world, &embed(&minted)), (401, 40142));
}

#[test]
fn outer_jwt_must_not_outlive_embedded_token() {
    let world = World::new();
    let [native, minted] = inner(&world);
    // The native token expires within a second, and the JWT at the start of one.
    for (token, last) in [(native, (NOW + MINUTE) / 1000), (minted, NOW / 1000 + 60)] {
        for at in [json!({ "x-ably-token": token }), json!({})] {
            let header = json!({ "alg": "RS256", "x-ably-token": token });
            let ending = |seconds: u64| {
                let mut payload = at.clone();
                payload["exp"] = json!(seconds);
                signed(&header, &payload)
            };
            assert_eq!(code(&world, &ending(last)), (200, 0));
            assert_eq!(code(&world, &ending(last + 1)), (401, 40144));
        }
        let header = |seconds: u64| json!({ "alg": "dir", "enc": "A256GCM", "x-ably-token": token, "exp": seconds });
        assert_eq!(code(&world, &encrypted(&header(last))), (200, 0));
        assert_eq!(code(&world, &encrypted(&header(last + 1))), (401, 40144));
    }
}

#[test]
fn nested_embedding_is_refused() {
    let world = World::new();
    let [native, minted] = inner(&world);
    let once = signed(&json!({ "alg": "RS256", "x-ably-token": native }), &json!({}));
    let twice = signed(&json!({ "alg": "RS256", "x-ably-token": once }), &json!({}));
    assert_eq!((code(&world, &once), code(&world, &twice)), ((200, 0), (401, 40144)));
    // This JWT is valid, but it has an embedded token, so it must not be embedded itself.
    let envelope = jwt(KEY, 60, &json!({ "x-ably-token": jwt(LIMITED, 60, &json!({})) }));
    let twice = signed(&json!({ "alg": "RS256", "x-ably-token": envelope }), &json!({}));
    assert_eq!(code(&world, &twice), (401, 40144));
    let disagreeing = signed(&json!({ "x-ably-token": native }), &json!({ "x-ably-token": minted }));
    assert_eq!(code(&world, &disagreeing), (401, 40144));
    assert_eq!(code(&world, &signed(&json!({ "x-ably-token": 5 }), &json!({}))), (401, 40144));
    assert_eq!(code(&world, &encrypted(&json!({ "alg": "dir", "enc": "A256GCM" }))), (401, 40144));
}
