//! Kinds of transport faults, over real sockets.

use std::net::TcpListener;
use std::time::Duration;

use ably_auth::{ErrorCode, ErrorKind, FaultKind};

use super::scripted::{Act, BOTH, SHORT_TIMEOUT, Scripted, TestOptions, block_on, head_of, reqwest_builder};

/// Checks that both clients report a fault of `kind` if the server performs `act` on each connection.
fn meets(kind: FaultKind, act: &Act, options: impl Fn(&Scripted) -> TestOptions) {
    for (name, client) in BOTH {
        let server = Scripted::start([act.clone()]);
        let error = client(&options(&server)).unwrap_err();
        assert_eq!(
            error.transport_fault().map(|fault| fault.kind()),
            Some(kind),
            "{name}: {:?}",
            error.transport_fault()
        );
        assert_eq!(error.is_transient(), kind != FaultKind::TooLarge, "{name}");
    }
}

fn at(server: &Scripted) -> TestOptions {
    TestOptions::of(server.url())
}

/// rest/proxy/RSC15l/unreachable-endpoint-error-0
#[test]
fn closed_port_is_unreachable() {
    for (name, client) in BOTH {
        // The listener is dropped at once, so nothing listens on the port.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let error = client(&TestOptions::of(format!("http://localhost:{port}"))).unwrap_err();
        assert_eq!(error.transport_fault().unwrap().kind(), FaultKind::Unreachable, "{name}: {error:?}");
        assert_eq!(
            (error.kind(), error.ably_code(), error.status_code()),
            (ErrorKind::Unreachable, ErrorCode::INTERNAL, 500)
        );
    }
}

/// rest/unit/RSC13/request-timeout-enforced-0
#[test]
fn silent_server_is_timeout_with_50003() {
    for (name, client) in BOTH {
        let server = Scripted::start([Act::Hold(String::new())]);
        let error = client(&TestOptions::of(server.url()).short_timeout()).unwrap_err();
        assert_eq!(error.transport_fault().unwrap().kind(), FaultKind::TimedOut, "{name}: {error:?}");
        assert_eq!((error.ably_code(), error.status_code()), (ErrorCode::TIMEOUT, 500));
    }
}

/// Each byte comes within the timeout, but the whole body does not.
#[test]
fn timeout_includes_body() {
    meets(FaultKind::TimedOut, &Act::Trickle(head_of(200, 1_000_000)), |server| at(server).short_timeout());
    meets(FaultKind::TimedOut, &Act::Hold(head_of(200, 15) + "[17040"), |server| at(server).short_timeout());
}

/// The timeout for a connection includes the TLS handshake. The request timeout is an hour.
#[test]
fn unfinished_tls_handshake_is_timeout() {
    meets(FaultKind::TimedOut, &Act::Hold(String::new()), |server| TestOptions {
        http_open_timeout: SHORT_TIMEOUT,
        ..TestOptions::of(format!("https://{}", server.address))
    });
}

#[test]
fn closed_connection_is_interrupted() {
    let begun = head_of(200, 15) + "[17040";
    for act in [Act::Reset, Act::Answer(String::new()), Act::Answer(begun.clone()), Act::AnswerAndReset(begun)] {
        meets(FaultKind::Interrupted, &act, at);
    }
    meets(FaultKind::Interrupted, &Act::Answer("SSH-2.0-OpenSSH\r\n\r\n".into()), at);
}

#[test]
fn failed_tls_handshake_is_tls_fault() {
    let options = |server: &Scripted| TestOptions::of(format!("https://{}", server.address));
    meets(FaultKind::Tls, &Act::Answer("HTTP/1.1 400 Bad Request\r\n\r\n".into()), options);
}

#[test]
fn answer_over_16_mib_is_too_large() {
    meets(FaultKind::TooLarge, &Act::Large(16 * 1024 * 1024 + 1), at);
}

#[test]
fn timeout_of_options_applies_to_custom_http_client() {
    let patient = Duration::from_secs(3600);
    let server = Scripted::start([Act::Hold(String::new()), Act::Hold(String::new())]);
    let options = TestOptions::of(server.url()).short_timeout();
    let http = reqwest_builder().timeout(patient).build().unwrap();
    let client = ably_auth_reqwest::Client::with_http(options.options(), http).unwrap();
    let error = block_on(client.time()).unwrap_err();
    assert_eq!(error.transport_fault().unwrap().kind(), FaultKind::TimedOut);

    let agent = ureq::Agent::config_builder().timeout_global(Some(patient)).build().new_agent();
    let client = ably_auth_blocking::Client::with_agent(options.options(), agent).unwrap();
    let error = client.time().unwrap_err();
    assert_eq!(error.transport_fault().unwrap().kind(), FaultKind::TimedOut);
}

#[test]
fn maximum_timeouts_are_accepted() {
    for (name, client) in BOTH {
        let server = Scripted::start([super::scripted::time()]);
        let options =
            TestOptions { http_request_timeout: Duration::MAX, http_open_timeout: Duration::MAX, ..at(&server) };
        assert!(client(&options).is_ok(), "{name}");
    }
}
