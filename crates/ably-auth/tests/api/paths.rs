//! Paths that a library or a service would normalize into other paths.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ably_auth::{Async, Auth, Blocking, BlockingAuth, ClientOptions, Endpoint, ErrorKind, Mode, Token};
use bytes::Bytes;
use http::Request;

use super::support::{answer, block_on};

fn options<M: Mode>(endpoint: &str) -> ClientOptions<M> {
    ClientOptions::new().token(Token::new("app.t").unwrap()).endpoint(Endpoint::parse(endpoint).unwrap())
}

/// Sends a request with the blocking and the async client. Returns the kind of the error if both refuse it alike and
/// send nothing.
fn ask(endpoint: &str, uri: &str) -> Result<(), ErrorKind> {
    let sent = Arc::<AtomicUsize>::default();
    let request = || Request::get(uri).body(Bytes::new()).unwrap();
    let count = Arc::clone(&sent);
    let over = move |_: Request<Bytes>| {
        count.fetch_add(1, Ordering::SeqCst);
        Ok(answer(200, "[]"))
    };
    let blocking = BlockingAuth::new(options::<Blocking>(endpoint), over.clone()).unwrap().request(request());
    let over = move |request: Request<Bytes>| std::future::ready(over(request));
    let asynchronous = block_on(Auth::new(options::<Async>(endpoint), over).unwrap().request(request()));
    let [blocking, asynchronous] =
        [blocking, asynchronous].map(|outcome| outcome.map(|_| ()).map_err(|error| error.kind()));
    assert_eq!(blocking, asynchronous, "{uri}");
    assert_eq!(sent.load(Ordering::SeqCst), if blocking.is_ok() { 2 } else { 0 }, "{uri}");
    blocking
}

/// reqwest would send `/channels/%2E%2E/messages` as `/messages`, with the credentials.
#[test]
fn dot_segments_are_refused() {
    for path in [
        "/channels/../messages",
        "/channels/%2E%2E/messages",
        "/channels/%2e%2E/messages",
        "/channels/.%2e/messages",
        "/channels/%2E./messages",
        "/channels/./messages",
        "/channels/%2E/messages",
        "/..",
        "/.",
        "/%2e%2e",
        "/a/..?b=c",
        "/a/%2e?b=c",
        "/channels/a;../..",
    ] {
        assert_eq!(ask("main", path), Err(ErrorKind::Configuration), "{path}");
        assert_eq!(Endpoint::default().uri(path).map(|_| ()).unwrap_err().kind(), ErrorKind::Configuration, "{path}");
    }
}

#[test]
fn backslashes_are_refused_in_paths() {
    for path in ["/channels/a\\messages", "/\\evil.example.com/", "/a/..\\b"] {
        // The `http` crate may refuse such a path itself.
        let Ok(request) = Request::get(path).body(Bytes::new()) else { continue };
        assert_eq!(ask("main", &request.uri().to_string()), Err(ErrorKind::Configuration), "{path}");
    }
    assert!(Endpoint::default().uri("/a\\b").is_err());
}

#[test]
fn dots_within_segment_are_sent() {
    for path in [
        "/channels/...",
        "/channels/a..b",
        "/channels/..a",
        "/channels/%2E%2Ea",
        "/channels/%252E%252E/x",
        "/a?b=/../c",
        "/a?b=..",
        "/a?b=\\",
        "/channels/a%5Cb",
    ] {
        assert!(ask("main", path).is_ok(), "{path}");
    }
}

#[test]
fn absolute_uri_of_another_scheme_is_refused() {
    let (tls, plain) = ("https://localhost:8484", "http://localhost:8484");
    for (endpoint, uri) in [
        (tls, "http://localhost:8484/time"),
        (plain, "https://localhost:8484/time"),
        (tls, "ws://localhost:8484/time"),
        (tls, "https://localhost:8485/time"),
    ] {
        assert_eq!(ask(endpoint, uri), Err(ErrorKind::Configuration), "{uri}");
    }
    for (endpoint, uri) in [(tls, "https://localhost:8484/time"), (plain, "http://localhost:8484/time")] {
        assert!(ask(endpoint, uri).is_ok(), "{uri}");
    }
}
