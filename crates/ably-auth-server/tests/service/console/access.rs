//! Tests of who may use the console.

use super::*;

#[test]
fn service_without_console_has_no_such_path() {
    let without = World::new();
    let production = World::new().with_service(|builder| builder.sandbox(false).console(true));
    for (world, what) in [(without, "off"), (production, "no sandbox")] {
        for path in ["/console", "/console/", "/console/index.html", "/console/api/overview", "/console/api/log/stream"]
        {
            let answer = world.send(Request::get(path), "");
            assert_eq!(answer.code(), (404, 40400), "{what} {path}");
        }
        assert_eq!(post(&world, "reset", &json!({})).code(), (404, 40400), "{what}");
    }
}

#[test]
fn paths_that_only_look_alike_are_unknown() {
    let world = world();
    for path in
        ["/consoles", "/console/api", "/console/api/", "/console/api/overview/", "/console/api/keys", "/console/../"]
    {
        assert_eq!(world.send(Request::get(path), "").code(), (404, 40400), "{path}");
    }
    assert_eq!(world.send(Request::post(api("overview")), "").code(), (405, 40500));
    assert_eq!(world.send(Request::get(api("reset")), "").code(), (405, 40500));
    let options = world.send(Request::builder().method("OPTIONS").uri(api("faults")), "");
    assert_eq!((options.status, options.header("allow")), (204, "PUT, DELETE, OPTIONS"));
}

#[test]
fn foreign_pages_and_hosts_are_refused() {
    let world = world();
    for (host, origin, expected) in [
        ("localhost:8484", None, 200),
        ("127.0.0.1:8484", Some("http://127.0.0.1:8484"), 200),
        ("localhost:8484", Some("http://localhost:3000"), 403),
        ("localhost:8484", Some("http://127.0.0.1:8484"), 403),
        ("localhost:8484", Some("https://evil.example"), 403),
        ("localhost:8484", Some("null"), 403),
        ("evil.example:8484", None, 403),
        ("evil.example:8484", Some("http://evil.example:8484"), 403),
    ] {
        for path in ["/console", "/console/api/overview"] {
            let mut request = Request::get(path).header("Host", host);
            if let Some(origin) = origin {
                request = request.header("Origin", origin);
            }
            let answer = world.send(request, "");
            assert_eq!(answer.status, expected, "{host} {origin:?} {path}");
            assert!(
                !answer.headers.keys().any(|name| name.as_str().starts_with("access-control")),
                "{host} {origin:?}"
            );
        }
    }
}

#[test]
fn public_sandbox_shows_its_console_only_under_named_hosts() {
    let public = World::new().with_service(|builder| builder.console(true).sandbox_public(true));
    let named = World::new().with_service(|builder| builder.console(true).sandbox_hosts(["ably"]));
    let status = |world: &World, host: &str| {
        let request = Request::get(api("overview")).header("Host", host).header("Origin", format!("http://{host}"));
        world.send(request, "").status
    };
    assert_eq!(status(&public, "evil.example"), 403, "a page can give this machine a name of its own");
    assert_eq!((status(&public, "localhost"), status(&named, "ably:8484"), status(&named, "other")), (200, 200, 403));
}

#[test]
fn bodies_that_forms_can_send_are_refused() {
    let world = world();
    for content_type in
        [None, Some("text/plain"), Some("application/x-www-form-urlencoded"), Some("multipart/form-data")]
    {
        let mut request = Request::post(api("reset"));
        if let Some(content_type) = content_type {
            request = request.header("Content-Type", content_type);
        }
        assert_eq!(world.send(request, "{}").code().0, 415, "{content_type:?}");
    }
    let foreign = with_json(Request::post(api("reset"))).header("Origin", "https://evil.example");
    assert_eq!(world.send(foreign, "{}").code(), (403, 40300));
    let with_charset = Request::post(api("reset")).header("Content-Type", "application/json; charset=utf-8");
    assert_eq!(world.send(with_charset, "{}").status, 204);
}

#[test]
fn unknown_members_are_refused() {
    let world = world();
    for (path, body) in [
        ("reset", json!({ "x": 1 })),
        ("clock", json!({ "advanceMs": 1, "x": 1 })),
        ("inspect", json!({ "text": "", "x": 1 })),
        ("intersect", json!({ "a": "{}", "b": "{}", "x": 1 })),
        ("tokens", json!({ "keyName": KEY, "kind": "jwt", "x": 1 })),
        ("revocations", json!({ "keyName": REVOCABLE, "targets": ["clientId:bob"], "x": 1 })),
        ("keys/app1.key1/reveal", json!({ "x": 1 })),
        ("keys/app1.key1/rotate", json!([])),
    ] {
        assert_eq!(post(&world, path, &body).code(), (400, 40001), "{path}");
    }
    let put = |body: Value| world.send(with_json(Request::put(api("faults"))), body.to_string()).code();
    assert_eq!(put(json!({ "kind": "drop", "count": 1, "delayMs": 1 })), (400, 40001));
    assert_eq!(put(json!({ "kind": "explode", "count": 1 })), (400, 40001));
}

#[test]
fn no_answer_to_get_has_a_secret() {
    let world = world();
    let token = world.token(KEY, &of("bob"));
    let _ = world.get("/channels/chat", &basic(KEY));
    let _ = world.get("/channels/chat", &bearer(&token));
    let _ = world.get(&format!("/channels/chat?key={KEY}:{SECRET}"), "");
    let _ = world.get(&format!("/channels/chat?accessToken={}", token.token().expose()), "");
    let _ = world.get("/channels/chat", &test_support::bearer(&jwt(KEY, 60, &json!({}))));
    let rows = get(&world, "log?limit=1000")["rows"].as_array().unwrap().len();
    assert!(rows >= 5, "{rows}");
    let mut paths = vec!["overview".to_owned(), "log".into(), "log/stream?after=0".into(), "connections".into()];
    paths.extend((1..=rows).map(|seq| format!("log/{seq}")));
    paths.extend([KEY, REVOCABLE, ELSEWHERE].map(|name| format!("keys/{name}")));
    for path in paths {
        let answer = world.send(Request::get(api(&path)), "");
        assert_eq!(answer.status, 200, "{path}");
        for secret in [SECRET, token.token().expose()] {
            assert!(!answer.text().contains(secret), "{path}: {}", answer.text());
        }
    }
}

#[tokio::test]
async fn names_of_this_machine_count_only_on_connections_from_it() {
    let service = run(|limits| limits.trusted_proxies = vec!["127.0.0.1".parse().unwrap()]).await;
    let status = async |client: &str| {
        let request =
            format!("GET /console/api/overview HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: {client}\r\n\r\n");
        service.ask(&request).await.status
    };
    assert_eq!((status("127.0.0.1").await, status("192.0.2.1").await), (200, 403));
}
