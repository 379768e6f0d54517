//! Tests of the framing of a request: its `Host` header, its length and its chunks.

use ably_auth_server::{Server, Service};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use crate::operating::{Client, HttpResponse, TIME, run, token_request};
use crate::support::*;

/// Sends `request` to a new service that is not a sandbox, and returns the response.
async fn answer_of(request: &str) -> HttpResponse {
    let service = Service::builder().apps(apps()).build().unwrap();
    let server = Server::bind("127.0.0.1:0".parse().unwrap(), service).await.unwrap();
    let mut client = Client(TcpStream::connect(server.local_addr()).await.unwrap());
    tokio::spawn(server.run(std::future::pending()));
    client.send(request).await;
    client.receive().await.unwrap()
}

fn chunked(chunks: &str) -> String {
    format!("POST /keys/{KEY}/requestToken HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}")
}

#[tokio::test]
async fn broken_chunks_are_refused() {
    let service = run(|_| {}).await;
    for chunks in ["zz\r\n{}\r\n0\r\n\r\n", "2\r\n{}}\r\n0\r\n\r\n", "-2\r\n{}\r\n0\r\n\r\n", "11111111111111111\r\n"] {
        let mut client = service.connect().await;
        client.send(&chunked(chunks)).await;
        let response = client.receive().await.unwrap();
        assert_eq!(response.code(), (400, 40000), "{chunks:?}");
        assert!(response.body.contains("chunk") && response.has("connection: close"), "{chunks:?}: {response:?}");
        assert!(client.receive().await.is_none());
    }
    let response = service.ask(&chunked("2\r\n{}\r\n0\r\n\r\n")).await;
    assert_eq!(response.code().0, 400, "a complete body is refused for its content: {response:?}");
    assert!(!response.body.contains("chunk"), "{response:?}");
}

#[tokio::test]
async fn bytes_after_body_of_two_lengths_are_no_request() {
    // A proxy may use the other length. The bytes after the body could then be a request of another client.
    let service = run(|_| {}).await;
    for lengths in
        ["Transfer-Encoding: chunked\r\nContent-Length: 30", "Content-Length: 30\r\nTransfer-Encoding: chunked"]
    {
        let mut client = service.connect().await;
        let smuggled =
            format!("POST /apps HTTP/1.1\r\nHost: localhost\r\n{lengths}\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n{TIME}");
        client.send(&smuggled).await;
        let response = client.receive().await.unwrap();
        assert!(response.status == 201 && response.has("connection: close"), "{lengths}: {response:?}");
        assert!(client.receive().await.is_none(), "{lengths}");
    }
    assert_eq!(service.count(r#"ably_auth_requests_total{endpoint="time",code="0"}"#).await, 0);
}

#[tokio::test]
async fn ambiguous_lengths_are_refused() {
    let service = run(|_| {}).await;
    for lengths in [
        "Content-Length: 2\r\nContent-Length: 3",
        "Content-Length: 2, 3",
        "Content-Length: +2",
        "Content-Length: two",
        "Transfer-Encoding: gzip",
        "Transfer-Encoding: chunked, gzip",
    ] {
        let mut client = service.connect().await;
        client.send(&format!("POST /apps HTTP/1.1\r\nHost: localhost\r\n{lengths}\r\n\r\n{{}}x")).await;
        let mut answer = String::new();
        client.0.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 400"), "{lengths}: {answer}");
    }
    let old = "POST /apps HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
    assert_eq!(service.ask(old).await.status, 400);
}

#[tokio::test]
async fn host_is_required_once_and_valid() {
    let long = "x".repeat(300);
    for bad in [
        "",
        "Host: a.example\r\nHost: a.example\r\n",
        "Host: a.example, b.example\r\n",
        "Host: a b\r\n",
        "Host: user@a.example\r\n",
        "Host: http://a.example\r\n",
        "Host: a.example/path\r\n",
        "Host: a.example:port\r\n",
        "Host: a.example:65536\r\n",
        "Host: [2001:db8::zz]\r\n",
        "Host: [::1\r\n",
        "Host: ::1\r\n",
        "Host: a.example:80:80\r\n",
        "Host: %zz\r\n",
        "Host: \u{e9}\r\n",
        &format!("Host: {long}\r\n"),
    ] {
        let response = answer_of(&format!("GET /time HTTP/1.1\r\n{bad}\r\n")).await;
        assert_eq!(response.code(), (400, 40000), "{bad}");
        assert!(response.body.contains("Host"), "{response:?}");
    }
    for good in [
        "Host:",
        "Host: a.example",
        "Host: a_b.example:8484",
        "Host: a.example:",
        "Host: [::1]:80",
        "Host: %41.example",
    ] {
        assert_eq!(answer_of(&format!("GET /time HTTP/1.1\r\n{good}\r\n\r\n")).await.status, 200, "{good}");
    }
    assert_eq!(answer_of("GET /time HTTP/1.0\r\n\r\n").await.status, 200);
    assert_eq!(answer_of("GET /time HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n").await.status, 400);
}

#[tokio::test]
async fn absolute_target_overrides_host() {
    let service = run(|_| {}).await;
    let ask = async |target: &str, host: &str| {
        service.ask(&format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n")).await.status
    };
    assert_eq!(ask("http://evil.example/time", "localhost").await, 403);
    assert_eq!(ask("http://localhost@evil.example/time", "localhost").await, 403);
    assert_eq!(ask("http://localhost/time", "evil.example").await, 200);
    assert_eq!(ask("/time", "evil.example").await, 403);
    let response = service.ask("GET http://localhost/time HTTP/1.1\r\n\r\n").await;
    assert_eq!(response.code(), (400, 40000), "`Host` is required even with an absolute target");
}

#[tokio::test]
async fn https_target_is_no_proof_of_tls() {
    let request = token_request("").replace("POST /", "POST https://localhost/");
    assert_eq!(answer_of(&request).await.code(), (401, 40103));
}
