//! Tests of realtime events between services that share a Redis.

use ably_auth_server::Limits;
use http::Request;
use serde_json::{Value, json};
use std::time::Duration;

use super::redis_server::{RIGHTS, RedisServer};
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
fn claims_and_data_of_any_form_reach_other_service() {
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
    let deep = (0..110).fold(json!(1), |inner, _| json!([inner]));
    one.publish("chat", &json!({ "data": deep }));
    assert_eq!(there.next(15)["messages"][0]["data"], deep);
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
    let now = system_now() / 1000;
    let claims = json!({ "iat": now, "exp": now + 600, "x-ably-clientId": "bob" });
    let jwt = jwt_of(&json!({ "typ": "JWT", "alg": "HS256", "kid": REVOCABLE }), &claims, SECRET);
    let mut there = other.connect(&format!("accessToken={jwt}"));
    let request = Request::post(format!("/keys/{REVOCABLE}/revokeTokens"))
        .header("Authorization", basic(REVOCABLE))
        .header("X-Ably-Version", "6");
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
    // Messages published during the interruption are sent later.
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
    let script = "return redis.call('PUBLISH', '{ably-auth}:relay:0', string.rep('x', 1048577))";
    assert_eq!(redis.command(&["EVAL", script, "0"]), "2");
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

/// Sends an event of a service that does not exist: its number, and what it is, in Lua.
fn send_event(redis: &RedisServer, number: u64, event: &str) {
    let script =
        format!("return redis.call('PUBLISH', '{{ably-auth}}:relay:0', cmsgpack.pack({{7, {number}, {event}}}))");
    assert_eq!(redis.command(&["EVAL", &script, "0"]), "1");
}

/// Returns the event that a member of that service enters, or one with another action.
fn member(client_id: &str, action: u64, is_answer: bool) -> String {
    let member =
        format!("{{action={action},id='c7:0:{client_id}',clientId='{client_id}',connectionId='c7',timestamp={NOW}}}");
    format!("{{Presence={{app='app1',channel='room',is_answer={is_answer},members={{{member}}}}}}}")
}

#[test]
fn missed_and_repeated_events_are_noticed() {
    let Some(redis) = RedisServer::start() else { return };
    let node = Node::start(&redis);
    wait_until("the subscription", || redis.command(&["PUBSUB", "NUMSUB", "{ably-auth}:relay:0"]).ends_with('1'));
    let mut there = node.client("bob");
    let place = there.attach("room", None)["channelSerial"].clone();
    send_event(&redis, 1, "{Alive={lasts=600000}}");
    send_event(&redis, 2, &member("ann", ENTER, false));
    send_event(&redis, 3, &member("ben", ENTER, false));
    send_event(&redis, 3, &member("ann", LEAVE, false));
    wait_until("the members", || node.present("room") == ["ann", "ben"]);
    assert_eq!(node.metric("ably_auth_relay_lost_total{reason=\"missed\"}"), 0);
    assert_eq!(there.attach("room", Some(&place))["flags"].as_u64().unwrap() & 4, 4, "nothing was missed");
    // Number 4, by which a member left, is missing. The answer to the question about members has only one.
    send_event(&redis, 5, "'Begin'");
    send_event(&redis, 6, &member("ann", ENTER, true));
    send_event(&redis, 7, "'End'");
    wait_until("the other member", || node.present("room") == ["ann"]);
    assert_eq!(node.metric("ably_auth_relay_lost_total{reason=\"missed\"}"), 1);
    let events: Vec<_> =
        (0..3).flat_map(|_| there.next_presence()).map(|(client, action, _)| (client, action)).collect();
    assert_eq!(events, [("ann".into(), ENTER), ("ben".into(), ENTER), ("ben".into(), LEAVE)]);
    assert_eq!(there.attach("room", Some(&place))["flags"].as_u64().unwrap() & 4, 0, "a message may be missing");
}

#[test]
fn redis_user_with_documented_rights_relays_events() {
    let Some(redis) = RedisServer::start() else { return };
    let user = [&["ACL", "SETUSER", "service", "on", ">hush", "~{ably-auth}:*"], &RIGHTS[..]].concat();
    assert_eq!(redis.command(&user), "OK");
    let url = redis.url().replace("//", "//service:hush@");
    let (one, other) = (Node::at(&url, Limits::default()), Node::at(&url, Limits::default()));
    one.wait_for_metric("ably_auth_relay_services", 1);
    other.wait_for_metric("ably_auth_relay_services", 1);
}
