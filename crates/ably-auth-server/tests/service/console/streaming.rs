//! Tests of the live log over sockets.

use tokio::io::AsyncReadExt as _;
#[cfg(target_os = "linux")]
use tokio::net::TcpSocket;
use tokio::time::timeout;

use super::*;
use crate::operating::{Client, SHORT_TIMEOUT, TEST_TIMEOUT, TIME};

/// Opens a stream, and reads its head.
async fn open(service: &Running, query: &str) -> (Client, String) {
    let mut client = service.connect().await;
    client.send(&request("GET", &format!("log/stream{query}"), "", &Value::Null)).await;
    let head = read_until(&mut client, "\r\n\r\n").await;
    (client, head)
}

async fn read_until(client: &mut Client, end: &str) -> String {
    let mut text = String::new();
    while !text.ends_with(end) {
        let byte = timeout(TEST_TIMEOUT, client.0.read_u8()).await.expect("more of the stream");
        text.push(byte.unwrap().into());
    }
    text
}

/// Waits for the end of a connection.
async fn closed(client: &mut Client) {
    let mut rest = Vec::new();
    timeout(TEST_TIMEOUT, client.0.read_to_end(&mut rest)).await.expect("the end of the stream").ok();
}

#[tokio::test]
async fn rows_arrive_while_requests_are_served() {
    let service = run(|_| {}).await;
    let (mut stream, head) = open(&service, "").await;
    assert!(head.starts_with("HTTP/1.1 200") && head.contains("transfer-encoding: chunked"), "{head}");
    assert!(head.contains("content-type: text/event-stream"), "{head}");
    for seq in 1..=3 {
        assert_eq!(service.ask(TIME).await.status, 200);
        let event = read_until(&mut stream, "\"skipped\":0}\n\n").await;
        assert!(event.contains(&format!("id: {seq}\nevent: rows\ndata: {{\"rows\":[{{")), "{event}");
        assert!(event.contains(&format!("\"seq\":{seq},")), "{event}");
    }
    assert_eq!(service.ask(&request("DELETE", "log", "", &Value::Null)).await.status, 204);
    assert!(read_until(&mut stream, "data: {}\n\n").await.contains("event: cleared\n"));
}

#[tokio::test]
async fn filtered_stream_has_only_matching_rows() {
    let service = run(|_| {}).await;
    let (mut stream, _) = open(&service, "?outcome=refused").await;
    assert_eq!(service.ask(TIME).await.status, 200);
    assert_eq!(service.ask("GET /stats HTTP/1.1\r\nHost: localhost\r\n\r\n").await.status, 401);
    let event = read_until(&mut stream, "\"skipped\":0}\n\n").await;
    assert!(event.contains("\"seq\":2") && !event.contains("\"seq\":1,"), "{event}");
}

#[tokio::test]
async fn streams_have_a_limit_of_their_own() {
    let service = run(|limits| {
        limits.console_streams = 2;
        limits.requests = 1;
    })
    .await;
    let (first, _) = open(&service, "").await;
    let (_second, _) = open(&service, "").await;
    let (_, head) = open(&service, "").await;
    assert!(head.starts_with("HTTP/1.1 429") && head.contains("retry-after: 5"), "{head}");
    assert_eq!(service.ask(TIME).await.status, 200, "streams are not requests in flight");
    drop(first);
    let reopened = async { while !open(&service, "").await.1.starts_with("HTTP/1.1 200") {} };
    timeout(TEST_TIMEOUT, reopened).await.expect("the permit of a client that has gone");
}

#[tokio::test]
async fn shutdown_ends_open_streams_within_grace() {
    let mut service = run(|limits| limits.shutdown_grace = 10 * TEST_TIMEOUT).await;
    let (mut stream, _) = open(&service, "").await;
    service.stop();
    closed(&mut stream).await;
    timeout(TEST_TIMEOUT, service.served).await.expect("the server does not wait for streams").unwrap();
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn reader_that_never_reads_is_cut_off() {
    let service = run(|limits| {
        limits.answer_deadline = 10 * SHORT_TIMEOUT;
        limits.console_streams = 1;
    })
    .await;
    let socket = TcpSocket::new_v4().unwrap();
    // With small buffers and segments, the service can write only a few events.
    socket.set_recv_buffer_size(4 * 1024).unwrap();
    socket2::SockRef::from(&socket).set_tcp_mss(512).unwrap();
    let mut silent = Client(socket.connect(service.address).await.unwrap());
    silent.send(&request("GET", "log/stream", "", &Value::Null)).await;
    read_until(&mut silent, "\r\n\r\n").await;
    assert!(open(&service, "").await.1.starts_with("HTTP/1.1 429"));
    let mut busy = service.connect().await;
    let cut = async {
        loop {
            for _ in 0..200 {
                busy.send(TIME).await;
                busy.receive().await.unwrap();
            }
            if open(&service, "").await.1.starts_with("HTTP/1.1 200") {
                return;
            }
        }
    };
    timeout(4 * TEST_TIMEOUT, cut).await.expect("the permit of the silent reader");
}

#[tokio::test]
async fn stream_is_not_idle_and_connection_serves_on() {
    let service = run(|limits| {
        limits.idle = SHORT_TIMEOUT;
        limits.header_deadline = SHORT_TIMEOUT;
    })
    .await;
    let (mut stream, _) = open(&service, "").await;
    tokio::time::sleep(10 * SHORT_TIMEOUT).await;
    assert_eq!(service.ask(TIME).await.status, 200);
    read_until(&mut stream, "\"skipped\":0}\n\n").await;
    let head = request("HEAD", "log/stream", "", &Value::Null);
    let mut client = service.connect().await;
    client.send(&format!("{head}{TIME}")).await;
    read_until(&mut client, "\r\n\r\n").await;
    assert!(read_until(&mut client, "\r\n\r\n").await.starts_with("HTTP/1.1 200"), "HEAD opens no stream");
}
