//! Hosts, and settings that are refused.

use std::time::Duration;

use ably_auth::exchange::Hosts;
use ably_auth::{Async, Auth, ClientOptions, Endpoint, ErrorCode, ErrorKind, TransportFault};
use bytes::Bytes;
use http::{Request, Response};

type Options = ClientOptions<Async>;

async fn nothing_is_sent(request: Request<Bytes>) -> Result<Response<Bytes>, TransportFault> {
    panic!("{} {} was sent", request.method(), request.uri())
}

fn fallbacks(endpoint: &str) -> Vec<String> {
    Endpoint::parse(endpoint).unwrap().default_fallback_hosts()
}

/// rest/unit/REC2c1/default-fallback-domains-0
/// rest/unit/REC2c3/nonprod-fallback-domains-0
/// rest/unit/REC2c4/production-endpoint-fallback-domains-0
#[test]
fn routing_policy_has_five_fallbacks() {
    let of =
        |id: &str, domain: &str| ["a", "b", "c", "d", "e"].map(|letter| format!("{id}.{letter}.fallback.{domain}"));
    assert_eq!(Endpoint::default().default_fallback_hosts(), of("main", "ably-realtime.com"));
    assert_eq!(fallbacks("main"), of("main", "ably-realtime.com"));
    assert_eq!(fallbacks("test"), of("test", "ably-realtime.com"));
    assert_eq!(fallbacks("nonprod:staging"), of("staging", "ably-realtime-nonprod.com"));
    let plain = Endpoint::parse("main").unwrap().with_tls(false);
    assert_eq!(plain.default_fallback_hosts().len(), 5, "TLS makes no difference");
}

/// rest/unit/REC2c2/explicit-hostname-no-fallbacks-0
#[test]
fn explicit_host_has_no_fallbacks() {
    for endpoint in [
        "custom.ably.example.com",
        "localhost",
        "::1",
        "[::1]:8484",
        "http://127.0.0.1:8484",
        "https://main.realtime.ably.net",
    ] {
        assert!(fallbacks(endpoint).is_empty(), "{endpoint}");
    }
}

#[test]
fn invalid_host_is_refused_when_client_is_created() {
    let key = || Options::new().key("app.key:secret");
    for bad in ["", "https://a.example.com", "a.example.com/b", "a b", "user:hush@a.example.com", "a.example.com:99999"]
    {
        let error = Auth::new(key().fallback_hosts(["good.example.com", bad]), nothing_is_sent).unwrap_err();
        assert_eq!((error.kind(), error.ably_code()), (ErrorKind::Configuration, ErrorCode::BAD_REQUEST), "{bad}");
        assert!(!format!("{error:?}").contains("hush"));
        let options = key().fallback_hosts([bad]);
        assert!(Hosts::new(options.get_endpoint(), options.get_http_settings()).is_err());
    }
    for good in ["b.example.com", "localhost", "::1", "[::1]:8484", "10.0.0.1:8484"] {
        assert!(Auth::new(key().fallback_hosts([good]), nothing_is_sent).is_ok(), "{good}");
    }
}

/// The exception for loopback requires that the endpoint and all fallbacks are on this machine.
#[test]
fn key_is_not_sent_without_tls_to_remote_fallback() {
    let options = || {
        let local = Options::new().key("app.key:secret").allow_basic_on_loopback(true);
        local.endpoint("http://127.0.0.1:8484")
    };
    let elsewhere = options().fallback_hosts(["localhost", "ably.example.com"]);
    let error = Auth::new(elsewhere, nothing_is_sent).unwrap_err();
    assert_eq!(error.ably_code(), ErrorCode::BASIC_AUTH_WITHOUT_TLS);
    assert!(Auth::new(options().fallback_hosts(["localhost", "[::1]:2"]), nothing_is_sent).is_ok());
}

#[test]
fn zero_timeout_is_refused_and_long_one_is_capped_to_a_day() {
    let options = || Options::new().token("app.t");
    for zero in [options().http_request_timeout(Duration::ZERO), options().http_open_timeout(Duration::ZERO)] {
        assert_eq!(Auth::new(zero, nothing_is_sent).unwrap_err().kind(), ErrorKind::Configuration);
    }
    let ages = options().http_request_timeout(Duration::MAX).http_open_timeout(Duration::MAX);
    let ages = ages.http_max_retry_duration(Duration::MAX).fallback_retry_timeout(Duration::MAX);
    let day = Duration::from_secs(86_400);
    let settings = ages.get_http_settings();
    assert_eq!((settings.http_request_timeout(), settings.http_open_timeout()), (day, day));
    assert!(Auth::new(ages, nothing_is_sent).is_ok());
}
