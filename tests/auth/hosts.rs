//! Which hosts there are, and what is refused of the settings.

use std::time::Duration;

use ably_auth::exchange::Hosts;
use ably_auth::{ApiKey, Async, Auth, ClientOptions, Endpoint, ErrorCode, ErrorKind, Token, TransportFault};
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
fn a_routing_policy_has_five_fallbacks_of_its_name() {
    let of =
        |id: &str, domain: &str| ["a", "b", "c", "d", "e"].map(|letter| format!("{id}.{letter}.fallback.{domain}"));
    assert_eq!(Endpoint::default().default_fallback_hosts(), of("main", "ably-realtime.com"));
    assert_eq!(fallbacks("main"), of("main", "ably-realtime.com"));
    assert_eq!(fallbacks("test"), of("test", "ably-realtime.com"));
    assert_eq!(fallbacks("nonprod:staging"), of("staging", "ably-realtime-nonprod.com"));
    let plain = Endpoint::parse("main").unwrap().with_tls(false);
    assert_eq!(plain.default_fallback_hosts().len(), 5, "TLS or none, the hosts are the same");
}

/// rest/unit/REC2c2/explicit-hostname-no-fallbacks-0
#[test]
fn a_host_that_is_named_has_no_fallbacks() {
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
fn a_text_that_is_no_host_is_reported_when_the_client_is_made() {
    let key = || Options::new().key(ApiKey::parse("app.key:secret").unwrap());
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

/// The endpoint being this machine is of no use if a fallback is elsewhere.
#[test]
fn a_key_is_not_sent_without_tls_to_a_fallback_either() {
    let options = || {
        let local = Options::new().key(ApiKey::parse("app.key:secret").unwrap()).allow_basic_on_loopback(true);
        local.endpoint(Endpoint::parse("http://127.0.0.1:8484").unwrap())
    };
    let elsewhere = options().fallback_hosts(["localhost", "ably.example.com"]);
    let error = Auth::new(elsewhere, nothing_is_sent).unwrap_err();
    assert_eq!(error.ably_code(), ErrorCode::BASIC_AUTH_WITHOUT_TLS);
    assert!(Auth::new(options().fallback_hosts(["localhost", "[::1]:2"]), nothing_is_sent).is_ok());
}

#[test]
fn a_timeout_of_zero_is_refused_and_one_of_ages_is_a_day() {
    let options = || Options::new().token(Token::new("app.t").unwrap());
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
