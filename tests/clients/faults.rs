//! What goes wrong on the way is told apart, over real sockets.

use std::net::TcpListener;
use std::time::Duration;

use ably_auth::{ErrorCode, ErrorKind, FaultKind};

use super::scripted::{Act, BOTH, MOMENT, Scripted, Told, block_on, head_of, reqwest_builder};

/// Both clients meet `kind` of fault where the server does that with each connection.
fn meets(kind: FaultKind, act: &Act, told: impl Fn(&Scripted) -> Told) {
    for (name, client) in BOTH {
        let server = Scripted::start([act.clone()]);
        let error = client(&told(&server)).unwrap_err();
        assert_eq!(
            error.transport_fault().map(|fault| fault.kind()),
            Some(kind),
            "{name}: {:?}",
            error.transport_fault()
        );
        assert_eq!(error.is_transient(), kind != FaultKind::TooLarge, "{name}");
    }
}

fn at(server: &Scripted) -> Told {
    Told::of(server.url())
}

/// rest/proxy/RSC15l/unreachable-endpoint-error-0
#[test]
fn a_port_where_nobody_listens_is_unreachable() {
    for (name, client) in BOTH {
        // Bound and dropped at once, so that nobody listens there.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let error = client(&Told::of(format!("http://localhost:{port}"))).unwrap_err();
        assert_eq!(error.transport_fault().unwrap().kind(), FaultKind::Unreachable, "{name}: {error:?}");
        assert_eq!(
            (error.kind(), error.ably_code(), error.status_code()),
            (ErrorKind::Unreachable, ErrorCode::INTERNAL, 500)
        );
    }
}

/// rest/unit/RSC13/request-timeout-enforced-0
#[test]
fn a_server_that_keeps_silent_is_a_timeout_with_50003() {
    for (name, client) in BOTH {
        let server = Scripted::start([Act::Hold(String::new())]);
        let error = client(&Told::of(server.url()).in_a_moment()).unwrap_err();
        assert_eq!(error.transport_fault().unwrap().kind(), FaultKind::TimedOut, "{name}: {error:?}");
        assert_eq!((error.ably_code(), error.status_code()), (ErrorCode::TIMEOUT, 500));
    }
}

/// Each byte comes in time, but all of them do not.
#[test]
fn the_body_counts_into_the_time() {
    meets(FaultKind::TimedOut, &Act::Trickle(head_of(200, 1_000_000)), |server| at(server).in_a_moment());
    meets(FaultKind::TimedOut, &Act::Hold(head_of(200, 15) + "[17040"), |server| at(server).in_a_moment());
}

/// A TLS handshake belongs to the making of a connection. Were this time-out not heeded, the test would take an hour.
#[test]
fn a_connection_that_is_never_made_is_a_timeout() {
    meets(FaultKind::TimedOut, &Act::Hold(String::new()), |server| Told {
        http_open_timeout: MOMENT,
        ..Told::of(format!("https://{}", server.address))
    });
}

#[test]
fn a_connection_that_breaks_off_is_interrupted() {
    let begun = head_of(200, 15) + "[17040";
    for act in [Act::Reset, Act::Answer(String::new()), Act::Answer(begun.clone()), Act::AnswerAndReset(begun)] {
        meets(FaultKind::Interrupted, &act, at);
    }
    meets(FaultKind::Interrupted, &Act::Answer("SSH-2.0-OpenSSH\r\n\r\n".into()), at);
}

#[test]
fn a_tls_handshake_that_fails_is_a_tls_fault() {
    let told = |server: &Scripted| Told::of(format!("https://{}", server.address));
    meets(FaultKind::Tls, &Act::Answer("HTTP/1.1 400 Bad Request\r\n\r\n".into()), told);
}

#[test]
fn an_answer_over_16_mib_is_too_large() {
    meets(FaultKind::TooLarge, &Act::Large(16 * 1024 * 1024 + 1), at);
}

#[test]
fn the_options_timeout_holds_with_a_client_of_the_caller_s_own() {
    let patient = Duration::from_secs(3600);
    let server = Scripted::start([Act::Hold(String::new()), Act::Hold(String::new())]);
    let told = Told::of(server.url()).in_a_moment();
    let http = reqwest_builder().timeout(patient).build().unwrap();
    let client = ably_auth_reqwest::Client::with_http(told.options(), http).unwrap();
    let error = block_on(client.time()).unwrap_err();
    assert_eq!(error.transport_fault().unwrap().kind(), FaultKind::TimedOut);

    let agent = ureq::Agent::config_builder().timeout_global(Some(patient)).build().new_agent();
    let client = ably_auth_blocking::Client::with_agent(told.options(), agent).unwrap();
    let error = client.time().unwrap_err();
    assert_eq!(error.transport_fault().unwrap().kind(), FaultKind::TimedOut);
}

#[test]
fn times_of_ages_do_no_harm() {
    for (name, client) in BOTH {
        let server = Scripted::start([super::scripted::time()]);
        let told = Told { http_request_timeout: Duration::MAX, http_open_timeout: Duration::MAX, ..at(&server) };
        assert!(client(&told).is_ok(), "{name}");
    }
}
