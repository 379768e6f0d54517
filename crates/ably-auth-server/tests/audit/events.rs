//! Tests of audit events, which have the action, the actor and the outcome of each operation.

use std::future::Future as _;
use std::pin::pin;
use std::task::{Context, Waker};

use ably_auth_core::Token;
use ably_auth_server::{Apps, ControlToken, Limits, Rate, Server, Service};
use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::faulty::{Call, Faulty, Stalled};
use crate::log;
use crate::support::*;

const TARGET: &str = "ably_auth_server::audit";

const READER: &str = "read-only-access-token-of-the-tests";
const KEYS: &str = "/v1/apps/app1/keys";

fn world() -> World {
    log::start(TARGET);
    let now = std::sync::Arc::default();
    let tokens = [
        ControlToken::new("deploy", Token::new(CONTROL).unwrap()).unwrap(),
        ControlToken::new("dashboard", Token::new(READER).unwrap()).unwrap().read_only(true),
    ];
    let service = World::builder(&now, true).control_tokens(tokens).build().unwrap();
    let mut world = World::new();
    (world.service, world.now) = (service, now);
    log::take();
    world
}

fn control(world: &World, method: &str, path: &str, token: &str, body: &Value) -> Answer {
    let request = Request::builder().method(method).uri(path).header("Authorization", format!("Bearer {token}"));
    world.send(request, if body.is_null() { String::new() } else { body.to_string() })
}

/// Returns the only audit event, without its message and its request id, which must be the one of `answer`.
#[track_caller]
fn event_of(answer: &Answer) -> Value {
    let mut event = log::one();
    let request_id = event.as_object_mut().unwrap().remove("request_id").unwrap();
    assert_eq!(request_id, answer.header("x-ably-requestid"));
    assert_eq!(event.as_object_mut().unwrap().remove("message").unwrap(), "audit");
    for secret in [SECRET, CONTROL, READER] {
        assert!(!event.to_string().contains(secret), "{event}");
    }
    event
}

#[test]
fn control_call_event_names_token_and_action() {
    let world = world();
    let created = control(&world, "POST", "/v1/accounts/mine/apps", CONTROL, &json!({ "name": "Shop" }));
    let id = created.json()["id"].clone();
    assert_eq!(
        event_of(&created),
        json!({ "action": "app.create", "method": "POST", "actor": "deploy", "app": id, "outcome": "done", "code": 0 })
    );

    let listed = event_of(&control(&world, "GET", "/v1/accounts/mine/apps", READER, &Value::Null));
    assert_eq!(
        listed,
        json!({ "action": "app.list", "method": "GET", "actor": "dashboard", "count": 1, "outcome": "done", "code": 0 })
    );
    let path = format!("/v1/apps/{}", id.as_str().unwrap());
    for (token, actor, outcome, code) in [(READER, "dashboard", "refused", 40300), (CONTROL, "deploy", "done", 0)] {
        assert_eq!(
            event_of(&control(&world, "DELETE", &path, token, &Value::Null)),
            json!({ "action": "app.delete", "method": "DELETE", "actor": actor, "app": id, "outcome": outcome, "code": code })
        );
    }

    let new = json!({ "name": "hush-name", "capability": { "*": ["*"] } });
    let created = control(&world, "POST", KEYS, CONTROL, &new);
    let name = format!("app1.{}", created.json()["id"].as_str().unwrap());
    let event = event_of(&created);
    assert_eq!(
        event,
        json!({ "action": "key.create", "method": "POST", "actor": "deploy", "app": "app1", "key": name,
                "secrets": true, "outcome": "done", "code": 0 })
    );

    let changed = control(&world, "PATCH", &format!("{KEYS}/key1"), CONTROL, &json!({ "name": "other" }));
    let event = event_of(&changed);
    assert_eq!(
        (&event["action"], &event["key"], &event["secrets"]),
        (&json!("key.update"), &json!(KEY), &json!(false))
    );
    let revoked = control(&world, "POST", &format!("{KEYS}/key1/revoke"), CONTROL, &Value::Null);
    let event = event_of(&revoked);
    assert_eq!(
        (&event["action"], &event["key"], &event["outcome"]),
        (&json!("key.revoke"), &json!(KEY), &json!("done"))
    );
}

#[test]
fn listing_secrets_is_separate_action() {
    let world = world();
    let event = event_of(&control(&world, "GET", KEYS, READER, &Value::Null));
    let expected = json!({ "action": "key.list", "method": "GET", "actor": "dashboard", "app": "app1", "count": 5,
                           "secrets": false, "outcome": "done", "code": 0 });
    assert_eq!(event, expected);
    let event = event_of(&control(&world, "GET", &format!("{KEYS}?secrets=true"), CONTROL, &Value::Null));
    assert_eq!((&event["actor"], &event["secrets"]), (&json!("deploy"), &json!(true)));
}

#[test]
fn refused_call_is_event_with_code() {
    let world = world();
    let event = event_of(&control(&world, "PATCH", &format!("{KEYS}/key1"), READER, &json!({})));
    let expected = json!({ "action": "key.update", "method": "PATCH", "actor": "dashboard", "app": "app1", "key": KEY,
                           "outcome": "refused", "code": 40300 });
    assert_eq!(event, expected);
    let event = event_of(&control(&world, "GET", KEYS, "wrong-access-token", &Value::Null));
    let expected = json!({ "action": "key.list", "method": "GET", "app": "app1", "outcome": "refused", "code": 40101 });
    assert_eq!(event, expected);
    // A client chooses the path and the method, so either can contain a secret. The event has only well-formed IDs and known
    // methods.
    let path = format!("/v1/apps/app1/keys/app1.key1:{SECRET}/revoke");
    let event = event_of(&control(&world, "POST", &path, CONTROL, &Value::Null));
    assert_eq!((&event["app"], event.get("key"), &event["code"]), (&json!("app1"), None, &json!(40400)));
    let event = event_of(&control(&world, "HUSH", "/v1/hush", CONTROL, &Value::Null));
    assert_eq!((&event["action"], &event["method"]), (&json!("control.unknown"), &json!("other")));
}

#[test]
fn revocation_event_has_target_kinds_without_values() {
    let world = world();
    let path = format!("/keys/{REVOCABLE}/revokeTokens");
    let body = json!({ "targets": ["clientId:hush-bob", "clientId:hush-eve", "channel:hush", "hush"] });
    let answer = world.post(&path, &basic(REVOCABLE), &body);
    let event = event_of(&answer);
    let expected = json!({ "action": "tokens.revoke", "method": "POST", "actor": REVOCABLE, "app": "app1",
                           "key": REVOCABLE, "target_kinds": "channel,clientId,other", "count": 3, "outcome": "done",
                           "code": 40020 });
    assert_eq!(event, expected);
    let answer = world.post(&path, &basic(REVOCABLE), &json!({ "targets": ["hush:bob"] }));
    let event = event_of(&answer);
    assert_eq!((&event["count"], &event["outcome"]), (&json!(0), &json!("refused")));
    let answer = world.post(&path, &basic_of(&format!("{REVOCABLE}:wrong")), &body);
    let event = event_of(&answer);
    assert_eq!((event.get("actor"), &event["key"], &event["code"]), (None, &json!(REVOCABLE), &json!(40101)));
}

#[test]
fn sandbox_apps_are_audited() {
    let world = world();
    let created = world.send(Request::post("/apps"), "{}");
    let app = created.json();
    let event = event_of(&created);
    let expected = json!({ "action": "sandbox.app.create", "method": "POST", "app": app["appId"], "secrets": true,
                           "outcome": "done", "code": 0 });
    assert_eq!(event, expected);
    let key = app["keys"][0]["keyStr"].as_str().unwrap();
    let path = format!("/apps/{}", app["appId"].as_str().unwrap());
    let deleted = world.send(Request::delete(&path).header("Authorization", basic_of(key)), "");
    let event = event_of(&deleted);
    assert_eq!(
        (&event["action"], &event["actor"], &event["outcome"]),
        (&json!("sandbox.app.delete"), &app["keys"][0]["keyName"], &json!("done"))
    );
}

#[test]
fn everyday_requests_are_not_audited() {
    let world = world();
    let token = world.token(KEY, &params());
    world.accepts(&token);
    world.send(Request::get("/time"), "");
    world.send(Request::options(KEYS), "");
    world.send(Request::get("/nowhere/revokeTokens"), "");
    assert_eq!(log::take(), [Value::Null; 0]);
}

#[tokio::test]
async fn reloads_clock_and_secrets_are_audited() {
    log::start(TARGET);
    let service = Service::builder().apps(apps()).service_secret([7; 32]).earlier_secrets([[8; 32]]).build().unwrap();
    let expected = json!({ "action": "secrets.load", "count": 2, "source": "configured", "outcome": "done", "code": 0,
                           "message": "audit" });
    assert_eq!(log::one(), expected);
    Service::builder().build().unwrap();
    assert_eq!(log::take(), [Value::Null; 0], "a generated secret is not audited as loaded");
    service.trust_clock().await.unwrap();
    let event = log::one();
    assert_eq!((&event["action"], &event["outcome"]), (&json!("clock.trust"), &json!("done")));
    service.reload(Apps::of_key(key("app1.other"))).await.unwrap();
    let event = log::one();
    let counts = (&event["keys_added"], &event["keys_changed"], &event["keys_removed"]);
    assert_eq!((&event["action"], counts), (&json!("apps.reload"), (&json!(1), &json!(0), &json!(7))));
    service.reload_failed();
    let event = log::one();
    assert_eq!((&event["outcome"], &event["code"]), (&json!("refused"), &json!(40000)));
}

#[test]
fn refusal_events_of_strangers_are_limited() {
    log::start(TARGET);
    let mut limits = Limits::default();
    limits.audit_refusals = Some(Rate { per_second: 1, burst: 3 });
    let now = std::sync::Arc::default();
    let service = World::builder(&now, true).limits(limits).build().unwrap();
    let mut world = World::new();
    (world.service, world.now) = (service, now);
    log::take();
    for _ in 0..1_000 {
        control(&world, "GET", KEYS, "wrong-access-token", &Value::Null);
    }
    let written = log::take().len();
    // The rate admits one more event for each second that the loop takes.
    assert!((3..100).contains(&written), "{written}");
    control(&world, "GET", KEYS, CONTROL, &Value::Null);
    let event = log::one();
    assert_eq!(event["outcome"], "done", "{event}");
    assert!(event["suppressed"].as_u64().unwrap() > 900, "{event}");
    let lost = format!("ably_auth_audit_events_lost_total{{reason=\"rate\"}} {}\n", 1_000 - written);
    assert!(world.service.metrics().contains(&lost), "{lost}");
    for _ in 0..10 {
        control(&world, "PATCH", KEYS, CONTROL, &Value::Null);
    }
    assert_eq!(log::take().len(), 10, "refusals of a known caller are not limited");
}

#[test]
fn call_of_disconnected_client_is_audited() {
    log::start(TARGET);
    let now = std::sync::Arc::default();
    let service = World::builder(&now, true).store(Faulty::new(Stalled(&[Call::Write]))).build().unwrap();
    log::take();
    let request = Request::post(format!("{KEYS}/key1/revoke")).header("Authorization", format!("Bearer {CONTROL}"));
    {
        let mut response = pin!(service.handle(request.body(Bytes::new()).unwrap()));
        assert!(response.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert_eq!(log::take(), [Value::Null; 0]);
    }
    let event = log::one();
    assert_eq!(
        (&event["action"], &event["actor"], &event["key"], &event["outcome"]),
        (&json!("key.revoke"), &json!("default"), &json!(KEY), &json!("unknown"))
    );
}

#[tokio::test]
async fn event_has_client_named_by_trusted_proxy() {
    log::start(TARGET);
    let mut limits = Limits::default();
    limits.trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
    let service = World::builder(&std::sync::Arc::default(), true).limits(limits).build().unwrap();
    let server = Server::bind("127.0.0.1:0".parse().unwrap(), service).await.unwrap();
    let address = server.local_addr();
    tokio::spawn(server.run(std::future::pending()));
    log::take();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head =
        format!("GET {KEYS} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {CONTROL}");
    stream.write_all(format!("{head}\r\nX-Forwarded-For: 192.0.2.7\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(log::one()["client"], "192.0.2.7");
}

#[cfg(feature = "console")]
#[test]
fn console_events_name_console_as_actor() {
    log::start(TARGET);
    let world = World::new().with_service(|builder| builder.console(true));
    log::take();
    let post = |path: &str, body: Value| {
        let request = Request::post(format!("/console/api/{path}")).header("Content-Type", "application/json");
        event_of(&world.send(request, body.to_string()))
    };
    let revealed = post("keys/app1.key1/reveal", json!({}));
    assert_eq!((&revealed["action"], &revealed["actor"]), (&json!("key.reveal"), &json!("console")));
    assert_eq!((&revealed["key"], &revealed["secrets"]), (&json!(KEY), &json!(true)));
    assert_eq!(post("keys/app1.key1/rotate", json!({}))["action"], "key.rotate");
    let revoked = post("revocations", json!({ "keyName": REVOCABLE, "targets": ["clientId:bob"] }));
    assert_eq!((&revoked["action"], &revoked["target_kinds"]), (&json!("tokens.revoke"), &json!("clientId")));
    assert_eq!((&revoked["key"], &revoked["count"]), (&json!(REVOCABLE), &json!(1)));
    let refused = post("reset", json!({ "x": 1 }));
    assert_eq!((&refused["action"], &refused["outcome"]), (&json!("sandbox.reset"), &json!("refused")));
    let request = Request::post("/console/api/reset").header("Content-Type", "application/json");
    assert_eq!(world.send(request, "{}").status, 204);
    let actions: Vec<_> = log::take().iter().map(|event| event["action"].clone()).collect();
    assert_eq!(actions, ["secrets.load", "sandbox.reset"], "a reset is like a start");
    let _ = world.send(Request::get("/console/api/overview"), "");
    assert!(log::take().is_empty(), "reading is not audited");
}
