//! A fuzz test: a service on loopback gets ten thousand mutated copies of valid requests.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use ably_auth_server::Server;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use crate::support::*;

const REQUESTS: usize = 10_000;

fn request(method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = body.len();
    let head = format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n{headers}\r\n");
    [head.into_bytes(), body.to_vec()].concat()
}

/// Returns valid requests to each endpoint, with each kind of credential, in JSON and in MessagePack.
fn good_requests(world: &World) -> Vec<Vec<u8>> {
    let (key, revocable) = (basic(KEY), basic(REVOCABLE));
    let token = bearer(&world.token(KEY, &params()));
    let minted = format!("Bearer {}", jwt(KEY, 3_600, &json!({ "x-ably-capability": r#"{"*":["*"]}"# })));
    let control = format!("Bearer {CONTROL}");
    let signed = serde_json::to_vec(&world.sign(KEY, &params())).unwrap();
    let packed = rmp_serde::to_vec_named(&world.sign(KEY, &params())).unwrap();
    let message = json!([{ "name": "a", "data": "b" }, { "name": "c", "data": { "d": 1 } }]);
    let in_key = json!({ "name": "web", "capability": { "*": ["publish"] }, "revocableTokens": true });
    let json = |value: &Value| value.to_string().into_bytes();
    let msgpack = ("Content-Type", "application/x-msgpack");
    vec![
        request("GET", "/time", &[], b""),
        request(
            "OPTIONS",
            "/time",
            &[("Origin", "http://localhost:8000"), ("Access-Control-Request-Method", "POST")],
            b"",
        ),
        request("POST", &format!("/keys/{KEY}/requestToken"), &[], &signed),
        request("POST", &format!("/keys/{KEY}/requestToken"), &[msgpack, ("Accept", msgpack.1)], &packed),
        request(
            "POST",
            &format!("/keys/{KEY}/requestToken"),
            &[("Authorization", &key)],
            &json(&json!({ "keyName": KEY, "timestamp": NOW })),
        ),
        request(
            "POST",
            &format!("/keys/{REVOCABLE}/revokeTokens"),
            &[("Authorization", &revocable), ("X-Ably-Version", "6")],
            &json(&json!({ "targets": ["clientId:bob"], "allowReauthMargin": true })),
        ),
        request("POST", "/channels/chat/messages", &[("Authorization", &token)], &json(&message)),
        request(
            "POST",
            "/channels/chat/messages",
            &[("Authorization", &minted), msgpack],
            &rmp_serde::to_vec_named(&message).unwrap(),
        ),
        request(
            "GET",
            "/channels/chat/messages?limit=2&direction=forwards",
            &[("Authorization", &token), ("Accept", msgpack.1)],
            b"",
        ),
        request("GET", &format!("/channels/chat?key={KEY}:{SECRET}"), &[], b""),
        request("GET", &format!("/channels/chat?access_token={}", &minted[7..]), &[], b""),
        request("GET", "/channels?prefix=c&limit=1&by=id", &[("Authorization", &key)], b""),
        request(
            "GET",
            "/stats?unit=minute&limit=3",
            &[("Authorization", &key), ("X-Ably-ClientId", &STANDARD.encode("bob"))],
            b"",
        ),
        request("POST", "/apps", &[], &json(&json!({ "keys": [{}, { "capability": r#"{"a":["*"]}"# }] }))),
        request("POST", "/v1/apps/app2/keys", &[("Authorization", &control)], &json(&in_key)),
        request("PATCH", "/v1/apps/app2/keys/key1", &[("Authorization", &control)], &json(&in_key)),
        request("GET", "/v1/apps/app1/keys", &[("Authorization", &control)], b""),
    ]
}

/// A change to a request. Positions are fractions of its length.
#[derive(Clone, Debug)]
enum Mutation {
    CutOff(f64),
    Overwritten(f64, Vec<u8>),
    Inserted(f64, Vec<u8>),
    Removed(f64, usize),
    Repeated(f64, f64),
    Grown(f64, u8, usize),
    ContinuedAs(f64, usize),
    LengthReplaced(String),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let at = || 0.0..1.0_f64;
    let lengths =
        prop_oneof!["[0-9]{1,25}", Just("-1".into()), Just("0x10".into()), Just("5, 6".into()), Just(String::new())];
    prop_oneof![
        2 => at().prop_map(Mutation::CutOff),
        6 => (at(), vec(any::<u8>(), 1..4)).prop_map(|(at, bytes)| Mutation::Overwritten(at, bytes)),
        4 => (at(), vec(any::<u8>(), 1..20)).prop_map(|(at, bytes)| Mutation::Inserted(at, bytes)),
        4 => (at(), 1..12_usize).prop_map(|(at, length)| Mutation::Removed(at, length)),
        2 => (at(), at()).prop_map(|(from, to)| Mutation::Repeated(from, to)),
        1 => (at(), any::<u8>(), 1..100_000_usize).prop_map(|(at, byte, by)| Mutation::Grown(at, byte, by)),
        2 => (at(), any::<usize>()).prop_map(|(at, other)| Mutation::ContinuedAs(at, other)),
        1 => lengths.prop_map(Mutation::LengthReplaced),
    ]
}

fn apply(mutation: &Mutation, request: &mut Vec<u8>, all: &[Vec<u8>]) {
    let length = request.len();
    let place = |share: f64| (share * length as f64) as usize;
    match mutation {
        Mutation::CutOff(at) => request.truncate(place(*at)),
        Mutation::Overwritten(at, bytes) => {
            request.iter_mut().skip(place(*at)).zip(bytes).for_each(|(byte, other)| *byte = *other);
        }
        Mutation::Inserted(at, bytes) => drop(request.splice(place(*at)..place(*at), bytes.iter().copied())),
        Mutation::Removed(at, by) => drop(request.drain(place(*at)..length.min(place(*at) + by))),
        Mutation::Repeated(from, to) => {
            let part = request[place(from.min(*to))..place(from.max(*to))].to_vec();
            request.splice(place(*from)..place(*from), part);
        }
        Mutation::Grown(at, byte, by) => {
            request.splice(place(*at)..place(*at), std::iter::repeat_n(*byte, *by));
        }
        Mutation::ContinuedAs(at, other) => {
            let other = &all[other % all.len()];
            request.truncate(place(*at));
            request.extend_from_slice(&other[(at * other.len() as f64) as usize..]);
        }
        Mutation::LengthReplaced(length) => {
            let text = String::from_utf8_lossy(request);
            let Some((before, after)) = text.split_once("Content-Length: ") else { return };
            let after = after.split_once("\r\n").map_or("", |(_, after)| after);
            *request = format!("{before}Content-Length: {length}\r\n{after}").into_bytes();
        }
    }
}

/// Sends `request`, closes the sending side, and returns all bytes that the service sends.
async fn send(address: SocketAddr, request: &[u8]) -> Vec<u8> {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut answers, mut requests) = stream.into_split();
    // The service does not read the rest of a request that it refuses early, so writing may fail.
    let writing = async {
        let _ = requests.write_all(request).await;
        let _ = requests.shutdown().await;
    };
    let mut answer = Vec::new();
    let reading = async {
        let _ = answers.read_to_end(&mut answer).await;
    };
    tokio::join!(writing, reading);
    answer
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn statuses(answers: &[u8]) -> impl Iterator<Item = u16> {
    let text = text(answers);
    let lines: Vec<u16> = text.split("HTTP/1.1 ").skip(1).map(|rest| rest[..3].parse().unwrap()).collect();
    lines.into_iter()
}

#[tokio::test]
async fn mutated_requests_cause_no_server_error() {
    let world = World::new();
    let service = World::builder(&world.now, true).build().unwrap();
    let server = Server::bind("127.0.0.1:0".parse().unwrap(), service).await.unwrap();
    let address = server.local_addr();
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(server.run(async { drop(stopped.await) }));

    let all = good_requests(&world);
    let mut met = BTreeMap::<u16, usize>::new();
    for good in &all {
        let answers = send(address, good).await;
        let status = statuses(&answers).next();
        assert!(status.is_some_and(|status| status < 300), "{}{}", text(good), text(&answers));
    }
    let mut runner = TestRunner::deterministic();
    let strategy = (any::<prop::sample::Index>(), vec(mutation(), 1..4));
    for nth in 0..REQUESTS {
        let (which, mutations) = strategy.new_tree(&mut runner).unwrap().current();
        let mut request = all[which.index(all.len())].clone();
        mutations.iter().for_each(|mutation| apply(mutation, &mut request, &all));
        let answers = send(address, &request).await;
        for status in statuses(&answers) {
            assert!(status < 500, "{nth}: {status} for {}", String::from_utf8_lossy(&request));
            *met.entry(status).or_default() += 1;
        }
        if nth % 500 == 0 {
            let request = serde_json::to_vec(&world.sign(REVOCABLE, &params())).unwrap();
            let path = format!("/keys/{REVOCABLE}/requestToken");
            let answers = send(address, &self::request("POST", &path, &[], &request)).await;
            assert_eq!(statuses(&answers).collect::<Vec<_>>(), [201], "the service still issues tokens");
        }
    }
    for status in [200, 201, 400, 401, 404, 405, 413, 431] {
        assert!(met.contains_key(&status), "no request got {status}: {met:?}");
    }
    stop.send(()).unwrap();
    running.await.unwrap().unwrap();
}
