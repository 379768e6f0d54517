//! Tests of injected faults, of the clock and of the reset.

use super::*;
use crate::faulty::{Faulty, Stalled};
use crate::operating::{SHORT_TIMEOUT, TEST_TIMEOUT, TIME};

fn put(world: &World, body: &Value) -> Answer {
    world.send(with_json(Request::put(api("faults"))), body.to_string())
}

fn time(world: &World) -> (u16, u64) {
    world.send(Request::get("/time"), "").code()
}

#[test]
fn requests_are_refused_with_code_and_status() {
    let world = world();
    let set = put(&world, &json!({ "kind": "refuse", "count": 2, "code": 40142 }));
    assert_eq!(set.json(), json!({ "kind": "refuse", "left": 2, "code": 40142, "status": 401 }));
    let _ = get(&world, "log");
    assert_eq!(get(&world, "overview")["faults"]["left"], 2, "the console's own requests do not count");
    assert_eq!((time(&world), time(&world), time(&world)), ((401, 40142), (401, 40142), (200, 0)));
    put(&world, &json!({ "kind": "refuse", "count": 5, "code": 50003, "status": 504 }));
    assert_eq!(time(&world), (504, 50003));
    assert_eq!(world.send(Request::delete(api("faults")), "").status, 204);
    assert_eq!((time(&world), &get(&world, "overview")["faults"]), ((200, 0), &Value::Null));
}

#[test]
fn faults_out_of_range_are_refused() {
    let world = world();
    for wrong in [
        json!({ "kind": "refuse", "count": 0, "code": 40142 }),
        json!({ "kind": "refuse", "count": 1001, "code": 40142 }),
        json!({ "kind": "refuse", "count": 1, "code": 12345 }),
        json!({ "kind": "refuse", "count": 1, "code": 40142, "status": 200 }),
        json!({ "kind": "delay", "count": 1, "delayMs": 0 }),
        json!({ "kind": "delay", "count": 1, "delayMs": 60_001 }),
        json!({ "kind": "drop", "count": 0 }),
    ] {
        assert_eq!(put(&world, &wrong).code().0, 400, "{wrong}");
        assert_eq!(get(&world, "overview")["faults"], Value::Null);
    }
}

#[tokio::test]
async fn connections_are_dropped_and_responses_delayed() {
    let service = run(|_| {}).await;
    let drop = request("PUT", "faults", "", &json!({ "kind": "drop", "count": 1 }));
    assert_eq!(service.ask(&drop).await.status, 200);
    let mut dropped = service.connect().await;
    dropped.send(TIME).await;
    assert!(dropped.receive().await.is_none(), "closed without a response");
    assert_eq!(service.ask(TIME).await.status, 200);
    let delay = request("PUT", "faults", "", &json!({ "kind": "delay", "count": 1, "delayMs": 300 }));
    assert_eq!(service.ask(&delay).await.status, 200);
    let mut delayed = service.connect().await;
    delayed.send(TIME).await;
    let first = tokio::time::timeout(std::time::Duration::from_millis(50), delayed.receive()).await;
    assert!(first.is_err(), "the response is held back");
    assert_eq!(service.ask(TIME).await.status, 200, "only one response");
}

#[tokio::test]
async fn shutdown_does_not_wait_for_delayed_response() {
    let mut service = run(|limits| limits.shutdown_grace = TEST_TIMEOUT).await;
    let delay = request("PUT", "faults", "", &json!({ "kind": "delay", "count": 1, "delayMs": 60_000 }));
    assert_eq!(service.ask(&delay).await.status, 200);
    let mut delayed = service.connect().await;
    delayed.send(TIME).await;
    let first = tokio::time::timeout(SHORT_TIMEOUT, delayed.receive()).await;
    assert!(first.is_err(), "the response is held back");
    service.stop();
    let answer = delayed.receive().await;
    assert_eq!(answer.map(|answer| answer.status), Some(200), "the delay ends with the service");
    tokio::time::timeout(TEST_TIMEOUT, service.served).await.unwrap().unwrap();
}

#[test]
fn clock_is_moved_and_reset_forgets() {
    let world = world();
    let token = world.token(KEY, &params());
    let request = world.sign(KEY, &params());
    assert_eq!(world.exchange(&request).status, 201);
    let moved = post(&world, "clock", &json!({ "advanceMs": 2 * HOUR }));
    assert_eq!(moved.json(), json!({ "now": NOW + 2 * HOUR, "clockAheadMs": 2 * HOUR }));
    assert_eq!(world.accepts(&token).code(), (401, 40142));
    assert_eq!(get(&world, "overview")["service"]["clockAheadMs"], 2 * HOUR);
    assert_eq!(world.exchange(&world.sign(KEY, &params())).status, 201, "clients' clocks have not moved");
    assert_eq!(post(&world, "clock", &json!({ "advanceMs": u64::MAX })).code().0, 400);
    let app = world.send(Request::post("/apps"), "{}").json();
    assert_eq!(get(&world, "overview")["apps"].as_array().unwrap().len(), 3);
    let _ = put(&world, &json!({ "kind": "drop", "count": 5 }));
    let last = get(&world, "log")["last"].as_u64().unwrap();
    assert_eq!(post(&world, "reset", &json!({})).status, 204);
    let overview = get(&world, "overview");
    assert_eq!((&overview["service"]["clockAheadMs"], &overview["faults"]), (&json!(0), &Value::Null));
    assert!(!overview["apps"].to_string().contains(app["appId"].as_str().unwrap()), "apps from run time are forgotten");
    assert_eq!(world.exchange(&request).status, 201, "used nonces are forgotten");
    assert_eq!(world.get("/channels/a", &basic(KEY)).code(), (200, 0), "keys stay");
    assert_eq!(get(&world, "log")["last"], last + 2, "the log goes on");
}

#[test]
fn store_that_outlives_process_is_neither_reset_nor_moved() {
    let world = World::new().with_service(|builder| builder.console(true).store(Faulty::new(Stalled(&[]))));
    assert_eq!(
        get(&world, "overview")["service"]["can"],
        json!(["reveal", "issue", "revoke", "rotate", "end", "faults"])
    );
    for (path, body) in [("reset", json!({})), ("clock", json!({ "advanceMs": 1 }))] {
        let refused = post(&world, path, &body);
        assert_eq!(refused.code(), (400, 40000), "{path}");
        assert!(refused.message().contains("start it without `--data`"), "{path}");
    }
    put(&world, &json!({ "kind": "refuse", "count": 1, "code": 50003 }));
    assert_eq!(time(&world).1, 50003);
}

#[tokio::test]
async fn reloaded_apps_stay_after_reset() {
    let world = world();
    world.service.reload(ably_auth_server::Apps::of_key(key("app9.key9"))).await.unwrap();
    let status = |name: &str| world.get("/channels/a", &basic(name)).code();
    assert_eq!((status("app9.key9"), status(KEY).0), ((200, 0), 404));
    assert_eq!(post(&world, "reset", &json!({})).status, 204);
    assert_eq!((status("app9.key9"), status(KEY).0), ((200, 0), 404));
}
