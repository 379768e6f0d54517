//! Tests of the console: its page, its API, and who may use them.

mod access;
mod actions;
mod admin;
mod connections;
mod faults;
mod log;
mod page;
mod stories;
mod streaming;

use std::collections::{BTreeMap, BTreeSet};

use ably_auth_server::{Limits, Service};
use http::Request;
use http::request::Builder;
use serde_json::{Value, json};

use crate::operating::{Running, run_service};
use crate::sdks::described_paths;
use crate::support::*;

/// A sandbox with a console, on the clock of the tests.
fn world() -> World {
    World::new().with_service(|builder| builder.console(true))
}

/// The path of an endpoint of the API.
fn api(path: &str) -> String {
    format!("/console/api/{path}")
}

fn get(world: &World, path: &str) -> Value {
    let answer = world.send(Request::get(api(path)), "");
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.json()
}

fn with_json(request: Builder) -> Builder {
    request.header("Content-Type", "application/json")
}

fn post(world: &World, path: &str, body: &Value) -> Answer {
    world.send(with_json(Request::post(api(path))), body.to_string())
}

/// Starts a server of a sandbox with a console, on the system's clock.
async fn run(change: impl FnOnce(&mut Limits)) -> Running {
    let mut limits = Limits::default();
    change(&mut limits);
    run_service(Service::builder().apps(apps()).sandbox(true).console(true).limits(limits).build().unwrap()).await
}

/// Returns the text of a request with a JSON body to a socket.
fn request(method: &str, path: &str, headers: &str, body: &Value) -> String {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    format!(
        "{method} {} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        api(path),
        body.len()
    )
}

#[test]
fn overview_has_apps_keys_and_actions() {
    let world = world();
    let overview = get(&world, "overview");
    let service = &overview["service"];
    assert_eq!(
        (&service["mode"], &service["now"], &service["clockAheadMs"]),
        (&json!("sandbox"), &json!(NOW), &json!(0))
    );
    assert_eq!(service["can"], json!(["reveal", "issue", "revoke", "rotate", "end", "reset", "clock", "faults"]));
    assert_eq!((&service["url"], &service["connections"]), (&json!("http://localhost"), &json!(0)));
    assert!(service["journal"]["maxBytes"].as_u64().unwrap() > 1_000_000);
    let ids: Vec<_> = overview["apps"].as_array().unwrap().iter().map(|app| app["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["app1", "app2"]);
    let keys = overview["apps"][0]["keys"].as_array().unwrap();
    let key = |name: &str| keys.iter().find(|key| key["name"] == name).unwrap();
    assert_eq!((&key(REVOKED)["enabled"], &key(EXPIRING)["expires"]), (&json!(false), &json!(NOW + HOUR / 2)));
    assert_eq!((&key(KEY)["revocableTokens"], &key(REVOCABLE)["revocableTokens"]), (&json!(false), &json!(true)));
    assert_eq!(key(LIMITED)["capability"], r#"{"chat:*":["publish","subscribe"],"status":["history"]}"#);
    assert_eq!(key(LIMITED)["matrix"]["operations"], json!(["history", "publish", "subscribe"]));
    assert_eq!(overview["faults"], Value::Null);
}

#[test]
fn url_of_overview_is_that_of_request() {
    let world = world();
    let url = |host: &str| {
        let answer = world.send(Request::get(api("overview")).header("Host", host), "");
        answer.json()["service"]["url"].as_str().unwrap().to_owned()
    };
    assert_eq!(url("127.0.0.1:8484"), "http://127.0.0.1:8484");
    assert_eq!(url("[::1]:8484"), "http://[::1]:8484");
    assert_eq!(url("$(reboot).localhost"), "http://localhost", "a shell interprets it, and examples contain the URL");
}

#[test]
fn openapi_describes_each_path_with_its_methods() {
    let world = world();
    let mut described: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in described_paths() {
        let (method, path) = line.split_once(' ').unwrap();
        if path.starts_with("/console/") {
            described.entry(path.to_owned()).or_default().insert(method.to_owned());
        }
    }
    assert_eq!(described.len(), 17);
    for (path, methods) in described {
        let filled = path.replace("{keyName}", KEY).replace("{seq}", "1").replace("{connectionId}", "c");
        let answer = world.send(Request::builder().method("OPTIONS").uri(&filled), "");
        let allowed = answer.header("allow").split(", ").filter(|method| !["OPTIONS", "HEAD"].contains(method));
        assert_eq!(allowed.map(str::to_owned).collect::<BTreeSet<_>>(), methods, "{path}");
    }
}
