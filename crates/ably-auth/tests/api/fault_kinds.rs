//! Errors of transport faults: their kinds, and the host that they name.

use std::sync::Arc;

use ably_auth::{
    AuthUrl, Blocking, BlockingAuth, ClientOptions, Endpoint, Error, ErrorCode, ErrorKind, FaultKind, TransportFault,
};
use bytes::Bytes;
use http::{Request, Response};

use super::support::answer;

fn options() -> ClientOptions<Blocking> {
    ClientOptions::new().token("app.hush")
}

fn stats() -> Request<Bytes> {
    Request::get("/stats").body(Bytes::new()).unwrap()
}

#[test]
fn dns_connect_and_tls_faults_are_kinds_that_name_host() {
    for (kind, expected) in [
        (FaultKind::Unresolvable, ErrorKind::Unresolvable),
        (FaultKind::Unreachable, ErrorKind::Unreachable),
        (FaultKind::Tls, ErrorKind::Tls),
        (FaultKind::TimedOut, ErrorKind::Transport),
        (FaultKind::Interrupted, ErrorKind::Transport),
        (FaultKind::TooLarge, ErrorKind::Transport),
        (FaultKind::Unsupported, ErrorKind::Configuration),
    ] {
        let endpoint = Endpoint::parse("https://ably.example:8443").unwrap();
        let fails = move |_: Request<Bytes>| Err(TransportFault::new(kind, "so it is"));
        let auth = BlockingAuth::new(options().endpoint(endpoint), fails).unwrap();
        for error in [auth.request(stats()).unwrap_err(), auth.time().unwrap_err()] {
            assert_eq!(error.kind(), expected, "{kind:?}");
            assert!(error.to_string().contains("`ably.example:8443`"), "{error}");
            assert_eq!(error.transport_fault().unwrap().host(), Some("ably.example:8443"));
        }
    }
}

#[test]
fn last_host_that_was_tried_is_named() {
    let fails = |_: Request<Bytes>| Err(TransportFault::new(FaultKind::Unreachable, "refused"));
    let options = options().fallback_hosts(["b.example"]);
    let error = BlockingAuth::new(options, fails).unwrap().time().unwrap_err();
    assert_eq!(error.transport_fault().unwrap().host(), Some("b.example"), "{error}");
}

#[test]
fn fault_of_auth_url_names_its_host_and_nothing_else() {
    let fails = |_: Request<Bytes>| Err(TransportFault::new(FaultKind::Tls, "unknown issuer"));
    let url = AuthUrl::new("https://example.com/ably?session=hush").unwrap();
    let auth = BlockingAuth::new(ClientOptions::<Blocking>::new().auth_url(url), fails).unwrap();
    let error = auth.authorize(None).unwrap_err();
    assert_eq!((error.kind(), error.ably_code()), (ErrorKind::AuthUrl, ErrorCode::AUTH_SOURCE_FAILED));
    assert!(error.to_string().contains("`example.com`") && !format!("{error:?}").contains("hush"), "{error:?}");
}

fn redirected(status: u16) -> Error {
    let redirects = move |_: Request<Bytes>| -> Result<Response<Bytes>, TransportFault> {
        let mut answer = answer(status, "");
        answer.headers_mut().insert("location", "https://elsewhere.example/".parse().unwrap());
        Ok(answer)
    };
    BlockingAuth::new(options(), Arc::new(redirects)).unwrap().request(stats()).unwrap_err()
}

#[test]
fn error_of_redirect_says_that_it_is_not_followed() {
    for status in [301, 302, 303, 307, 308] {
        let error = redirected(status);
        assert_eq!((error.kind(), error.status_code()), (ErrorKind::Refused, status));
        assert!(error.to_string().contains("redirects are not followed"), "{error}");
        assert!(error.to_string().contains(&status.to_string()), "{error}");
    }
    assert!(!redirected(304).to_string().contains("redirects"), "304 leads nowhere");
}
