//! Tests of the bounds on the memory that holders of keys and tokens can make the service use.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use ably_auth_server::Limits;
use bytes::Bytes;
use http::request::Builder;
use http::{Request, Response};
use serde_json::{Value, json};

use crate::support::*;

const MIB: usize = 1024 * 1024;

fn world(limit: impl FnOnce(&mut Limits)) -> World {
    let mut limits = Limits::default();
    limit(&mut limits);
    World::new().with_service(|builder| builder.limits(limits))
}

fn publish(world: &World, channel: &str, key: &str, data: &str) {
    let request = Request::post(format!("/channels/{channel}/messages")).header("Authorization", basic(key));
    let body = rmp_serde::to_vec_named(&json!({ "data": data })).unwrap();
    let answer = world.send(request.header("Content-Type", "application/x-msgpack"), body);
    assert_eq!(answer.status, 201, "{}", answer.text());
}

fn history(world: &World, channel: &str, key: &str) -> Vec<Value> {
    world.get(&format!("/channels/{channel}/messages"), &basic(key)).json().as_array().unwrap().clone()
}

/// Returns a response whose bytes stay in flight until it is dropped, as if its client did not read it.
fn unread(world: &World, path: &str, key: &str) -> Response<Bytes> {
    unread_answer(world, Request::get(path).header("Authorization", basic(key)), "")
}

fn unread_answer(world: &World, request: Builder, body: impl Into<Bytes>) -> Response<Bytes> {
    let request = request.header("Host", "localhost");
    let answering = pin!(world.service.handle(request.body(body.into()).unwrap()));
    match answering.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("the service must not wait"),
    }
}

#[test]
fn large_history_comes_in_pages() {
    let world = World::new();
    for nth in 0..16 {
        publish(&world, "nuls", KEY, &format!("{nth:02}{}", "\0".repeat(60_000)));
    }
    let (mut path, mut seen) = ("/channels/nuls/messages?limit=1000".to_owned(), Vec::new());
    loop {
        let answer = world.get(&path, &basic(KEY));
        assert!(answer.body.len() <= MIB + 400_000, "{} bytes", answer.body.len());
        let messages = answer.json().as_array().unwrap().clone();
        assert!(!messages.is_empty());
        seen.extend(messages.iter().map(|message| message["data"].as_str().unwrap()[..2].to_owned()));
        let mut links = answer.headers.get_all("link").iter().map(|link| link.to_str().unwrap());
        let Some(next) = links.find(|link| link.contains("rel=\"next\"")) else { break };
        let query = next.split_once('?').unwrap().1.split_once('>').unwrap().0;
        path = format!("/channels/nuls/messages?{query}");
    }
    let expected: Vec<_> = (0..16).rev().map(|nth| format!("{nth:02}")).collect();
    assert_eq!(seen, expected);
}

#[test]
fn history_is_equal_in_both_formats() {
    let world = World::new();
    let messages = json!([
        { "name": "a", "data": { "b": [1, -2, 1.5, null, "\u{0}ä"] }, "extras": { "c": {} }, "later": [[]] },
        { "id": "one", "data": "text", "encoding": "utf-8", "timestamp": 1, "serial": "mine" },
        {},
    ]);
    assert_eq!(world.post("/channels/chat/messages", &basic(KEY), &messages).status, 201);
    let request = Request::get("/channels/chat/messages").header("Authorization", basic(KEY));
    let answer = world.send(request.header("Accept", "application/x-msgpack"), "");
    let msgpack: Value = rmp_serde::from_slice(&answer.body).unwrap();
    assert_eq!(msgpack, Value::Array(history(&world, "chat", KEY)));
    let first = &msgpack[2];
    assert_eq!(
        (&first["data"], &first["extras"], &first["later"]),
        (&messages[0]["data"], &json!({ "c": {} }), &json!([[]]))
    );
    assert_eq!((&msgpack[1]["timestamp"], &msgpack[1]["id"]), (&json!(NOW), &json!("one")));
    assert_ne!(msgpack[1]["serial"], "mine");
}

#[test]
fn message_with_wrong_types_is_refused() {
    let world = World::new();
    for body in [
        json!(["x"]),
        json!({ "extras": [] }),
        json!({ "extras": "x" }),
        json!({ "name": 1 }),
        json!({ "id": {} }),
        Value::Array(vec![json!({}); 501]),
    ] {
        let answer = world.post("/channels/chat/messages", &basic(KEY), &body);
        assert_eq!(answer.code(), (400, 40001), "{}", &body.to_string()[..20.min(body.to_string().len())]);
    }
    for body in [r#"{"x":1,"x":2}"#, r#"{"name":"a","name":"b"}"#] {
        let request = Request::post("/channels/chat/messages").header("Authorization", basic(KEY));
        assert_eq!(world.send(request, body).code(), (400, 40001), "{body}");
    }
}

#[test]
fn app_with_most_history_makes_room() {
    let world = world(|limits| limits.history_bytes = MIB);
    publish(&world, "chat", ELSEWHERE, "stays");
    for nth in 0..100 {
        publish(&world, &format!("flood{}", nth % 10), KEY, &"x".repeat(50_000));
    }
    assert_eq!(history(&world, "chat", ELSEWHERE)[0]["data"], "stays");
    let kept: usize = (0..10).map(|nth| history(&world, &format!("flood{nth}"), KEY).len()).sum();
    assert!((10..=20).contains(&kept), "{kept} messages of 50 kB are kept in 1 MiB");
    publish(&world, "chat", KEY, "the latest");
    assert_eq!(history(&world, "chat", KEY)[0]["data"], "the latest");
}

#[test]
fn deleted_app_frees_its_history() {
    let world = world(|limits| limits.history_bytes = MIB);
    for _ in 0..5 {
        let app = world.send(Request::post("/apps"), "{}").json();
        let key = basic_of(app["keys"][0]["keyStr"].as_str().unwrap());
        for _ in 0..30 {
            world.post("/channels/chat/messages", &key, &json!({ "data": "x".repeat(50_000) }));
        }
        let path = format!("/apps/{}", app["appId"].as_str().unwrap());
        assert_eq!(world.send(Request::delete(path).header("Authorization", key), "").status, 204);
    }
    for _ in 0..15 {
        publish(&world, "chat", KEY, &"x".repeat(50_000));
    }
    assert_eq!(history(&world, "chat", KEY).len(), 15);
}

#[test]
fn unread_responses_are_bounded_per_app_and_in_total() {
    let world = world(|limits| limits.answers_bytes = MIB);
    publish(&world, "chat", KEY, &"x".repeat(60_000));
    publish(&world, "chat", ELSEWHERE, &"x".repeat(60_000));
    let path = "/channels/chat/messages";
    let mut held: Vec<_> = (0..4).map(|_| unread(&world, path, KEY)).collect();
    assert!(held.iter().all(|answer| answer.status() == 200));
    let refused = world.get(path, &basic(KEY));
    assert_eq!((refused.code(), refused.header("retry-after")), ((503, 50004), "1"));
    held.extend((0..4).map(|_| unread(&world, path, ELSEWHERE)));
    assert!(held.iter().all(|answer| answer.status() == 200), "each app has a separate share");
    assert_eq!(world.get("/time", "").status, 200, "a small response does not count");
    held.clear();
    assert_eq!(world.get(path, &basic(KEY)).status, 200);
}

/// Uses up the `answers_bytes` of `KEY`'s app, until the result is dropped.
fn fill_answers(world: &World) -> Vec<Response<Bytes>> {
    publish(world, "full", KEY, &"x".repeat(65_000));
    let held: Vec<_> = (0..4).map(|_| unread(world, "/channels/full/messages", KEY)).collect();
    assert_eq!(world.get("/channels/full/messages", &basic(KEY)).code(), (503, 50004));
    held
}

#[test]
fn change_without_room_for_response_is_not_made() {
    let world = world(|limits| limits.answers_bytes = MIB);
    let targets: Vec<_> = (0..60).map(|nth| format!("clientId:{nth}-{}", "x".repeat(80))).collect();
    let batch = json!({ "channels": (0..90).map(|nth| format!("c{nth}")).collect::<Vec<_>>(), "messages": {} });
    let changes = [
        (Request::post("/channels/chat/messages").header("Authorization", basic(KEY)), json!(vec![json!({}); 300])),
        (Request::post("/messages").header("Authorization", basic(KEY)), batch),
        (
            Request::post(format!("/keys/{REVOCABLE}/revokeTokens")).header("Authorization", basic(REVOCABLE)),
            json!({ "targets": targets }),
        ),
    ];
    let held = fill_answers(&world);
    for (request, body) in changes {
        assert_eq!(world.send(request, body.to_string()).code(), (503, 50004));
    }
    drop(held);
    assert_eq!(history(&world, "chat", KEY).len() + history(&world, "c0", KEY).len(), 0, "no message was published");
    let token = world.token(REVOCABLE, &of(&format!("1-{}", "x".repeat(80))));
    assert_eq!(world.accepts(&token).status, 200, "no token was revoked");
}

#[test]
fn every_change_made_gets_its_response() {
    let world = world(|limits| limits.answers_bytes = MIB);
    let app = json!({ "keys": vec![json!({}); 30] });
    let mut held = Vec::new();
    loop {
        let answer = unread_answer(&world, Request::post("/apps"), app.to_string());
        if answer.status() == 503 {
            break;
        }
        assert_eq!(answer.status(), 201);
        let bytes: usize = held.iter().map(|answer: &Response<Bytes>| answer.body().len()).sum();
        assert!(bytes <= MIB, "{bytes} bytes");
        held.push(answer);
    }
    let apps = held.len();
    held.clear();
    let mut more = 0;
    while world.send(Request::post("/apps"), "{}").status == 201 {
        more += 1;
    }
    assert_eq!(apps + more, 998, "the refused request created no app; two of the 1,000 apps are in the configuration");
}

#[test]
fn response_that_finds_no_room_is_refused_in_form_of_its_api() {
    let world = world(|limits| limits.answers_bytes = MIB);
    let app = json!({ "keys": vec![json!({}); 60] }).to_string();
    let id = world.send(Request::post("/apps"), app.clone()).json()["appId"].as_str().unwrap().to_owned();
    let list = || {
        let request = Request::get(format!("/v1/apps/{id}/keys"));
        world.send(request.header("Authorization", format!("Bearer {CONTROL}")), "")
    };
    assert!(list().status == 200 && list().body.len() > 4 * 1024);
    let made = || unread_answer(&world, Request::post("/apps"), app.clone());
    let held: Vec<_> = std::iter::from_fn(|| Some(made()).filter(|answer| answer.status() == 201)).collect();
    // Reserving for a new app takes more room than the list needs, so fill the rest with lists.
    let lists: Vec<_> = std::iter::from_fn(|| {
        let request = Request::get(format!("/v1/apps/{id}/keys")).header("Authorization", format!("Bearer {CONTROL}"));
        Some(unread_answer(&world, request, "")).filter(|answer| answer.status() == 200)
    })
    .collect();
    let refused = list();
    assert_eq!((refused.status, &refused.json()["code"], refused.header("retry-after")), (503, &json!(50004), "1"));
    assert!(refused.json().get("error").is_none(), "{}", refused.text());
    drop((held, lists));
    assert_eq!(list().status, 200);
}

#[test]
fn message_ids_and_links_are_bounded() {
    let world = World::new();
    let publish =
        |id: usize| world.post("/channels/chat/messages", &basic(KEY), &json!([{ "id": "x".repeat(id) }, {}]));
    assert_eq!(publish(256).code(), (201, 0));
    let refused = publish(257);
    assert_eq!(refused.code(), (400, 40031));
    assert!(refused.text().contains("longer than 256 bytes; use a shorter one"), "{}", refused.text());
    let zeros = "0".repeat(20_000);
    for query in [
        format!("limit={zeros}1"),
        format!("start={zeros}&end={zeros}9&direction=forwards"),
        format!("unknown={zeros}"),
    ] {
        for path in ["/channels/chat/messages", "/channels/chat/presence/history", "/stats"] {
            let answer = world.get(&format!("{path}?{query}"), &basic(KEY));
            let links = answer.headers.get_all("link").iter().map(http::HeaderValue::len);
            assert!(answer.status == 200 && links.sum::<usize>() < 1_000, "{path}: {}", answer.text());
        }
    }
    let long = "x".repeat(2_049);
    for query in [format!("prefix={long}"), format!("after={long}")] {
        assert_eq!(world.get(&format!("/channels?{query}"), &basic(KEY)).code(), (400, 40003));
    }
}

#[test]
fn channels_can_be_switched_off() {
    let world = World::new().with_service(|builder| builder.channels(false));
    for path in ["/channels", "/channels/chat", "/channels/chat/messages"] {
        let answer = world.get(path, &basic(KEY));
        assert_eq!(answer.code(), (404, 40400), "{path}");
        assert!(answer.message().contains("channels are not served here"), "{}", answer.message());
    }
    assert_eq!(world.get("/stats", &basic(KEY)).status, 200);
}

#[test]
fn apps_created_at_run_time_are_bounded() {
    let world = world(|limits| limits.run_time_bytes = MIB);
    let resources: Vec<_> = (0..200).map(|nth| format!(r#""channel{nth}":["publish"]"#)).collect();
    let body = json!({ "keys": vec![json!({ "capability": format!("{{{}}}", resources.join(",")) }); 8] }).to_string();
    let make = || world.send(Request::post("/apps").header("Host", "localhost"), body.clone());
    let made: Vec<_> = (0..20).map(|_| make()).take_while(|answer| answer.status == 201).collect();
    assert!((2..12).contains(&made.len()), "{} apps of 8 large keys in 1 MiB", made.len());
    let refused = make();
    assert_eq!(refused.code(), (429, 42910));
    let app = made[0].json();
    let key = basic_of(app["keys"][0]["keyStr"].as_str().unwrap());
    let path = format!("/apps/{}", app["appId"].as_str().unwrap());
    assert_eq!(world.send(Request::delete(path).header("Authorization", key), "").status, 204);
    assert_eq!(make().status, 201, "there is room again");
    assert_eq!(world.get("/stats", &basic(KEY)).status, 200, "apps of the configuration do not count");
}
