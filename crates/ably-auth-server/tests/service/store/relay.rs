//! Tests of realtime events between services that share a Redis.

use ably_auth_core::TokenParams;
use ably_auth_server::Limits;
use http::Request;
use serde_json::{Value, json};
use std::time::Duration;

use super::redis_server::RedisServer;
use super::relay_nodes::{Node, wait_until};
use crate::support::*;

const LEAVE: u64 = 3;
const ENTER: u64 = 2;
const UPDATE: u64 = 4;

#[test]
fn published_message_reaches_attachment_at_other_service() {
    let Some(redis) = RedisServer::start() else { return };
    let (one, other) = Node::two(&redis);
    let mut there = other.client("bob");
    there.attach("chat", None);
    let extras = json!({ "headers": { "a": 1 } });
    let serial = one.publish("chat", &json!({ "name": "greeting", "data": { "text": "hi" }, "extras": extras }));
    let message = there.next(15);
    let received = &message["messages"][0];
    assert_eq!((&received["name"], &received["data"]["text"]), (&json!("greeting"), &json!("hi")));
    assert_eq!((&received["serial"], &received["extras"]), (&serial, &extras));
    assert_ne!(message["channelSerial"], serial, "the place of the message is the other service's");
    wait_until("the message in the history there", || other.get("/channels/chat/messages")[0] == *received);
    assert_eq!(one.get("/channels/chat/messages")[0], *received);

    let mut here = one.client("alice");
    here.attach("chat", None);
    let messages = json!([{ "data": "x", "encoding": null }]);
    here.send(&json!({ "action": 15, "channel": "chat", "msgSerial": 0, "messages": messages }));
    let (own, relayed) = (here.next(15), there.next(15));
    assert_eq!(relayed["connectionId"], here.id);
    assert_eq!(relayed["id"], own["id"]);
    assert_eq!(relayed["messages"], own["messages"]);
    assert_eq!(relayed["messages"][0]["clientId"], "alice");
}

#[test]
fn claims_and_bytes_of_messages_reach_other_service() {
    let Some(redis) = RedisServer::start() else { return };
    let (one, other) = Node::two(&redis);
    let mut there = other.client("bob");
    there.attach("chat", None);
    let now = system_now() / 1000;
    let claims = json!({ "iat": now, "exp": now + 600, "ably.channel.chat": "moderator", "x-ably-clientId": "alice" });
    let jwt = jwt_of(&json!({ "typ": "JWT", "alg": "HS256", "kid": KEY }), &claims, SECRET);
    let mut here = one.connect(&format!("accessToken={jwt}"));
    here.attach("chat", None);
    let messages = json!([{ "data": "x", "extras": { "userClaim": "forged" } }]);
    here.send(&json!({ "action": 15, "channel": "chat", "msgSerial": 0, "messages": messages }));
    assert_eq!(there.next(15)["messages"][0]["extras"], json!({ "userClaim": "moderator" }));
    let bytes = rmp_serde::to_vec_named(&Bytes { data: &[0, 255] }).unwrap();
    let request = Request::post("/channels/chat/messages").header("Authorization", basic(KEY));
    let request = request.header("Content-Type", "application/x-msgpack");
    assert_eq!(one.send_bytes(request, bytes), 201);
    let received = &there.next(15)["messages"][0];
    assert_eq!((&received["data"], &received["encoding"]), (&json!("AP8="), &json!("base64")));
}

/// A message with bytes.
#[derive(serde::Serialize)]
struct Bytes<'a> {
    #[serde(serialize_with = "as_bytes")]
    data: &'a [u8],
}

fn as_bytes<S: serde::Serializer>(data: &&[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(data)
}

#[test]
fn presence_of_one_service_is_seen_at_other() {
    let Some(redis) = RedisServer::start() else { return };
    let (one, other) = Node::two(&redis);
    let mut there = other.client("bob");
    there.attach("room", None);
    let mut here = one.client("alice");
    here.attach("room", None);
    here.presence("room", ENTER, 0, &json!("new"));
    assert_eq!(there.next_presence(), [("alice".into(), ENTER, json!("new"))]);
    here.presence("room", UPDATE, 1, &json!("busy"));
    assert_eq!(there.next_presence(), [("alice".into(), UPDATE, json!("busy"))]);
    assert_eq!(other.present("room"), ["alice"]);

    let mut late = other.client("carol");
    let attached = late.attach("room", None);
    assert_eq!(attached["flags"].as_u64().unwrap() & 1, 1, "HAS_PRESENCE");
    let sync = late.next(16);
    assert_eq!((&sync["presence"][0]["clientId"], &sync["presence"][0]["data"]), (&json!("alice"), &json!("busy")));
    assert_eq!(sync["presence"][0]["connectionId"], here.id);

    here.presence("room", LEAVE, 2, &Value::Null);
    assert_eq!(there.next_presence()[0].1, LEAVE);
    assert_eq!(other.present("room"), [""; 0]);
}

#[test]
fn new_service_gets_members_of_others() {
    let Some(redis) = RedisServer::start() else { return };
    let one = Node::start(&redis);
    let mut clients: Vec<_> = (0..40).map(|nth| one.client(&format!("client{nth:02}"))).collect();
    for (nth, client) in clients.iter_mut().enumerate() {
        let channel = format!("room{}", nth % 3);
        client.attach(&channel, None);
        // All of them do not fit into one event.
        client.presence(&channel, ENTER, 0, &json!("x".repeat(30_000)));
    }
    let other = Node::start(&redis);
    for room in ["room0", "room1", "room2"] {
        wait_until("the members at the new service", || other.present(room) == one.present(room));
    }
    assert_eq!(other.present("room0").len(), 14);
}

#[test]
fn members_of_killed_service_leave() {
    let Some(redis) = RedisServer::start() else { return };
    let (one, other) = Node::two(&redis);
    let mut there = other.client("bob");
    there.attach("room", None);
    there.presence("room", ENTER, 0, &Value::Null);
    there.next_presence();
    let mut here = one.client("alice");
    here.attach("room", None);
    here.presence("room", ENTER, 0, &Value::Null);
    assert_eq!(there.next_presence(), [("alice".into(), ENTER, Value::Null)]);
    drop(here);
    one.kill();
    assert_eq!(there.next_presence(), [("alice".into(), LEAVE, Value::Null)]);
    assert_eq!(other.present("room"), ["bob"], "members of this service stay");
    other.wait_for_metric("ably_auth_relay_services", 0);
}

#[test]
fn members_of_service_that_shuts_down_leave_after_grace_time() {
    let Some(redis) = RedisServer::start() else { return };
    // Without the farewell, the other service would wait for two hours.
    let mut limits = Limits::default();
    limits.presence_grace = Duration::from_secs(3_600);
    let (one, other) = (Node::with(&redis, limits), Node::start(&redis));
    let mut there = other.client("bob");
    there.attach("room", None);
    let mut here = one.client("alice");
    here.attach("room", None);
    here.presence("room", ENTER, 0, &Value::Null);
    assert_eq!(there.next_presence(), [("alice".into(), ENTER, Value::Null)]);
    drop(here);
    let one = one.stop();
    assert_eq!(there.next_presence(), [("alice".into(), LEAVE, Value::Null)]);
    drop(one);
}

#[test]
fn revocation_at_one_service_ends_connection_at_other() {
    let Some(redis) = RedisServer::start() else { return };
    let (one, other) = Node::two(&redis);
    let request = Request::post(format!("/keys/{REVOCABLE}/requestToken")).header("Authorization", basic(REVOCABLE));
    let params: TokenParams = of("bob");
    let (status, token) = one.send(request, &serde_json::to_value(&params).unwrap());
    assert_eq!(status, 201, "{token}");
    let mut there = other.connect(&format!("accessToken={}", token["token"].as_str().unwrap()));
    let request = Request::post(format!("/keys/{REVOCABLE}/revokeTokens")).header("Authorization", basic(REVOCABLE));
    let (status, answer) = one.send(request, &json!({ "targets": ["clientId:bob"] }));
    assert_eq!(status, 201, "{answer}");
    assert_eq!(there.next(6)["error"]["code"], 40141);
}

#[test]
fn relay_works_again_after_restart_of_redis() {
    let Some(mut redis) = RedisServer::start() else { return };
    let (one, other) = Node::two(&redis);
    let mut there = other.client("bob");
    let mut here = one.client("alice");
    there.attach("room", None);
    here.attach("room", None);
    here.presence("room", ENTER, 0, &Value::Null);
    there.next_presence();
    let place = there.attach("room", None)["channelSerial"].clone();
    redis.kill();
    // What is published meanwhile is sent later.
    here.presence("room", UPDATE, 1, &json!("busy"));
    redis.restart();
    assert_eq!(there.next_presence(), [("alice".into(), UPDATE, json!("busy"))]);
    let messages = json!([{ "data": "again" }]);
    wait_until("a message at the other service", || {
        here.send(&json!({ "action": 15, "channel": "room", "msgSerial": 2, "messages": messages }));
        other.get("/channels/room/messages") != json!([])
    });
    assert_eq!(there.next(15)["messages"][0]["data"], "again");
    let flags = there.attach("room", Some(&place))["flags"].as_u64().unwrap();
    assert_eq!(flags & 4, 0, "messages may be missing since that place, so it is not resumed");
}

#[test]
fn serial_of_other_service_is_not_resumed() {
    let Some(redis) = RedisServer::start() else { return };
    let (one, other) = Node::two(&redis);
    let serial = one.publish("chat", &json!({ "data": 1 }));
    wait_until("the message there", || other.get("/channels/chat/messages") != json!([]));
    let is_resumed = |attached: &Value| attached["flags"].as_u64().unwrap() & 4 == 4;
    let mut there = other.client("bob");
    let own = there.attach("chat", None)["channelSerial"].clone();
    assert!(is_resumed(&there.attach("chat", Some(&own))));
    assert!(!is_resumed(&there.attach("chat", Some(&serial))));
    let mut here = one.client("alice");
    let place = here.attach("chat", None)["channelSerial"].clone();
    assert!(!is_resumed(&there.attach("chat", Some(&place))));
}

#[test]
fn foreign_events_are_counted_and_ignored() {
    let Some(redis) = RedisServer::start() else { return };
    let (one, other) = Node::two(&redis);
    let before = other.metric("ably_auth_relay_lost_total{reason=\"malformed\"}");
    for event in ["", "hello", "\u{91}"] {
        assert_eq!(redis.command(&["PUBLISH", "{ably-auth}:relay:0", event]), "2");
    }
    other.wait_for_metric("ably_auth_relay_lost_total{reason=\"malformed\"}", before + 3);
    let large = "x".repeat(1024 * 1024 + 1);
    let script = "return redis.call('PUBLISH', '{ably-auth}:relay:0', string.rep('x', 1048577))";
    assert_eq!(redis.command(&["EVAL", script, "0"]), "2", "{}", large.len());
    one.publish("chat", &json!({ "data": 1 }));
    wait_until("the message there", || other.get("/channels/chat/messages") != json!([]));
    assert_eq!(other.metric("ably_auth_relay_lost_total{reason=\"malformed\"}"), before + 3);
}

#[test]
fn members_of_other_services_count_against_limits() {
    let Some(redis) = RedisServer::start() else { return };
    let mut limits = Limits::default();
    limits.presence_members = 2;
    let (one, other) = (Node::start(&redis), Node::with(&redis, limits));
    let mut clients: Vec<_> = ["a", "b", "c"].map(|name| one.client(name)).into();
    for client in &mut clients {
        client.attach("room", None);
        client.presence("room", ENTER, 0, &Value::Null);
    }
    wait_until("two members there", || other.present("room").len() == 2);
    wait_until("a refused member", || other.metric("ably_auth_relay_lost_total{reason=\"memory\"}") > 0);
    let mut there = other.client("bob");
    there.attach("room", None);
    there.send(&json!({ "action": 14, "channel": "room", "msgSerial": 0, "presence": [{ "action": 2 }] }));
    assert_eq!(there.next(2)["error"]["code"], 91003);

    // A member of 40 KB does not fit into the memory for realtime connections there.
    let mut limits = Limits::default();
    limits.realtime_bytes = 4 * 32 * 1024;
    let small = Node::with(&redis, limits);
    clients[0].attach("large", None);
    clients[0].presence("large", ENTER, 1, &json!("x".repeat(40_000)));
    wait_until("a refused member", || small.metric("ably_auth_relay_lost_total{reason=\"memory\"}") > 0);
    wait_until("the small members", || small.present("room").len() == 3);
    assert_eq!(small.present("large"), [""; 0]);
}

#[test]
fn database_of_other_number_is_another_relay() {
    let Some(redis) = RedisServer::start() else { return };
    let (one, _other) = Node::two(&redis);
    let elsewhere = Node::at(&format!("{}/1", redis.url()), Limits::default());
    one.publish("chat", &json!({ "data": 1 }));
    assert_eq!(elsewhere.metric("ably_auth_relay_services"), 0);
    assert_eq!(redis.command(&["PUBSUB", "NUMSUB", "{ably-auth}:relay:0"]), "{ably-auth}:relay:0\n2");
}
