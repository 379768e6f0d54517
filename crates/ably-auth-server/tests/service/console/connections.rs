//! Tests of the list of connections, and of their ends.

use super::*;
use crate::operating::{Client, HttpResponse};
use crate::realtime::{DISCONNECTED, Realtime, with_key};

async fn console() -> Realtime {
    Realtime::of(world()).await
}

async fn ask(service: &Realtime, text: &str) -> HttpResponse {
    let mut client = Client(tokio::net::TcpStream::connect(service.address).await.unwrap());
    client.send(text).await;
    client.receive().await.unwrap()
}

async fn list(service: &Realtime) -> Value {
    let answer = ask(service, &request("GET", "connections", "", &Value::Null)).await;
    assert_eq!(answer.status, 200);
    assert!(!answer.body.contains(SECRET));
    serde_json::from_str(&answer.body).unwrap()
}

async fn act(service: &Realtime, id: &Value, action: &str) -> (u16, Value) {
    let path = format!("connections/{}/{action}", id.as_str().unwrap());
    let answer = ask(service, &request("POST", &path, "", &json!({}))).await;
    (answer.status, serde_json::from_str(&answer.body).unwrap_or_default())
}

#[tokio::test]
async fn connections_describe_themselves() {
    let service = console().await;
    assert_eq!(list(&service).await, json!({ "total": 0, "connections": [] }));
    let mut bob = service.connect_as("bob").await;
    bob.attach("chat").await;
    assert_eq!(bob.present("chat", 0, json!({ "action": 2 })).await, 0);
    let _holder = service.connect(&with_key(KEY)).await;
    let listed = list(&service).await;
    assert_eq!(listed["total"], 2);
    let (holder, bob) = (&listed["connections"][0], &listed["connections"][1]);
    assert_eq!((&holder["key"], &holder["credential"], &holder["expires"]), (&json!(KEY), &json!("key"), &Value::Null));
    assert_eq!((&bob["clientId"], &bob["credential"], &bob["opened"]), (&json!("bob"), &json!("token"), &json!(NOW)));
    assert_eq!((&bob["channels"], &bob["presence"]), (&json!(["chat"]), &json!(["chat"])));
    assert_eq!((&bob["issued"], &bob["expires"]), (&json!(NOW), &json!(NOW + HOUR)));
    assert_eq!((&bob["promptAt"], &bob["prompted"]), (&json!(NOW + HOUR - 30_000), &json!(false)));
    assert_eq!((&bob["capability"], &bob["matrix"]["operations"]), (&json!(r#"{"*":["*"]}"#), &json!(["*"])));
}

/// A client sees other codes on a connection than over REST, and looks for the code that it saw.
#[tokio::test]
async fn refused_connection_is_logged_with_the_code_that_was_sent() {
    let service = console().await;
    for query in ["accessToken=not-a-token", "key=app1.unknown:secret", "accessToken=app1.AAAA"] {
        let mut client = service.open(query).await;
        let (_, code, _) = client.ended().await;
        let answer = ask(&service, &request("GET", "log", "", &Value::Null)).await;
        let log: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(log["rows"].as_array().unwrap().last().unwrap()["code"], code, "{query}: {log}");
    }
}

#[tokio::test]
async fn connection_is_ended() {
    let service = console().await;
    let mut bob = service.connect_as("bob").await;
    let id = list(&service).await["connections"][0]["id"].clone();
    assert_eq!(act(&service, &id, "end").await.0, 204);
    assert_eq!(bob.ended().await, (DISCONNECTED, 80003, 503), "the client may connect again");
    assert_eq!(act(&service, &id, "end").await.0, 404);
    assert_eq!(act(&service, &json!("none"), "revoke").await.0, 404);
}

#[tokio::test]
async fn token_of_connection_is_revoked_by_narrowest_target() {
    let service = console().await;
    let mut bob = service.connect_as("bob").await;
    let id = list(&service).await["connections"][0]["id"].clone();
    let (status, done) = act(&service, &id, "revoke").await;
    assert_eq!((status, &done["target"], &done["revokedBefore"]), (200, &json!("clientId:bob"), &json!(NOW)), "{done}");
    assert_eq!(bob.ended().await.1, 40141);
    let marked = jwt(REVOCABLE, 60, &json!({ "x-ably-clientId": "alice", "x-ably-revocation-key": "group" }));
    service.world.pass(10_000);
    let _marked = service.connect(&format!("accessToken={marked}")).await;
    let id = list(&service).await["connections"][0]["id"].clone();
    assert_eq!(act(&service, &id, "revoke").await.1["target"], "revocationKey:group");
}

#[tokio::test]
async fn what_cannot_be_revoked_is_refused_with_reason() {
    let service = console().await;
    let open = [
        (with_key(REVOCABLE), "the key itself"),
        (format!("accessToken={}", service.world.token(REVOCABLE, &params()).token().expose()), "neither a clientId"),
        (format!("accessToken={}", service.world.token(KEY, &of("bob")).token().expose()), "not revocable"),
    ];
    for (query, reason) in open {
        let client = service.connect(&query).await;
        let id = list(&service).await["connections"][0]["id"].clone();
        let (status, refused) = act(&service, &id, "revoke").await;
        assert!((400..500).contains(&status), "{refused}");
        assert!(refused["error"]["message"].as_str().unwrap().contains(reason), "{refused}");
        drop(client);
    }
}
