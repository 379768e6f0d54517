//! Paths that a library or a service would normalize into other paths.

use std::sync::atomic::{AtomicUsize, Ordering};

use ably_auth::{Blocking, BlockingAuth, ClientOptions, Endpoint, ErrorKind};
use bytes::Bytes;
use http::Request;

use super::support::answer;

fn ask(endpoint: &str, uri: &str) -> Result<usize, ErrorKind> {
    static SENT: AtomicUsize = AtomicUsize::new(0);
    let options = ClientOptions::<Blocking>::new().token("app.t");
    let over = |_: Request<Bytes>| {
        SENT.fetch_add(1, Ordering::SeqCst);
        Ok(answer(200, "[]"))
    };
    let auth = BlockingAuth::new(options.endpoint(endpoint), over).unwrap();
    let outcome = auth.request(Request::get(uri).body(Bytes::new()).unwrap());
    outcome.map(|_| SENT.load(Ordering::SeqCst)).map_err(|error| error.kind())
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
