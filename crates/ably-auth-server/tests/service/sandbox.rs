//! Tests of the apps that test suites create in a sandbox.

use http::Request;
use serde_json::json;

use crate::support::*;

#[test]
fn app_is_created_used_and_deleted() {
    let world = World::new();
    let asked = json!({
        "keys": [{}, { "capability": r#"{ "b": ["publish"], "a": ["subscribe"] }"# }, { "revocableTokens": true }],
        "namespaces": [{ "id": "persisted", "persisted": true }],
        "channels": [{ "name": "persisted:presence" }],
        "unknown": 1,
    });
    let answer = world.send(Request::post("/apps").header("Host", "127.0.0.1:8081"), asked.to_string());
    assert_eq!(answer.status, 201);
    let app = answer.json();
    let app_id = app["appId"].as_str().unwrap();
    assert_eq!(app["namespaces"], asked["namespaces"]);
    assert_eq!(app["channels"], asked["channels"]);
    assert!(app["accountId"].is_string());
    assert_eq!((&app["endpoint"], &app["port"], &app["tls"]), (&json!("127.0.0.1"), &json!(8081), &json!(false)));

    let capabilities = [r#"{"*":["*"]}"#, r#"{"a":["subscribe"],"b":["publish"]}"#, r#"{"*":["*"]}"#];
    for (key, capability) in app["keys"].as_array().unwrap().iter().zip(capabilities) {
        assert_eq!(key["capability"], capability);
        assert_eq!(key["keyName"], format!("{app_id}.{}", key["id"].as_str().unwrap()));
        assert_eq!(
            key["keyStr"],
            format!("{}:{}", key["keyName"].as_str().unwrap(), key["keySecret"].as_str().unwrap())
        );
        assert_eq!(key["value"], key["keySecret"]);
        assert!(key["keySecret"].as_str().unwrap().len() >= 43);
    }
    assert_eq!(app["keys"][2]["revocableTokens"], true);

    let key = basic_of(app["keys"][0]["keyStr"].as_str().unwrap());
    let limited = basic_of(app["keys"][1]["keyStr"].as_str().unwrap());
    assert_eq!(world.get("/stats", &key).code(), (200, 0));
    assert_eq!(world.get("/stats", &limited).code(), (401, 40160));
    let name = app["keys"][0]["keyName"].as_str().unwrap();
    let token =
        world.post(&format!("/keys/{name}/requestToken"), &key, &json!({ "keyName": name, "timestamp": NOW })).json();
    let token = format!("Bearer {}", token["token"].as_str().unwrap());
    assert_eq!(world.get("/stats", &token).code(), (200, 0));

    let path = format!("/apps/{app_id}");
    let delete =
        |path: &str, credential: &str| world.send(Request::delete(path).header("Authorization", credential), "").code();
    assert_eq!(delete(&path, &token), (401, 40162));
    assert_eq!(delete(&path, &basic(KEY)), (403, 40300));
    assert_eq!(delete("/apps/unknown", &key), (404, 40400));
    assert_eq!(world.send(Request::delete(&path), "").code(), (401, 40101));
    assert_eq!(delete(&path, &limited), (204, 0));
    assert_eq!(delete(&path, &limited), (404, 40400));
    assert_eq!(world.get("/stats", &key).code(), (404, 40400));
    assert_eq!(world.get("/stats", &token).code(), (401, 40143));
}

#[test]
fn app_endpoint_is_host_of_request() {
    let world = World::new();
    let found = |request: http::request::Builder| {
        let app = world.send(request, "{}").json();
        (app["endpoint"].as_str().unwrap().to_owned(), app["port"].as_u64().unwrap())
    };
    assert_eq!(found(Request::post("/apps")), ("localhost".into(), 80));
    assert_eq!(found(Request::post("/apps").header("Host", "localhost")), ("localhost".into(), 80));
    assert_eq!(found(Request::post("/apps").header("Host", "[::1]:99")), ("[::1]".into(), 99));
    assert_eq!(found(Request::post("http://127.0.0.1:7/apps")), ("127.0.0.1".into(), 7));
}

#[test]
fn invalid_app_is_refused() {
    let world = World::new();
    let make = |body: &str| world.send(Request::post("/apps"), body.to_owned()).code();
    assert_eq!(make("{}"), (201, 0));
    assert_eq!(make(r#"{"keys":[]}"#), (201, 0));
    for bad in ["", "[]", "null", r#"{"keys":[[]]}"#, r#"{"keys":{}}"#, r#"{"keys":[{"capability":{}}]}"#] {
        assert_eq!(make(bad), (400, 40001), "{bad}");
    }
    for bad in ["x", r#"{\"a\":[]}"#, r#"{\"a\":[\"fly\"]}"#, r#"{\"a\":[\"*\"],\"a\":[\"*\"]}"#] {
        assert_eq!(make(&format!(r#"{{"keys":[{{"capability":"{bad}"}}]}}"#)), (400, 40000), "{bad}");
    }
}

#[test]
fn service_has_at_most_1000_apps() {
    let world = World::new();
    let made = (0..1_000).filter(|_| world.send(Request::post("/apps"), "{}").status == 201).count();
    assert_eq!(made, 998, "the configuration has two apps");
    assert_eq!(world.send(Request::post("/apps"), "{}").code(), (429, 42910));
}

#[test]
fn apps_path_is_unknown_outside_sandbox() {
    let world = World::without_sandbox();
    assert_eq!(world.send(Request::post("/apps"), "{}").code(), (404, 40400));
    assert_eq!(world.send(Request::delete("/apps/app1"), "").code(), (404, 40400));
}
