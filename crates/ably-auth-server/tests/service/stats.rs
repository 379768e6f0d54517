//! Tests of statistics, in the formats that clients read.

use http::Request;
use serde_json::{Value, json};

use crate::channels::link;
use crate::support::*;

#[test]
fn app_is_counted_per_minute() {
    let world = World::new();
    assert_eq!(world.get("/stats", &basic(KEY)).json(), json!([]));
    world.token(KEY, &params());
    world.post("/channels/chat/messages", &basic(KEY), &json!([{}, {}]));
    world.post("/channels/chat/messages", &basic(KEY), &json!({}));
    world.set(NOW + MINUTE);
    world.token(KEY, &params());
    let stats = world.get("/stats", &basic(KEY)).json();
    assert_eq!(stats[0]["intervalId"], "2015-12-10:11:19");
    assert_eq!(stats[0]["entries"], json!({ "apiRequests.tokenRequests.succeeded": 1 }));
    assert_eq!((&stats[1]["intervalId"], &stats[1]["unit"]), (&json!("2015-12-10:11:18"), &json!("minute")));
    assert_eq!(stats[1]["entries"]["messages.all.all.count"], 3);
    let forwards = world.get("/stats?direction=forwards&limit=1", &basic(KEY));
    assert_eq!(forwards.json()[0]["intervalId"], "2015-12-10:11:18");
    let next = link(&forwards, "next").unwrap();
    assert_eq!(world.get(&next, &basic(KEY)).json()[0]["intervalId"], "2015-12-10:11:19");
    assert_eq!(world.get(&format!("/stats?start={}", NOW + MINUTE), &basic(KEY)).json().as_array().unwrap().len(), 1);
}

fn stats(world: &World, version: &str, query: &str) -> Value {
    let request = Request::get(format!("/stats?{query}")).header("Authorization", basic(KEY));
    let answer = world.send(request.header("X-Ably-Version", version), "");
    assert_eq!(answer.code(), (200, 0), "{}", answer.text());
    answer.json()
}

#[test]
fn statistics_are_nested_for_older_clients() {
    let world = World::new();
    world.token(KEY, &params());
    world.post("/channels/chat/messages", &basic(KEY), &json!([{}, {}]));
    for version in ["1.2", "1", "0.8", "2", "2.9"] {
        let minute = &stats(&world, version, "")[0];
        assert_eq!((&minute["intervalId"], &minute["unit"]), (&json!("2015-12-10:11:18"), &json!("minute")));
        assert_eq!(minute["all"]["messages"]["count"], 2, "{version}");
        assert_eq!(minute["inbound"]["rest"]["messages"]["count"], 2);
        assert_eq!(minute["tokenRequests"], json!({ "succeeded": 1, "failed": 0, "refused": 0 }));
        assert_eq!(minute["apiRequests"], json!({ "succeeded": 0, "failed": 0, "refused": 0 }));
        assert!(["outbound", "connections", "channels"].iter().all(|name| minute[name].is_object()));
        assert!(minute["entries"].is_null());
    }
    for version in ["3", "4.1", "6"] {
        let minute = &stats(&world, version, "")[0];
        assert_eq!(minute["entries"]["messages.inbound.rest.messages.count"], 2, "{version}");
        assert!(minute["all"].is_null());
    }
}

/// Returns fixtures as the test suites of Ably's SDKs send them.
fn fixtures() -> Value {
    let minute = |id: &str, count: u64| {
        json!({
            "intervalId": id, "unit": "minute", "unknown": { "a": 1 },
            "inbound": { "realtime": { "messages": { "count": count, "data": count * 100 } } },
            "outbound": { "realtime": { "messages": { "count": 20, "data": 2000 } } },
            "persisted": { "presence": { "count": 20, "data": 2000 } },
            "connections": { "tls": { "peak": count, "opened": 10 } },
            "channels": { "peak": 50, "opened": 30, "nothing": 4 },
            "apiRequests": { "succeeded": 50, "failed": 10 },
            "tokenRequests": { "succeeded": 60, "failed": 20 },
        })
    };
    json!([minute("2014-02-03:15:03", 50), minute("2014-02-03:15:04", 60), minute("2014-02-03:16:05", 70)])
}

#[test]
fn fixtures_are_read_back_by_unit() {
    let world = World::new();
    assert_eq!(world.post("/stats", &basic(KEY), &fixtures()).code(), (201, 0));
    let start = 1_391_439_780_000_u64;
    let read = |query: &str| stats(&world, "1.2", &format!("start={start}&end={}&{query}", start + 2 * HOUR));
    let minutes = read("direction=forwards");
    assert_eq!(minutes.as_array().unwrap().len(), 3);
    assert_eq!(minutes[0]["inbound"]["realtime"]["messages"], json!({ "count": 50, "data": 5000 }));
    assert_eq!(minutes[0]["apiRequests"], json!({ "succeeded": 50, "failed": 10, "refused": 0 }));
    assert_eq!(minutes[0]["channels"], json!({ "peak": 50, "opened": 30 }));
    let hours = read("unit=hour&direction=forwards");
    assert_eq!((&hours[0]["intervalId"], &hours[1]["intervalId"]), (&json!("2014-02-03:15"), &json!("2014-02-03:16")));
    assert_eq!(hours[0]["inbound"]["realtime"]["messages"]["count"], 110, "counts are added");
    assert_eq!(hours[0]["connections"]["tls"], json!({ "peak": 60, "opened": 20 }), "a peak is the highest");
    for (unit, id) in [("day", "2014-02-03"), ("month", "2014-02")] {
        let all = read(&format!("unit={unit}"));
        assert_eq!(
            (all.as_array().unwrap().len(), &all[0]["intervalId"], &all[0]["unit"]),
            (1, &json!(id), &json!(unit))
        );
        assert_eq!(all[0]["tokenRequests"]["succeeded"], 180);
    }
    assert_eq!(read("limit=1")[0]["intervalId"], "2014-02-03:16:05");
    let entries = &stats(&world, "3", "unit=month&direction=forwards")[0]["entries"];
    assert_eq!(entries["apiRequests.tokenRequests.succeeded"], 180);
    assert_eq!(
        (&entries["apiRequests.all.failed"], &entries["messages.persisted.presence.count"]),
        (&json!(30), &json!(60))
    );
}

#[test]
fn fixtures_require_key_and_sandbox() {
    let world = World::new();
    let one = json!({ "intervalId": "2014-02-03:15:03", "inbound": { "rest": { "messages": { "count": 1 } } } });
    assert_eq!(world.post("/stats", &basic(KEY), &one).code(), (201, 0));
    assert_eq!(world.post("/stats", &bearer(&world.token(KEY, &params())), &one).code(), (401, 40162));
    assert_eq!(world.post("/stats", &basic(LIMITED), &one).code(), (401, 40160));
    assert_eq!(world.send(Request::post("/stats"), one.to_string()).code(), (401, 40101));
    for bad in [json!({ "intervalId": "2014-02-30" }), json!([one, { "intervalId": "yesterday" }])] {
        assert_eq!(world.post("/stats", &basic(KEY), &bad).code(), (400, 40003));
    }
    for bad in [json!({}), json!("x"), json!([[]]), json!(vec![one.clone(); 501])] {
        assert_eq!(world.post("/stats", &basic(KEY), &bad).code(), (400, 40001));
    }
    let real = World::without_sandbox();
    let token = format!("Bearer {}", jwt(KEY, 60, &json!({})));
    assert_eq!(real.post("/stats", &token, &one).code(), (405, 40500));
}
