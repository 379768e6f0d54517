//! Services that do not finish the WebSocket handshake.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ably_auth_websocket::{ByteStream, Connection, ConnectionOptions, ConnectionState, ErrorInfo, TransportFault};
use tokio::io::{AsyncWriteExt as _, DuplexStream};
use tokio::time::{sleep, timeout};

use super::support::Tokens;

/// Opens a connection to a service that each socket is passed to. Returns the time until it is DISCONNECTED, and why.
async fn lost<F>(serve: impl Fn(DuplexStream) -> F + Send + Sync + 'static) -> (u64, ErrorInfo)
where
    F: Future<Output = ()> + Send + 'static,
{
    let sockets = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&sockets);
    let hook = move |_: String, _: u16| {
        let (ours, theirs) = tokio::io::duplex(4_096);
        counted.fetch_add(1, Ordering::SeqCst);
        tokio::spawn(serve(theirs));
        std::future::ready(Ok(Box::new(ours) as Box<dyn ByteStream>))
    };
    let options = ConnectionOptions::from_client_options(Tokens::default().client_options()).unwrap();
    let before = sleep(Duration::ZERO).deadline();
    let (connection, _events) = Connection::open(options.connect_with(hook)).unwrap();
    connection.reached(ConnectionState::Disconnected).await;
    let seconds = (sleep(Duration::ZERO).deadline() - before).as_secs();
    assert_eq!(sockets.load(Ordering::SeqCst), 1);
    (seconds, connection.error_reason().unwrap())
}

const SWITCHING: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\n";

/// Sends `head`, and then `part` without an end.
async fn endless(mut stream: DuplexStream, head: &[u8], part: &[u8]) {
    let _ = stream.write_all(head).await;
    while stream.write_all(part).await.is_ok() {}
}

#[tokio::test(start_paused = true)]
async fn endless_headers_are_given_up() {
    for part in [&[b'x'; 1_000][..], b"X-Header: value of a header\r\n"] {
        let (seconds, reason) = lost(move |stream| endless(stream, SWITCHING, part)).await;
        assert_eq!((seconds, reason.status_code()), (0, 500), "{reason}");
    }
}

#[tokio::test(start_paused = true)]
async fn slow_headers_are_given_up() {
    let (seconds, reason) = lost(|mut stream| async move {
        let _ = stream.write_all(SWITCHING).await;
        while stream.write_all(b"x").await.is_ok() {
            sleep(Duration::from_secs(1)).await;
        }
    })
    .await;
    assert_eq!((seconds, reason.code().as_u32()), (10, 50003), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn redirect_is_not_followed() {
    let redirect = b"HTTP/1.1 302 Found\r\nLocation: http://other.example/\r\nContent-Length: 0\r\n\r\n";
    let (seconds, reason) = lost(|stream| endless(stream, redirect, b"x")).await;
    assert_eq!(seconds, 0);
    assert!(reason.message().contains("refused a WebSocket with status 302"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn endless_body_of_a_refusal_is_not_read() {
    let refusal = b"HTTP/1.1 503 Unavailable\r\nContent-Length: 99999999999\r\n\r\n";
    let (seconds, reason) = lost(|stream| endless(stream, refusal, b"x")).await;
    assert_eq!((seconds, reason.status_code()), (0, 503), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn stream_that_never_opens_is_given_up() {
    let hook = |_: String, _: u16| std::future::pending::<Result<Box<dyn ByteStream>, TransportFault>>();
    let options = ConnectionOptions::from_client_options(Tokens::default().client_options()).unwrap();
    let (connection, _events) = Connection::open(options.connect_with(hook)).unwrap();
    let disconnected = timeout(Duration::from_secs(5), connection.reached(ConnectionState::Disconnected));
    disconnected.await.expect("the open timeout is 4 s");
    assert_eq!(connection.error_reason().unwrap().code().as_u32(), 50003);
}
