//! Tests of `Sandbox::fail_next`, `delay_next` and `drop_next`.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use ably_auth_server::{ErrorKind, Sandbox};

use crate::client::*;

fn codes(sandbox: &Sandbox, count: usize) -> Vec<(u16, u32)> {
    (0..count).map(|_| history(sandbox, &basic(sandbox.key())).code()).collect()
}

#[test]
fn next_requests_are_refused_with_code_and_status() {
    let sandbox = Sandbox::start().unwrap();
    for (count, code, status) in [(1, 50003, 500), (2, 40142, 401), (3, 42910, 429), (1, 50004, 503)] {
        sandbox.fail_next(count, code).unwrap();
        let mut expected = vec![(status, code); usize::try_from(count).unwrap()];
        expected.push((200, 0));
        assert_eq!(codes(&sandbox, expected.len()), expected);
    }
    sandbox.fail_next(1, 40160).unwrap();
    let refused = send(&sandbox, "GET", "/time", "", "");
    assert_eq!(refused.code(), (401, 40160));
    let error = &refused.json()["error"];
    assert_eq!((error["code"].as_u64(), error["statusCode"].as_u64()), (Some(40160), Some(401)));
    assert!(error["message"].as_str().unwrap().contains("fail_next"), "{error}");
}

#[test]
fn refused_request_has_no_effect() {
    let sandbox = Sandbox::start().unwrap();
    let signed = signed(&sandbox, "a-nonce-that-is-not-used-up");
    sandbox.fail_next(1, 50003).unwrap();
    assert_eq!(exchange(&sandbox, &signed).code(), (500, 50003));
    assert_eq!(exchange(&sandbox, &signed).status, 201);
}

#[test]
fn later_call_replaces_remaining_failures() {
    let sandbox = Sandbox::start().unwrap();
    sandbox.fail_next(u32::MAX, 50003).unwrap();
    sandbox.fail_next(1, 42910).unwrap();
    assert_eq!(codes(&sandbox, 2), [(429, 42910), (200, 0)]);
    sandbox.fail_next(5, 50003).unwrap();
    sandbox.fail_next(0, 50003).unwrap();
    assert_eq!(codes(&sandbox, 1), [(200, 0)]);
}

#[test]
fn preflights_and_foreign_pages_use_up_no_failure() {
    let sandbox = Sandbox::start().unwrap();
    sandbox.fail_next(1, 50003).unwrap();
    let page = "Origin: http://localhost:3000\r\nAccess-Control-Request-Method: GET\r\n";
    assert_eq!(send(&sandbox, "OPTIONS", "/channels/chat/messages", page, "").status, 204);
    assert_eq!(send(&sandbox, "GET", "/time", "Origin: http://evil.example\r\n", "").code(), (403, 40300));
    assert_eq!(codes(&sandbox, 2), [(500, 50003), (200, 0)]);
}

#[test]
fn unknown_code_is_refused_and_changes_nothing() {
    let sandbox = Sandbox::start().unwrap();
    sandbox.fail_next(1, 50003).unwrap();
    for code in [0, 1, 200, 40999, 99_999, u32::MAX] {
        let error = sandbox.fail_next(1, code).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ErrorCode);
        assert!(error.to_string().contains(&format!("unknown error code {code}")), "{error}");
    }
    assert_eq!(codes(&sandbox, 2), [(500, 50003), (200, 0)]);
}

/// Sends a request, and returns how long the sandbox sends nothing; `None` if that is longer than `most`.
fn first_byte(sandbox: &Sandbox, most: Duration) -> Option<io::Result<usize>> {
    let mut stream = TcpStream::connect((sandbox.endpoint(), sandbox.port())).unwrap();
    stream.set_read_timeout(Some(most)).unwrap();
    stream.write_all(request("GET", "/time", "", "").as_bytes()).unwrap();
    match stream.read(&mut [0]) {
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => None,
        read => Some(read),
    }
}

#[test]
fn delayed_response_arrives_late() {
    let sandbox = Sandbox::start().unwrap();
    sandbox.delay_next(1, Duration::from_secs(3600));
    assert!(first_byte(&sandbox, Duration::from_millis(100)).is_none());
    assert_eq!(codes(&sandbox, 1), [(200, 0)], "only one response is held back");
    let signed = signed(&sandbox, "a-nonce-that-is-used-up");
    sandbox.delay_next(1, Duration::from_millis(50));
    assert_eq!(exchange(&sandbox, &signed).status, 201);
    assert_eq!(exchange(&sandbox, &signed).code(), (401, 40105), "the request was processed");
}

#[test]
fn dropped_connection_gets_no_response() {
    let sandbox = Sandbox::start().unwrap();
    let signed = signed(&sandbox, "a-nonce-that-is-not-used-up");
    sandbox.drop_next(1);
    let mut stream = TcpStream::connect((sandbox.endpoint(), sandbox.port())).unwrap();
    let path = format!("/keys/{}/requestToken", sandbox.key().key_name());
    stream.write_all(request("POST", &path, "", &signed).as_bytes()).unwrap();
    let mut response = Vec::new();
    // The connection may also end with a reset.
    let _ = stream.read_to_end(&mut response);
    assert_eq!(response, b"");
    assert_eq!(exchange(&sandbox, &signed).status, 201, "the request was not processed");
}

#[test]
fn faults_replace_each_other() {
    let sandbox = Sandbox::start().unwrap();
    sandbox.drop_next(5);
    sandbox.delay_next(5, Duration::from_secs(60));
    sandbox.fail_next(1, 50003).unwrap();
    assert_eq!(codes(&sandbox, 2), [(500, 50003), (200, 0)]);
    sandbox.drop_next(1);
    sandbox.reset().unwrap();
    assert_eq!(codes(&sandbox, 1), [(200, 0)]);
}
