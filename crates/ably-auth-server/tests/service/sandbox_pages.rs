//! Tests of the web pages and hosts that a sandbox allows, in each of its modes.

use ably_auth_server::ServiceBuilder;
use http::Request;

use crate::support::*;

/// The options by which a sandbox is opened.
#[derive(Clone, Copy, Debug)]
enum Mode {
    Loopback,
    /// With `sandbox_hosts(["ably", "localhost"])`.
    Hosts,
    Public,
}

impl Mode {
    fn set(self, builder: ServiceBuilder) -> ServiceBuilder {
        match self {
            Self::Loopback => builder,
            Self::Hosts => builder.sandbox_hosts(["ably", "localhost"]),
            Self::Public => builder.sandbox_public(true),
        }
    }
}

const APP: &str = "http://app.test:3000";
const LOCAL: &str = "http://localhost:3000";

/// The origin, the host, and for each mode in order whether the sandbox allows the request.
const TABLE: [(Option<&str>, &str, [bool; 3]); 15] = [
    (None, "localhost:8080", [true, true, true]),
    (None, "ably:8080", [false, true, true]),
    (None, "other.example", [false, false, true]),
    (Some(LOCAL), "127.0.0.1:8080", [true, true, true]),
    (Some(LOCAL), "ably:8080", [false, true, true]),
    (Some(LOCAL), "other.example", [false, false, true]),
    (Some(APP), "localhost:8080", [false, false, true]),
    (Some(APP), "127.0.0.1:8080", [false, false, true]),
    (Some(APP), "[::1]:8080", [false, false, true]),
    (Some(APP), "ably:8080", [false, true, true]),
    (Some(APP), "ABLY", [false, true, true]),
    (Some(APP), "ably.evil.example", [false, false, true]),
    (Some("https://app.test"), "ably", [false, true, true]),
    (Some("null"), "ably:8080", [false, true, true]),
    (Some("null"), "localhost:8080", [false, false, true]),
];

#[test]
fn pages_are_allowed_by_mode_origin_and_host() {
    for (nth, mode) in [Mode::Loopback, Mode::Hosts, Mode::Public].into_iter().enumerate() {
        let world = World::new().with_service(|builder| mode.set(builder));
        for (origin, host, answered) in TABLE {
            let case = format!("{mode:?} {origin:?} {host}");
            let with_origin = |request: http::request::Builder| match origin {
                Some(origin) => request.header("Origin", origin),
                None => request,
            };
            let ask = |target: &str, host: &str| {
                let answer = world.send(with_origin(Request::post(target).header("Host", host)), "{}");
                let expected = if answered[nth] { (201, 0) } else { (403, 40300) };
                assert_eq!(answer.code(), expected, "{case}");
                answer
            };
            let answer = ask("/apps", host);
            ask(&format!("http://{host}/apps"), "localhost");
            let Some(origin) = origin else {
                continue;
            };
            let preflight = Request::options("/keys/app1.key1/requestToken")
                .header("Host", host)
                .header("Access-Control-Request-Method", "POST")
                .header("Access-Control-Request-Headers", "content-type,x-ably-version,ably-agent");
            let preflight = world.send(with_origin(preflight), "");
            assert_eq!(preflight.status, if answered[nth] { 204 } else { 403 }, "{case}");
            if answered[nth] {
                assert!(preflight.header("access-control-allow-methods").contains("POST"), "{case}");
                assert_eq!(preflight.header("access-control-allow-headers"), "content-type,x-ably-version,ably-agent");
                for answer in [&answer, &preflight] {
                    assert_eq!(answer.header("access-control-allow-origin"), origin, "{case}");
                    assert_eq!(answer.header("access-control-allow-credentials"), "true", "{case}");
                    assert_eq!(answer.header("vary"), "Origin", "{case}");
                    assert!(answer.header("access-control-expose-headers").contains("X-Ably-Errorcode"), "{case}");
                }
            } else if origin != LOCAL {
                assert!(!preflight.headers.contains_key("access-control-allow-origin"), "{case}");
            }
        }
    }
}

#[test]
fn allowed_page_reads_refusals() {
    let world = World::new().with_service(|builder| Mode::Hosts.set(builder));
    let request = Request::get("/channels/chat").header("Host", "ably:8080").header("Origin", APP);
    let answer = world.send(request, "");
    assert_eq!((answer.code(), answer.header("access-control-allow-origin")), ((401, 40101), APP));
}

#[test]
fn refusal_says_what_to_do() {
    let world = World::new();
    let refused = |header: &'static str, value: &'static str| {
        world.send(Request::get("/time").header(header, value), "").message()
    };
    assert!(refused("Host", "ably:8080").contains("does not answer requests for this host"));
    assert!(refused("Origin", APP).contains("does not answer pages of this origin"));
    for message in [refused("Host", "ably:8080"), refused("Origin", APP)] {
        assert!(message.contains("--sandbox-allow-host"), "{message}");
    }
}
