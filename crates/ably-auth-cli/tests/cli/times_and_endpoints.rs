//! Durations, times and endpoints as people write them.

use std::net::TcpListener;
use std::thread;

use crate::support::{Answer, KEY, SECRET, answer_json, run, run_with_stdin};

const ISSUED: &str = "1767225600000";

#[test]
fn ttl_has_a_unit() {
    for (ttl, millis) in [
        ("1h", 3_600_000),
        ("90m", 5_400_000),
        ("30s", 30_000),
        ("1h30m", 5_400_000),
        ("1d", 86_400_000),
        ("60000", 60_000),
    ] {
        let details = run(&["jwt", "mint", "--key", KEY, "--ttl", ttl, "--timestamp", ISSUED, "--json"]).yes_json();
        assert_eq!(details["expires"].as_u64().unwrap() - details["issued"].as_u64().unwrap(), millis, "{ttl}");
        let request = run(&["token-request", "sign", "--key", KEY, "--ttl", ttl]).yes_json();
        assert_eq!(request["ttl"], millis);
    }
    for ttl in ["0", "0s", "25h", "2d"] {
        run(&["jwt", "mint", "--key", KEY, "--ttl", ttl]).bad(&["--ttl: "]);
    }
    for ttl in ["", "h", "1.5h", "an hour", "-5s"] {
        run(&["jwt", "mint", "--key", KEY, &format!("--ttl={ttl}")]).bad(&["--ttl", "give a duration such as `1h`"]);
    }
}

#[test]
fn small_number_without_unit_is_warned_about() {
    for (option, value, is_warned) in [
        ("--ttl", "3600", true),
        ("--ttl", "9999", true),
        ("--ttl", "1", true),
        ("--ttl", "10000", false),
        ("--ttl", "5s", false),
        ("--ttl", "3600ms", false),
    ] {
        let answer = run(&["token-request", "sign", "--key", KEY, option, value]);
        assert_eq!(answer.status, Some(0), "{answer:?}");
        let warning = format!("warning: {option}: {value} is in milliseconds; write `{value}s` for seconds");
        assert_eq!(answer.stderr.contains(&warning), is_warned, "{value}: {answer:?}");
    }
    let token = run(&["jwt", "mint", "--key", KEY, "--timestamp", ISSUED]).yes().to_owned();
    let verify =
        |leeway| run_with_stdin(&["jwt", "verify", "--key", KEY, "--now", "1767225598000", "--leeway", leeway], &token);
    assert!(verify("5").stderr.contains("warning: --leeway: 5 is in milliseconds"));
    let serve = |value| run(&["serve", "--sandbox", "--check-config", "--body-deadline", value]);
    assert!(serve("10").stderr.contains("warning: --body-deadline: 10 is in milliseconds; write `10s`"));
    assert_eq!((serve("10000").stderr, serve("10s").stderr), (String::new(), String::new()));
    assert!(verify("2s").yes().starts_with("valid: "));
}

#[test]
fn seconds_instead_of_milliseconds_are_warned_about() {
    let token = run(&["jwt", "mint", "--key", KEY]).yes().to_owned();
    for (option, answer) in [
        ("--timestamp", run(&["token-request", "sign", "--key", KEY, "--timestamp", "1767225600"])),
        ("--timestamp", run(&["jwt", "mint", "--key", KEY, "--timestamp", "1767225600"])),
        ("--now", run_with_stdin(&["jwt", "verify", "--key", KEY, "--now", "1767225600"], &token)),
        ("--now", run_with_stdin(&["jwt", "inspect", "--now", "1767225600"], &token)),
        ("--now", run_with_stdin(&["token", "inspect", "--now", "1767225600"], &token)),
        (
            "--issued-before",
            run(&[
                "revoke",
                "clientId:bob",
                "--key",
                KEY,
                "--endpoint",
                "http://127.0.0.1:1",
                "--issued-before",
                "1767225600",
            ]),
        ),
    ] {
        let warning = format!("warning: {option}: 1767225600 looks like seconds; give milliseconds: 1767225600000");
        assert!(answer.stderr.contains(&warning), "{option}: {answer:?}");
    }
    let answer = run(&["token-request", "sign", "--key", KEY, "--timestamp", ISSUED]);
    assert_eq!(answer.stderr, "");
}

fn request(endpoint: &str) -> Answer {
    run(&["token", "request", "--key", KEY, "--endpoint", endpoint])
}

#[test]
fn informal_endpoints_are_accepted() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let endpoints = [
        format!("127.0.0.1:{port}"),
        format!("localhost:{port}"),
        format!("LOCALHOST:{port}"),
        format!("HTTP://127.0.0.1:{port}"),
        format!("Http://127.0.0.1:{port}/"),
        format!(" http://127.0.0.1:{port}/\n"),
    ];
    let count = endpoints.len();
    let answering = thread::spawn(move || {
        for _ in 0..count {
            let (stream, _) = listener.accept().unwrap();
            answer_json(stream, "200 OK", r#"{"token":"shop.answered"}"#);
        }
    });
    for endpoint in &endpoints {
        assert!(request(endpoint).yes().contains("shop.answered"), "{endpoint}");
    }
    answering.join().unwrap();
}

#[test]
fn invalid_endpoint_error_gives_reason() {
    for (endpoint, said) in [
        ("", "is empty"),
        ("  ", "is empty"),
        ("two words", "has white space in it"),
        ("http://a b", "has white space in it"),
        ("ws://localhost:8484", "is a WebSocket URL"),
        ("WSS://main.realtime.ably.net", "is a WebSocket URL"),
        ("ftp://127.0.0.1", "is not an `http` or `https` URL"),
        ("http:localhost:8484", "has a scheme without `//` after it"),
        ("https:/localhost", "has a scheme without `//` after it"),
        ("http://127.0.0.1:8484/path", "has a path"),
        ("localhost:8484/v1", "has a path"),
        ("http://127.0.0.1:8484?x=y", "has a query"),
        ("http://127.0.0.1:8484/#top", "has a query"),
        ("localhost:http", "has a port that is not a number"),
        ("http://localhost:65536", "has a port that is not a number"),
        ("http://[::1]:x", "has a port that is not a number"),
        (":8484", "has a port and no host"),
        ("http://:8484", "has a port and no host"),
    ] {
        request(endpoint).bad(&[&format!("--endpoint: endpoint {said}"), "; give a routing policy"]);
    }
    let answer = request(&format!("localhost:{SECRET}"));
    answer.bad(&["has a port that is not a number"]);
    answer.assert_hides(SECRET);
    run(&["revoke", "clientId:bob", "--key", KEY, "--endpoint", "ws://localhost"]).bad(&["is a WebSocket URL"]);
}
