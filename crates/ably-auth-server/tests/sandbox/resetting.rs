//! Tests of the clock and of the reset of a sandbox.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use ably_auth_core::{TokenParams, jwt};
use ably_auth_server::{App, Key, Sandbox};
use serde_json::json;

use crate::client::*;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Starts a sandbox whose tokens can be revoked.
fn revocable() -> Sandbox {
    let key = Key::new("shop.backend:secret".parse().unwrap()).with_revocable_tokens(true);
    Sandbox::builder().app(App::new("shop").unwrap().with_key(key).unwrap()).start().unwrap()
}

#[test]
fn tokens_expire_when_clock_is_advanced() {
    let sandbox = Sandbox::start().unwrap();
    let tokens = [token(&sandbox), minted(&sandbox)];
    let use_all = |code| {
        for token in &tokens {
            assert_eq!(history(&sandbox, &bearer(token)).code(), code);
        }
    };
    sandbox.advance_clock(Duration::from_secs(3590));
    use_all((200, 0));
    sandbox.advance_clock(Duration::from_secs(10));
    use_all((401, 40142));
    assert_eq!(history(&sandbox, &bearer(&token(&sandbox))).code(), (200, 0));
}

#[test]
fn requests_signed_by_either_clock_are_exchanged_once() {
    let sandbox = Sandbox::start().unwrap();
    let by_clients_clock = signed(&sandbox, "signed-before-the-clock-was-moved");
    sandbox.advance_clock(DAY / 24);
    let by_services_clock = signed(&sandbox, "signed-by-the-time-of-the-service");
    for request in [&by_clients_clock, &by_services_clock] {
        let answer = exchange(&sandbox, request);
        assert_eq!(answer.status, 201, "{}", answer.body);
        let issued = answer.json()["issued"].as_u64().unwrap();
        assert!(time(&sandbox).as_millis() - issued < 60_000, "issued by the service's clock");
        assert_eq!(exchange(&sandbox, request).code(), (401, 40105));
    }
    sandbox.advance_clock(DAY / 24);
    assert_eq!(exchange(&sandbox, &signed(&sandbox, "signed-by-the-service-two-hours-on")).status, 201);
    assert_eq!(
        exchange(&sandbox, &by_services_clock).code(),
        (401, 40104),
        "the timestamp is one hour off from both clocks"
    );
}

#[test]
fn clock_advances_by_any_time() {
    let sandbox = Sandbox::start().unwrap();
    let before = time(&sandbox);
    sandbox.advance_clock(30 * DAY);
    let ahead = time(&sandbox).millis_since(before);
    assert!((30 * 86_400_000..31 * 86_400_000).contains(&ahead), "{ahead}");
    assert_eq!(history(&sandbox, &bearer(&token(&sandbox))).code(), (200, 0));
    sandbox.advance_clock(Duration::MAX);
    sandbox.advance_clock(Duration::MAX);
    assert_eq!(time(&sandbox).as_millis(), u64::MAX);
    assert_eq!(history(&sandbox, &basic(sandbox.key())).code(), (200, 0));
}

#[test]
fn reset_forgets_apps_messages_tokens_nonces_and_time() {
    let sandbox = Sandbox::start().unwrap();
    let key = sandbox.key().clone();
    let other =
        send(&sandbox, "POST", "/apps", "", "{}").json()["keys"][0]["keyStr"].as_str().unwrap().parse().unwrap();
    assert_eq!(history(&sandbox, &basic(&other)).code(), (200, 0));
    let published = send(&sandbox, "POST", "/channels/chat/messages", &basic(&key), r#"{"data":"hello"}"#);
    assert_eq!(published.status, 201);
    let (token, jwt, signed) = (token(&sandbox), minted(&sandbox), signed(&sandbox, "a-nonce-that-is-used-once"));
    assert_eq!(exchange(&sandbox, &signed).status, 201);
    assert_eq!(exchange(&sandbox, &signed).code(), (401, 40105));
    sandbox.advance_clock(2 * DAY);

    sandbox.reset().unwrap();
    assert_eq!(sandbox.key(), &key);
    assert_eq!(history(&sandbox, &basic(&other)).code(), (404, 40400));
    assert_eq!(history(&sandbox, &basic(&key)).body, "[]");
    assert_eq!(history(&sandbox, &bearer(&token)).code(), (401, 40143));
    assert_eq!(history(&sandbox, &bearer(&jwt)).code(), (200, 0));
    assert_eq!(exchange(&sandbox, &signed).status, 201);
}

#[test]
fn reset_forgets_revocations() {
    let sandbox = revocable();
    let key = sandbox.key().clone();
    let params = TokenParams::new().client_id("bob");
    let token = bearer(jwt::mint(&key, &params, time(&sandbox)).unwrap().expose());
    let path = format!("/keys/{}/revokeTokens", key.key_name());
    let targets = json!({ "targets": ["clientId:bob"] }).to_string();
    assert_eq!(send(&sandbox, "POST", &path, &basic(&key), &targets).status, 201);
    assert_eq!(history(&sandbox, &token).code(), (401, 40141));
    sandbox.reset().unwrap();
    assert_eq!(history(&sandbox, &token).code(), (200, 0));
}

#[test]
fn reset_restores_deleted_app() {
    let sandbox = Sandbox::start().unwrap();
    let headers = basic(sandbox.key());
    assert_eq!(send(&sandbox, "DELETE", &format!("/apps/{}", sandbox.app().id()), &headers, "").status, 204);
    assert_eq!(history(&sandbox, &headers).code(), (404, 40400));
    sandbox.reset().unwrap();
    assert_eq!(history(&sandbox, &headers).code(), (200, 0));
}

#[test]
fn reset_keeps_connections_open() {
    let sandbox = Sandbox::start().unwrap();
    let mut stream = TcpStream::connect((sandbox.endpoint(), sandbox.port())).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut ask = || {
        stream.write_all(b"GET /time HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        let mut head = [0; 12];
        stream.read_exact(&mut head).unwrap();
        let mut text = Vec::new();
        while !text.ends_with(b"]") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            text.extend(byte);
        }
        head
    };
    assert_eq!(&ask(), b"HTTP/1.1 200");
    sandbox.fail_next(1, 50003).unwrap();
    sandbox.reset().unwrap();
    assert_eq!(&ask(), b"HTTP/1.1 200", "the reset removes the failure");
}
