//! Tests of the log events of a sandbox for the requests that it refuses.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests break")]

#[path = "audit/log.rs"]
#[allow(dead_code, reason = "the audit's own tests use the rest")]
mod log;

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use ably_auth_server::{Apps, Service};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};

const SECRET: &str = "an-example-not-a-secret";

/// Sends `requests` to a service and returns the events that it logs.
fn logged(sandbox: bool, requests: Vec<http::request::Builder>) -> Vec<Value> {
    logged_with(sandbox, requests.into_iter().map(|request| (request, json!({}))).collect())
}

/// Sends requests with their bodies, and returns the events.
fn logged_with(sandbox: bool, requests: Vec<(http::request::Builder, Value)>) -> Vec<Value> {
    let apps = Apps::from_json(
        &json!({ "appId": "app", "keys": [{ "id": "key", "secret": SECRET, "capability": r#"{"chat":["history"],"open":["publish"]}"#, "revocableTokens": true }] })
            .to_string(),
    );
    let service = Service::builder().apps(apps.unwrap()).sandbox(sandbox).build().unwrap();
    log::start("ably_auth_server::refusal");
    for (request, body) in requests {
        let response = pin!(service.handle(request.body(Bytes::from(body.to_string())).unwrap()));
        match response.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(response) => assert!(response.status().as_u16() < 500),
            Poll::Pending => panic!("the service must not wait"),
        }
    }
    let events = log::take();
    assert!(!format!("{events:?}").contains(SECRET), "{events:?}");
    events
}

fn with_key(request: http::request::Builder) -> http::request::Builder {
    request.header("Authorization", format!("Basic {}", STANDARD.encode(format!("app.key:{SECRET}"))))
}

#[test]
fn refusal_is_logged_with_its_reason() {
    let as_bob =
        with_key(Request::post("/channels/a%3Ab/messages?x=1")).header("X-Ably-ClientId", STANDARD.encode("bob"));
    let events = logged(true, vec![as_bob]);
    let expected = json!([{
        "status": 401, "code": 40160, "method": "POST", "path": "/channels/a%3Ab/messages", "channel": "a:b",
        "operation": "publish", "client_id": "bob", "message": "refused",
        "reason": "capability does not permit `publish` on `a:b`; ask for a token that has it",
    }]);
    assert_eq!(json!(events), expected);
}

#[test]
fn refused_part_of_a_granted_request_is_logged() {
    let publish = json!({ "channels": ["open", "chat", ":x"], "messages": {} });
    let revoke = json!({ "targets": ["clientId:bob", "nothing:bob", "channel:chat"] });
    for version in ["2", "3"] {
        let post = |path: &str| with_key(Request::post(path)).header("X-Ably-Version", version);
        let events = logged_with(
            true,
            vec![(post("/messages"), publish.clone()), (post("/keys/app.key/revokeTokens"), revoke.clone())],
        );
        let parts: Vec<_> = events
            .iter()
            .map(|event| json!([event["code"], event["channel"], event["revocation_target"], event["path"]]))
            .collect();
        let expected = json!([
            [40160, "chat", null, "/messages"],
            [40010, ":x", null, "/messages"],
            [40000, null, "nothing:bob", "/keys/app.key/revokeTokens"],
            [40121, null, "channel:chat", "/keys/app.key/revokeTokens"],
        ]);
        assert_eq!(json!(parts), expected, "{version}");
    }
}

#[test]
fn refusal_names_operation() {
    let operation = |request| logged(true, vec![with_key(request)]).remove(0)["operation"].clone();
    for (path, expected) in [
        ("/channels/x/messages", json!("history")),
        ("/channels/x/history", json!("history")),
        ("/channels/x/presence", json!("subscribe")),
        ("/channels/x/presence/history", json!("history")),
        ("/channels/x", json!("channel-metadata")),
        ("/channels", json!("channel-metadata")),
        ("/stats", json!("stats")),
        ("/nowhere", json!(null)),
    ] {
        assert_eq!(operation(Request::get(path)), expected, "{path}");
    }
    assert_eq!(operation(Request::post("/channels/x/publish")), "publish");
}

#[test]
fn logged_refusal_holds_no_secret_and_no_control_character() {
    let key = format!("app.key:{SECRET}");
    let events = logged(
        true,
        vec![
            Request::get(format!("/stats?key={key}x")),
            Request::post(format!("/keys/{key}/requestToken")),
            Request::post(format!("/keys/{}/requestToken", key.replace(':', "%3A"))),
            Request::get(format!("/{key}")),
            Request::get("/channels/a%1B%5B31m/messages"),
            Request::get(format!("/channels/{}", "a".repeat(4_000))),
        ],
    );
    assert_eq!(events.len(), 6);
    let text = format!("{events:?}");
    assert!(text.contains("/keys/[key]/requestToken") && !text.contains('\u{1b}') && text.len() < 4_000, "{text}");
}

#[test]
fn granted_requests_and_other_services_log_no_refusal() {
    let refused = || with_key(Request::get("/channels/vault"));
    assert_eq!(
        logged(true, vec![Request::get("/time"), with_key(Request::get("/channels/chat/messages"))]),
        Vec::<Value>::new()
    );
    assert_eq!(
        logged(false, vec![refused(), Request::get("/nowhere")]),
        Vec::<Value>::new(),
        "names are personal data"
    );
    assert_eq!(logged(true, vec![refused()]).len(), 1);
}

#[tokio::test]
async fn refusals_on_realtime_connections_are_logged() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    let apps = Apps::from_json(&json!({ "appId": "app", "keys": [{ "id": "key", "secret": SECRET }] }).to_string());
    let service = Service::builder().apps(apps.unwrap()).sandbox(true).build().unwrap();
    let server = ably_auth_server::Server::bind("127.0.0.1:0".parse().unwrap(), service).await.unwrap();
    let address = server.local_addr();
    let running = tokio::spawn(server.run(std::future::pending()));
    log::start("ably_auth_server::refusal");
    let ask = async |query: &str, frame: &[u8]| {
        let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
        let head = format!(
            "GET /?{query} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        socket.write_all(head.as_bytes()).await.unwrap();
        socket.write_all(frame).await.unwrap();
        drop(socket.read_to_end(&mut Vec::new()).await);
    };
    ask("key=app.key:wrong", b"").await;
    // ATTACH to `:x`, then CLOSE, as text frames with a mask of zeros.
    let attach = br#"{"action":10,"channel":":x"}"#;
    let close = br#"{"action":7}"#;
    let frame = |text: &[u8]| [&[0x81, 0x80 | u8::try_from(text.len()).unwrap(), 0, 0, 0, 0], text].concat();
    ask(&format!("key=app.key:{SECRET}&clientId=bob"), &[frame(attach), frame(close)].concat()).await;
    running.abort();
    let events = log::take();
    assert!(!format!("{events:?}").contains(SECRET), "{events:?}");
    let events = json!(events);
    assert_eq!(
        (&events[0]["method"], &events[0]["path"], &events[0]["code"]),
        (&json!("realtime"), &json!("ERROR"), &json!(40101))
    );
    assert_eq!(
        (&events[1]["code"], &events[1]["channel"], &events[1]["client_id"]),
        (&json!(40010), &json!(":x"), &json!("bob"))
    );
    assert_eq!(events.as_array().unwrap().len(), 2);
}
