//! Tests of authentication with keys and tokens, and of the client IDs that they permit.

use ably_auth_server::Service;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use http::Request;
use serde_json::json;

use crate::support::*;

const PATH: &str = "/channels/chat";

#[test]
fn missing_credential_is_challenged() {
    let world = World::new();
    let answer = world.send(Request::get(PATH), "");
    assert_eq!(answer.code(), (401, 40101));
    assert_eq!(answer.header("www-authenticate"), r#"x-ably-token realm="ably", Bearer realm="ably""#);
    assert_eq!(world.get(PATH, "Digest x").code(), (401, 40101));
}

#[test]
fn key_without_tls_is_refused_outside_sandbox() {
    let world = World::without_sandbox();
    assert_eq!(world.get(PATH, &basic(KEY)).code(), (401, 40103));
    assert_eq!(world.send(Request::get(format!("{PATH}?key={KEY}:{SECRET}")), "").code(), (401, 40103));
    let token = world.token(KEY, &params());
    assert_eq!(world.get(PATH, &bearer(&token)).code(), (200, 0));
}

#[test]
fn key_credentials_are_checked() {
    let world = World::new();
    let get = |credential: &str| world.get(PATH, credential).code();
    assert_eq!(get(&basic(KEY)), (200, 0));
    assert_eq!(get(&basic(KEY).replace("Basic", "bAsIc")), (200, 0));
    assert_eq!(get(&format!("Basic {}", STANDARD_NO_PAD.encode(format!("{KEY}:{SECRET}")))), (200, 0));
    assert_eq!(get(&basic_of(&format!("{KEY}:wrong"))), (401, 40101));
    assert_eq!(get(&basic_of(&format!("{KEY}:{SECRET}x"))), (401, 40101));
    assert_eq!(get(&basic("app9.key1")), (404, 40400));
    assert_eq!(get(&basic("app1.key9")), (401, 40400));
    assert_eq!(get(&basic(REVOKED)), (401, 40131));
    for not_a_key in ["Basic", "Basic !!", "Basic =", &basic_of("user:pass"), &basic_of("app1.key1"), "Basic /w=="] {
        assert_eq!(get(not_a_key), (401, 40005), "{not_a_key}");
    }
    world.set(NOW + HOUR);
    assert_eq!(world.get(PATH, &basic(EXPIRING)).code(), (401, 40132));
}

#[test]
fn plain_and_base64_tokens_are_accepted() {
    let world = World::new();
    let token = world.token(KEY, &params());
    let text = token.token().expose();
    let encoded = STANDARD.encode(text);
    assert_eq!(world.get(PATH, &format!("Bearer {text}")).code(), (200, 0));
    assert_eq!(world.get(PATH, &format!("bearer {encoded}")).code(), (200, 0));
    assert_eq!(world.get(PATH, &format!("Bearer {}", encoded.trim_end_matches('='))).code(), (200, 0));
    for name in ["accessToken", "access_token"] {
        assert_eq!(world.send(Request::get(format!("{PATH}?{name}={text}")), "").code(), (200, 0));
    }
    assert_eq!(world.send(Request::get(format!("{PATH}?key={KEY}:{SECRET}")), "").code(), (200, 0));
    let both = Request::get(PATH).header("Authorization", format!("Bearer {text}")).header("Authorization", basic(KEY));
    assert_eq!(world.send(both, "").code(), (401, 40005));
    let key = format!("key={KEY}:{SECRET}");
    for query in [
        format!("accessToken={text}&accessToken={text}"),
        format!("access_token={text}&accessToken={text}"),
        format!("{key}&{key}"),
    ] {
        let answer = world.send(Request::get(format!("{PATH}?{query}")), "");
        assert_eq!(answer.code(), (401, 40005));
        assert!(!answer.message().contains(SECRET));
    }
}

#[test]
fn malformed_and_foreign_tokens_are_refused() {
    let world = World::new();
    let get = |credential: &str| world.get(PATH, credential).code();
    for malformed in
        ["Bearer", "Bearer !", "Bearer xyz", "Bearer app1.", "Bearer app1.AAAA", "Bearer app1.!!", "Bearer a b.c"]
    {
        assert_eq!(get(malformed), (401, 40145), "{malformed}");
    }
    let token = world.token(KEY, &params());
    let text = token.token().expose();
    let of_unknown_app = text.replace("app1.", "app9.");
    let of_another_app = text.replace("app1.", "app2.");
    let longer = format!("app1.AQAA{}", &text["app1.".len()..]);
    for foreign in [of_unknown_app, of_another_app, longer] {
        assert_eq!(get(&format!("Bearer {foreign}")), (401, 40143));
    }
    let other = Service::builder().apps(apps()).service_secret([8; 32]).build().unwrap();
    let request = Request::get(PATH).header("Authorization", format!("Bearer {text}"));
    assert_eq!(answer(&other, request, "").code(), (401, 40143));
    let twin =
        Service::builder().apps(apps()).service_secret([7; 32]).clock(|| ably_auth_core::Timestamp::from_millis(NOW));
    let request = Request::get(PATH).header("Authorization", format!("Bearer {text}"));
    assert_eq!(answer(&twin.build().unwrap(), request, "").code(), (200, 0));
}

#[test]
fn expired_token_is_refused() {
    let world = World::new();
    let token = world.token(KEY, &params().ttl(ttl(MINUTE)));
    world.set(NOW + MINUTE - 1);
    assert_eq!(world.accepts(&token).code(), (200, 0));
    world.set(NOW + MINUTE);
    assert_eq!(world.accepts(&token).code(), (401, 40142));
}

#[test]
fn token_ends_with_its_key() {
    let world = World::new();
    let token = world.token(EXPIRING, &params());
    assert_eq!(token.expires().unwrap().as_millis(), NOW + HOUR / 2);
    world.set(NOW + HOUR / 2);
    assert_eq!(world.accepts(&token).code(), (401, 40142));

    // Restart the service with the same secret, first with the key revoked and then without the key.
    let world = World::new();
    let token = world.token(KEY, &params());
    for keys in [json!([{ "id": "key1", "secret": SECRET, "enabled": false }]), json!([])] {
        let apps = ably_auth_server::Apps::from_json(&json!({ "appId": "app1", "keys": keys }).to_string()).unwrap();
        let service = Service::builder().apps(apps).service_secret([7; 32]).build().unwrap();
        let refused = answer(&service, Request::get(PATH).header("Authorization", bearer(&token)), "");
        assert_eq!(refused.code(), (401, 40141));
        assert!(refused.message().contains("key"), "{}", refused.message());
    }
}

#[test]
fn client_id_header_must_match_credential() {
    let world = World::new();
    let acting = |credential: &str, client_id: &str| {
        let request = Request::get(PATH).header("Authorization", credential);
        world.send(request.header("X-Ably-ClientId", STANDARD.encode(client_id)), "").code()
    };
    let tokens = ["none", "bob", "*"].map(|id| if id == "none" { params() } else { of(id) });
    let [anonymous, bob, anybody] = tokens.map(|params| bearer(&world.token(KEY, &params)));
    assert_eq!(acting(&anonymous, "bob"), (401, 40102));
    assert_eq!(acting(&bob, "bob"), (200, 0));
    assert_eq!(acting(&bob, "alice"), (401, 40102));
    assert_eq!(acting(&anybody, "böb"), (200, 0));
    assert_eq!(acting(&basic(KEY), "alice"), (200, 0));
    for bad in ["", "*", "b\nb"] {
        assert_eq!(acting(&anybody, bad), (400, 40012), "{bad:?}");
    }
    for bad in ["!!", "bob", "/w=="] {
        let request = Request::get(PATH).header("Authorization", &anybody).header("X-Ably-ClientId", bad);
        assert_eq!(world.send(request, "").code(), (400, 40012), "{bad:?}");
    }
    for second in ["bob", "alice"].map(|name| STANDARD.encode(name)) {
        let request = Request::get(PATH).header("Authorization", &anybody);
        let request = request.header("X-Ably-ClientId", STANDARD.encode("bob")).header("X-Ably-ClientId", second);
        assert_eq!(world.send(request, "").code(), (400, 40012));
    }
}
