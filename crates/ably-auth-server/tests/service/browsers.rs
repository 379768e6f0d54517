//! Tests of CORS: preflight requests, and the headers that pages may read.

use http::Request;
use serde_json::json;

use crate::support::*;

const ROUTES: [(&str, &str); 9] = [
    ("/time", "GET, HEAD, OPTIONS"),
    ("/keys/app1.key1/requestToken", "GET, HEAD, POST, OPTIONS"),
    ("/keys/app1.key1/revokeTokens", "POST, OPTIONS"),
    ("/channels", "GET, HEAD, OPTIONS"),
    ("/channels/chat", "GET, HEAD, OPTIONS"),
    ("/channels/chat/messages", "GET, HEAD, POST, OPTIONS"),
    ("/stats", "GET, HEAD, OPTIONS"),
    ("/v1/apps/app1/keys", "GET, HEAD, POST, OPTIONS"),
    ("/v1/apps/app1/keys/key1", "PATCH, OPTIONS"),
];

fn preflight(path: &str, origin: &str) -> http::request::Builder {
    Request::options(path)
        .header("Origin", origin)
        .header("Access-Control-Request-Method", "POST")
        .header("Access-Control-Request-Headers", "authorization,x-ably-version,x-of-mine")
}

#[test]
fn every_route_accepts_preflight_of_any_origin() {
    let world = World::without_sandbox();
    for (path, methods) in ROUTES {
        let answer = world.send(preflight(path, "https://shop.example"), "");
        assert_eq!((answer.status, answer.body.len()), (204, 0), "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), "https://shop.example");
        assert_eq!(answer.header("access-control-allow-methods"), methods, "{path}");
        assert_eq!(answer.header("access-control-allow-headers"), "authorization,x-ably-version,x-of-mine");
        assert_eq!(answer.header("access-control-max-age"), "7200");
        assert_eq!(world.send(Request::options(path), "").header("allow"), methods);
    }
    let unasked =
        Request::options("/time").header("Origin", "https://a").header("Access-Control-Request-Method", "GET");
    let unasked = world.send(unasked, "");
    assert!(unasked.header("access-control-allow-headers").contains("X-Ably-Version"));
    assert_eq!(unasked.header("access-control-allow-origin"), "*");
    assert_eq!(world.send(preflight("/nowhere", "https://shop.example"), "").code(), (404, 40400));
}

#[test]
fn responses_and_errors_expose_their_headers() {
    let world = World::without_sandbox();
    let token = bearer(&world.token(KEY, &params()));
    for (path, status) in [("/channels/chat/messages?limit=1", 200), ("/nowhere", 404), ("/stats?limit=x", 400)] {
        let request = Request::get(path).header("Origin", "https://shop.example").header("Authorization", &token);
        let answer = world.send(request, "");
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("access-control-allow-origin"), "https://shop.example");
        let exposed = answer.header("access-control-expose-headers").to_ascii_lowercase();
        for header in ["link", "x-ably-errorcode", "x-ably-errormessage", "x-ably-requestid"] {
            assert!(exposed.contains(header), "{exposed}");
        }
    }
    assert!(
        !world.get("/stats", &token).headers.contains_key("access-control-allow-origin"),
        "the request has no `Origin`"
    );
}

/// Covers Ably's SDK for browsers, which sends every request with an `Authorization` header in credentials mode.
#[test]
fn page_may_send_bearer_but_no_browser_credentials() {
    let world = World::without_sandbox();
    let token = bearer(&world.token(KEY, &params()));
    let lower = token.replace("Bearer", "bearer");
    let ask = |name: &'static str, value: &str| {
        let request = Request::get("https://localhost/time").header("Origin", "https://shop.example");
        let answer = world.send(request.header(name, value), "");
        let credentials = answer.headers.contains_key("access-control-allow-credentials");
        (credentials, answer.header("access-control-allow-origin").to_owned())
    };
    let (own, anybody) = ((true, "https://shop.example".to_owned()), (false, "*".to_owned()));
    assert_eq!(ask("Authorization", &token), own);
    assert_eq!(ask("Authorization", &lower), own);
    assert_eq!(ask("Authorization", &basic(KEY)), anybody, "a browser sends a stored key without being asked");
    assert_eq!(ask("Cookie", "a=b"), anybody);
    assert_eq!(ask("Accept", "*/*"), anybody);
    for (asked, expected) in
        [("authorization", &own), ("x-ably-version, Authorization", &own), ("content-type", &anybody)]
    {
        let request = Request::options("/time").header("Origin", "https://shop.example");
        let request = request.header("Access-Control-Request-Method", "GET");
        let answer = world.send(request.header("Access-Control-Request-Headers", asked), "");
        let credentials = answer.header("access-control-allow-credentials") == "true";
        assert_eq!((credentials, answer.header("access-control-allow-origin").to_owned()), *expected, "{asked}");
        assert_eq!(answer.header("vary"), if credentials { "Origin" } else { "" });
    }
}

#[test]
fn sandbox_serves_pages_of_this_machine() {
    let world = World::new();
    for origin in ["http://localhost:3000", "http://127.0.0.1:8080", "https://app.localhost"] {
        let answer = world.send(preflight("/apps", origin), "");
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (204, origin));
        assert_eq!(answer.header("vary"), "Origin");
    }
    for origin in ["https://shop.example", "null", "http://localhost.shop.example"] {
        let answer = world.send(preflight("/apps", origin), "");
        assert_eq!(answer.code(), (403, 40300));
        assert!(!answer.headers.contains_key("access-control-allow-origin"), "{origin}");
    }
}

#[test]
fn request_id_of_query_is_kept() {
    let world = World::new();
    let ask = |path: &str| world.send(Request::get(path), "");
    // RSC7c
    let refused = ask("/stats?request_id=aB-3_x");
    assert_eq!(
        (refused.json()["error"]["requestId"].as_str(), refused.header("x-ably-requestid")),
        (Some("aB-3_x"), "aB-3_x")
    );
    assert_eq!(ask("/time?request_id=aB-3_x").header("x-ably-requestid"), "aB-3_x");
    let made = [ask("/stats"), ask("/stats"), ask("/stats?request_id="), ask("/stats?request_id=a%0D%0Ab")]
        .map(|answer| answer.json()["error"]["requestId"].as_str().unwrap().to_owned());
    assert!(made.iter().all(|id| id.len() == 16), "{made:?}");
    assert_eq!(made.iter().collect::<std::collections::BTreeSet<_>>().len(), 4);
    let mixed = json!({ "targets": ["x"] }).to_string();
    let path = format!("/keys/{REVOCABLE}/revokeTokens?request_id=batch");
    let mixed = world.send(Request::post(path).header("Authorization", basic(REVOCABLE)), mixed);
    assert_eq!((mixed.code(), mixed.header("x-ably-requestid")), ((400, 40020), "batch"));
}
