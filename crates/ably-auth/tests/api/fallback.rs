//! The order of hosts for one request, stepped by hand.

use std::time::Duration;

use ably_auth::exchange::{FallbackStep, HostFallback, Hosts};
use ably_auth::{Async, ClientOptions, Error, FaultKind, Random, TransportFault};
use bytes::Bytes;
use http::{Request, Response};

use super::support::answer;

type Options = ClientOptions<Async>;
type Answer = Result<Response<Bytes>, TransportFault>;

const PRIMARY: &str = "main.realtime.ably.net";

fn hosts(options: &Options) -> Hosts {
    Hosts::new(options.get_endpoint(), options.get_http_settings()).unwrap()
}

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn request() -> Request<Bytes> {
    Request::get(format!("https://{PRIMARY}/time?a=b")).body(Bytes::new()).unwrap()
}

fn unreachable() -> Answer {
    Err(TransportFault::new(FaultKind::Unreachable, "connection refused"))
}

fn works() -> Answer {
    Ok(answer(200, "[1]"))
}

/// Randomness that always selects the first of the remaining hosts.
fn first() -> [u8; 16] {
    [0; 16]
}

fn host(step: FallbackStep) -> String {
    match step {
        FallbackStep::Send(request) => request.uri().host().unwrap().to_owned(),
        FallbackStep::Done(outcome) => panic!("the request ended: {outcome:?}"),
    }
}

fn done(step: FallbackStep) -> Answer {
    match step {
        FallbackStep::Done(outcome) => outcome,
        FallbackStep::Send(request) => panic!("another request was sent to {}", request.uri()),
    }
}

/// Returns the hosts that a request is sent to. It starts at `now`, and gets one answer from each host.
fn visits(hosts: &Hosts, now: Duration, answers: impl IntoIterator<Item = Answer>) -> Vec<String> {
    let mut walk = hosts.request(request(), now);
    let mut visited = Vec::new();
    let mut step = walk.start();
    for answer in answers {
        visited.push(host(step));
        step = walk.answered(answer, now, &first);
    }
    drop(done(step));
    visited
}

fn starts_at(hosts: &Hosts, now: Duration) -> String {
    host(hosts.request(request(), now).start())
}

/// rest/unit/RSC15l/qualifying-errors-trigger-fallback-0
/// rest/unit/RSC15l/http-5xx-triggers-fallback-4
/// rest/unit/RSC15l/http-4xx-no-fallback-5
/// rest/unit/RSC15l/connection-refused-fallback-0
/// rest/unit/RSC15l/dns-error-fallback-1
/// rest/unit/RSC15l/connection-timeout-fallback-2
/// rest/unit/RSC15l/request-timeout-fallback-3
/// rest/unit/RSC25/primary-tried-before-fallback-3
#[test]
fn failure_of_host_leads_to_fallback_and_refusal_does_not() {
    let goes_on = |answer: Answer| {
        let hosts = hosts(&Options::new());
        let mut walk = hosts.request(request(), at(0));
        assert_eq!(host(walk.start()), PRIMARY);
        match walk.answered(answer, at(0), &first) {
            FallbackStep::Send(request) => {
                let next = request.uri();
                assert_eq!(next.to_string(), "https://main.a.fallback.ably-realtime.com/time?a=b");
                true
            }
            FallbackStep::Done(_) => false,
        }
    };
    for kind in [FaultKind::Unresolvable, FaultKind::Unreachable, FaultKind::TimedOut, FaultKind::Interrupted] {
        assert!(goes_on(Err(TransportFault::new(kind, "it failed"))), "{kind:?}");
    }
    assert!(!goes_on(Err(TransportFault::new(FaultKind::TooLarge, "17 MiB"))), "another host would send as much");
    assert!(!goes_on(Err(TransportFault::new(FaultKind::Unsupported, "no HTTP client"))), "the same client sends it");
    for status in 500..=504 {
        assert!(goes_on(Ok(answer(status, "{}"))), "{status}");
    }
    for status in [200, 201, 301, 400, 401, 403, 404, 429, 499, 505, 599] {
        assert!(!goes_on(Ok(answer(status, "{}"))), "{status}");
    }
}

/// rest/unit/RSC15l4/cloudfront-error-triggers-fallback-0
#[test]
fn error_of_cloudfront_leads_to_fallback() {
    for (status, server, visited) in
        [(403, "CloudFront", 2), (400, "CloudFront", 2), (200, "CloudFront", 1), (403, "x", 1)]
    {
        let mut by = answer(status, r#"{"error":"Forbidden"}"#);
        by.headers_mut().insert("server", server.parse().unwrap());
        let answers = [Ok(by), works()].into_iter().take(visited);
        assert_eq!(visits(&hosts(&Options::new()), at(0), answers).len(), visited, "{status} {server}");
    }
}

/// rest/unit/RSC15m/no-fallback-empty-hosts-0
#[test]
fn request_without_fallbacks_ends_with_first_answer() {
    let none = Options::new().fallback_hosts([] as [&str; 0]);
    assert_eq!(visits(&hosts(&none), at(0), [Ok(answer(500, "{}"))]), [PRIMARY]);
}

/// rest/unit/REC2a2/custom-fallback-hosts-0
#[test]
fn configured_fallbacks_replace_default_ones() {
    let named = Options::new().fallback_hosts(["fb1.example.com", "fb2.example.com", "fb1.example.com"]);
    let visited = visits(&hosts(&named), at(0), [unreachable(), unreachable(), unreachable()]);
    assert_eq!(visited, [PRIMARY, "fb1.example.com", "fb2.example.com"], "a duplicate host is asked once");
}

#[test]
fn fallback_without_port_uses_port_of_endpoint() {
    let options = Options::new().endpoint("http://localhost:8484");
    let hosts = hosts(&options.fallback_hosts(["localhost", "127.0.0.1:1"]));
    let mut walk = hosts.request(Request::get("http://localhost:8484/time").body(Bytes::new()).unwrap(), at(0));
    let mut step = walk.start();
    for expected in ["http://localhost:8484/time", "http://localhost:8484/time", "http://127.0.0.1:1/time"] {
        let FallbackStep::Send(request) = step else { panic!("{expected} was not asked") };
        assert_eq!(request.uri(), expected);
        step = walk.answered(unreachable(), at(0), &first);
    }
}

#[test]
fn retries_are_limited_in_number_and_time() {
    let all = || std::iter::repeat_with(unreachable);
    assert_eq!(visits(&hosts(&Options::new()), at(0), all().take(4)).len(), 4, "the endpoint and three fallbacks");
    assert_eq!(visits(&hosts(&Options::new().http_max_retry_count(0)), at(0), all().take(1)).len(), 1);
    assert_eq!(visits(&hosts(&Options::new().http_max_retry_count(usize::MAX)), at(0), all().take(6)).len(), 6);

    let hosts = hosts(&Options::new());
    let mut walk = hosts.request(request(), at(100));
    walk.start();
    host(walk.answered(unreachable(), at(114), &first));
    let last = done(walk.answered(Ok(answer(503, "{}")), at(115), &first));
    assert_eq!(last.unwrap().status(), 503, "the last answer is the outcome");
    let none = super::fallback::hosts(&Options::new().http_max_retry_duration(Duration::ZERO));
    assert_eq!(visits(&none, at(0), all().take(1)).len(), 1);
}

/// rest/unit/RSC15f/successful-fallback-cached-0
/// rest/unit/RSC15f/cached-fallback-expires-1
#[test]
fn successful_fallback_is_preferred_until_timeout() {
    let hosts = hosts(&Options::new().fallback_retry_timeout(at(60)));
    let visited = visits(&hosts, at(0), [Ok(answer(500, "{}")), works()]);
    assert_eq!(starts_at(&hosts, at(59)), visited[1]);
    assert_eq!(starts_at(&hosts, at(60)), PRIMARY);
    assert_eq!(starts_at(&hosts, at(0)), PRIMARY, "an expired preference does not come back");
}

#[test]
fn refusal_of_fallback_counts_as_success() {
    let hosts = hosts(&Options::new());
    let visited = visits(&hosts, at(0), [unreachable(), Ok(answer(401, "{}"))]);
    assert_eq!(starts_at(&hosts, at(599)), visited[1]);
    assert_eq!(starts_at(&hosts, at(600)), PRIMARY, "the preference lasts ten minutes");
}

/// rest/unit/RSC15f/expired-not-resurrected-2
#[test]
fn late_success_does_not_restore_expired_preference() {
    let hosts = hosts(&Options::new().fallback_retry_timeout(at(100)));
    let visited = visits(&hosts, at(0), [unreachable(), works()]);
    let mut held = hosts.request(request(), at(99));
    assert_eq!(host(held.start()), visited[1]);
    assert_eq!(visits(&hosts, at(101), [works()]), [PRIMARY]);
    drop(done(held.answered(works(), at(102), &first)));
    assert_eq!(starts_at(&hosts, at(102)), PRIMARY);
}

#[test]
fn success_does_not_extend_preference() {
    let hosts = hosts(&Options::new().fallback_retry_timeout(at(100)));
    visits(&hosts, at(0), [unreachable(), works()]);
    assert_ne!(visits(&hosts, at(99), [works()]), [PRIMARY]);
    assert_eq!(starts_at(&hosts, at(100)), PRIMARY);
}

#[test]
fn failed_preferred_fallback_is_dropped_and_endpoint_is_next() {
    let hosts = hosts(&Options::new());
    let preferred = visits(&hosts, at(0), [unreachable(), works()]).remove(1);
    let visited = visits(&hosts, at(1), std::iter::repeat_with(unreachable).take(4));
    assert_eq!(visited[..2], [preferred.clone(), PRIMARY.to_owned()]);
    assert!(!visited[2..].contains(&preferred), "{visited:?}");
    assert_eq!(starts_at(&hosts, at(1)), PRIMARY);
}

#[test]
fn late_failure_does_not_drop_newer_preference() {
    let hosts = hosts(&Options::new());
    visits(&hosts, at(0), [unreachable(), works()]);
    let (mut one, mut other): (HostFallback<'_>, _) =
        (hosts.request(request(), at(1)), hosts.request(request(), at(1)));
    host(one.start());
    host(other.start());
    assert_eq!(host(one.answered(unreachable(), at(2), &first)), PRIMARY);
    let found = host(one.answered(unreachable(), at(3), &first));
    drop(done(one.answered(works(), at(4), &first)));
    host(other.answered(unreachable(), at(5), &first));
    assert_eq!(starts_at(&hosts, at(5)), found);
}

/// rest/unit/RSC15j/host-header-matches-request-0
#[test]
fn host_header_is_removed() {
    let hosts = hosts(&Options::new());
    let mut request = request();
    request.headers_mut().insert("host", PRIMARY.parse().unwrap());
    let mut walk = hosts.request(request, at(0));
    let FallbackStep::Send(first_try) = walk.start() else { panic!("no request was sent") };
    let FallbackStep::Send(next_try) = walk.answered(unreachable(), at(0), &first) else { panic!("no retry was sent") };
    for request in [&first_try, &next_try] {
        assert!(request.headers().get("host").is_none(), "the transport sets it from the URI");
    }
    assert_ne!(first_try.uri().host(), next_try.uri().host());
}

#[test]
fn request_for_other_host_has_no_fallback() {
    let hosts = hosts(&Options::new());
    let other = Request::get("https://auth.example.com/").body(Bytes::new()).unwrap();
    let mut walk = hosts.request(other, at(0));
    assert_eq!(host(walk.start()), "auth.example.com");
    assert!(done(walk.answered(unreachable(), at(0), &first)).is_err());
}

#[test]
fn failure_of_randomness_does_not_fail_request() {
    struct None;
    impl Random for None {
        fn bytes(&self) -> Result<[u8; 16], Error> {
            Err(Error::configuration("no random numbers"))
        }
    }
    let hosts = hosts(&Options::new());
    let mut walk = hosts.request(request(), at(0));
    walk.start();
    assert_eq!(host(walk.answered(unreachable(), at(0), &None)), "main.a.fallback.ably-realtime.com");
}
