//! Requests that are refused before anything is sent.

use ably_auth::{Error, ErrorKind};
use bytes::Bytes;
use http::Request;

use super::scripted::{Scripted, TestOptions, answer, block_on};

/// Sends a request with one of the clients.
type Ask = fn(&TestOptions, Request<Bytes>) -> Result<(), Error>;

const BOTH: [(&str, Ask); 2] = [("reqwest", over_reqwest), ("ureq", over_ureq)];

fn over_reqwest(options: &TestOptions, request: Request<Bytes>) -> Result<(), Error> {
    block_on(ably_auth_reqwest::Client::new(options.options()).unwrap().request(request)).map(drop)
}

fn over_ureq(options: &TestOptions, request: Request<Bytes>) -> Result<(), Error> {
    ably_auth_blocking::Client::new(options.options()).unwrap().request(request).map(drop)
}

/// Asserts that the clients refuse each target, and that the first request that arrives is the good one after them.
fn nothing_arrives<'a>(targets: impl IntoIterator<Item = &'a str> + Clone) {
    for (name, ask) in BOTH {
        let server = Scripted::start([answer(200, "[]")]);
        let options = TestOptions::of(server.url());
        let port = server.address.port();
        for target in targets.clone() {
            let target = target.replace("PORT", &port.to_string());
            // The `http` crate may refuse such a target itself.
            let Ok(request) = Request::get(&target).body(Bytes::new()) else { continue };
            let error = ask(&options, request).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration, "{name}: {target}");
        }
        assert!(server.heads.try_recv().is_err(), "{name}");
        ask(&options, Request::get("/good").body(Bytes::new()).unwrap()).unwrap();
        let head = server.heads.recv().unwrap();
        assert!(head.starts_with("GET /good HTTP/1.1\r\n"), "{name}: {head}");
    }
}

#[test]
fn dot_segments_are_not_sent() {
    nothing_arrives([
        "/channels/../messages",
        "/channels/%2E%2E/messages",
        "/channels/.%2e/messages",
        "/channels/./messages",
        "/channels/%2E/messages",
        "/..",
        "/a/..?b=c",
        "http://localhost:PORT/channels/../messages",
        "http://localhost:PORT/channels/%2e%2E/messages",
    ]);
}

#[test]
fn backslashes_are_not_sent() {
    nothing_arrives(["/channels/a\\messages", "/\\evil.example.com/", "/a/..\\b", "http://localhost:PORT/a\\b"]);
}

#[test]
fn absolute_uri_of_another_scheme_is_not_sent() {
    nothing_arrives(["https://localhost:PORT/time", "ws://localhost:PORT/time", "ftp://localhost:PORT/time"]);
}
