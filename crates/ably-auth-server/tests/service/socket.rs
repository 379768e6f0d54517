//! Tests of the server on loopback.

use std::net::SocketAddr;

use ably_auth_server::{ErrorKind, Server, Service};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use crate::support::*;

async fn exchange(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A refused body is not read, so the connection may end in a reset after the answer.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

fn body_of(answer: &str) -> Value {
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

#[tokio::test]
async fn server_answers_until_shutdown() {
    let service = Service::builder().apps(apps()).sandbox(true).build().unwrap();
    let server = Server::bind("127.0.0.1:0".parse().unwrap(), service).await.unwrap();
    let address = server.local_addr();
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(server.run(async { drop(stopped.await) }));

    let time = exchange(address, "GET /time HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    assert!(time.starts_with("HTTP/1.1 200"), "{time}");
    assert!(body_of(&time)[0].as_u64().unwrap() > 1_700_000_000_000, "the time of the system clock in milliseconds");

    let body = json!({ "keyName": KEY, "timestamp": system_now() }).to_string();
    let request = format!(
        "POST /keys/{KEY}/requestToken HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: {}\r\nContent-Length: {}\r\n\r\n{body}",
        basic(KEY),
        body.len()
    );
    let issued = exchange(address, &request).await;
    assert!(issued.starts_with("HTTP/1.1 201"), "{issued}");
    let token = body_of(&issued)["token"].as_str().unwrap().to_owned();
    let status = format!(
        "GET /channels/a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    assert!(exchange(address, &status).await.starts_with("HTTP/1.1 200"));

    let app = exchange(address, "POST /apps HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}").await;
    assert_eq!((&body_of(&app)["endpoint"], &body_of(&app)["port"]), (&json!("127.0.0.1"), &json!(address.port())));

    let announced = exchange(address, "POST /apps HTTP/1.1\r\nHost: localhost\r\nContent-Length: 65537\r\n\r\n").await;
    assert!(announced.starts_with("HTTP/1.1 413") && announced.contains("40009"), "{announced}");
    let chunks = format!("8000\r\n{}\r\n", "x".repeat(0x8000)).repeat(3);
    let streamed = format!("POST /apps HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}");
    let streamed = exchange(address, &streamed).await;
    assert!(streamed.starts_with("HTTP/1.1 413") && streamed.contains("40009"), "{streamed}");

    stop.send(()).unwrap();
    running.await.unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn app_endpoint_is_allowed_host_of_request() {
    let service = Service::builder().sandbox(true).sandbox_hosts(["ably"]).build().unwrap();
    let server = Server::bind("127.0.0.1:0".parse().unwrap(), service).await.unwrap();
    let address = server.local_addr();
    let running = tokio::spawn(server.run(std::future::pending()));
    let create = |target: &'static str, host: &'static str| async move {
        let request =
            format!("POST {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{{}}");
        let app = body_of(&exchange(address, &request).await);
        (app["endpoint"].as_str().unwrap().to_owned(), app["port"].as_u64().unwrap())
    };
    assert_eq!(create("/apps", "ably:18471").await, ("ably".into(), 18471));
    assert_eq!(create("/apps", "ABLY").await, ("ABLY".into(), 80));
    assert_eq!(create("http://ably:18472/apps", "localhost").await, ("ably".into(), 18472));
    running.abort();
}

#[tokio::test]
async fn sandbox_listens_only_on_loopback() {
    let sandbox = || Service::builder().sandbox(true).build().unwrap();
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0", "[::ffff:192.0.2.1]:0"] {
        let error = Server::bind(address.parse().unwrap(), sandbox()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Address);
        assert!(error.to_string().contains("listen on `127.0.0.1`"), "{error}");
    }
    let taken = Server::bind("127.0.0.1:0".parse().unwrap(), sandbox()).await.unwrap();
    let error = Server::bind(taken.local_addr(), sandbox()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Network);
}
