//! `uts/rest/integration/proxy/rest_fallback.md`: transport faults. The suite has a proxy between client and service;
//! here the test server causes the faults itself. Primary and fallback are one host, as in the suite.

use std::time::Duration;

use ably_auth::FaultKind;
use serde_json::json;

use super::{Case, OfClient};
use crate::harness::{AuthCallback, Host, Kind, Reply, Setup, World, details};

pub(super) const CASES: &[Case] = &[
    OfClient("rest/proxy/RSC15l2/timeout-triggers-fallback-0", timeout),
    OfClient("rest/proxy/RSC15l4/cloudfront-header-fallback-0", cloudfront),
    OfClient("rest/proxy/RSC15l/unreachable-endpoint-error-0", unreachable),
    OfClient("rest/proxy/RSC15l/connection-drop-fallback-1", connection_drop),
    OfClient("rest/proxy/RSC15l/http-5xx-json-error-parsed-0", error_parsed),
    OfClient("rest/proxy/RSC15l/http-5xx-no-json-synthesized-1", error_from_status),
    OfClient("rest/proxy/RSC15l/http-4xx-not-retried-0", not_retried),
];

fn setup() -> Setup {
    Setup::callback(&AuthCallback::giving(details("a-token"))).endpoint("localhost").no_tls()
}

fn with_fallback() -> Setup {
    setup().fallback_hosts(&["localhost"])
}

fn first_meets(fault: Reply) -> World {
    World::new(move |number, _| if number == 0 { fault.clone() } else { Reply::time(1) })
}

/// Checks that the fallback serves the request after the fault.
fn recovers_from(kind: Kind, fault: Reply) {
    let setup = match fault {
        Reply::Silence => with_fallback().request_timeout(Duration::from_millis(300)),
        _ => with_fallback(),
    };
    let world = first_meets(fault);
    kind.connect(&world, &setup).time().unwrap();
    assert_eq!(world.of_path("/time").len(), 2);
    assert!(world.log().iter().all(|request| !request.is_tls));
}

fn timeout(kind: Kind) {
    recovers_from(kind, Reply::Silence);
}

fn cloudfront(kind: Kind) {
    recovers_from(kind, Reply::error(403, 40_300, "Forbidden").with_header("Server", "CloudFront"));
}

fn connection_drop(kind: Kind) {
    recovers_from(kind, Reply::Reset);
    recovers_from(kind, Reply::time(1_234_567_890_000).cut());
}

fn unreachable(kind: Kind) {
    for (host, fault) in [(Host::Refuses, FaultKind::Unreachable), (Host::Unknown, FaultKind::Unresolvable)] {
        let world = World::new(|_, _| Reply::time(1));
        world.network.set("localhost", host);
        let error = kind.connect(&world, &setup()).time().unwrap_err();
        assert_eq!((error.ably_code().as_u32(), error.status_code()), (50_000, 500));
        assert_eq!(error.transport_fault().unwrap().kind(), fault);
        assert!(error.is_transient());
    }
}

fn error_parsed(kind: Kind) {
    let world = first_meets(Reply::error(503, 50_300, "Service temporarily unavailable"));
    let error = kind.connect(&world, &setup()).time().unwrap_err();
    assert_eq!((error.ably_code().as_u32(), error.status_code()), (50_300, 503));
    assert!(error.to_string().contains("Service temporarily unavailable"), "{error}");
    assert_eq!(world.log().len(), 1, "the endpoint has no fallbacks");
}

fn error_from_status(kind: Kind) {
    for body in
        [Reply::json(503, &json!({})), Reply::body(503, "text/html", "<html>no</html>"), Reply::body(503, "", "")]
    {
        let error = kind.connect(&first_meets(body), &setup()).time().unwrap_err();
        assert_eq!((error.ably_code().as_u32(), error.status_code()), (50_300, 503));
    }
}

fn not_retried(kind: Kind) {
    let world = first_meets(Reply::error(403, 40_300, "Forbidden"));
    let error = kind.connect(&world, &with_fallback()).time().unwrap_err();
    assert_eq!((error.ably_code().as_u32(), error.status_code()), (40_300, 403));
    assert_eq!(world.of_path("/time").len(), 1);
}
