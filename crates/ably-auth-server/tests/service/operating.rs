//! Tests of a running server: timeouts, limits, rates, trusted proxies, health, metrics and shutdown.

use std::net::SocketAddr;
use std::time::Duration;

use ably_auth_server::store::{Memory, Store};
use ably_auth_server::{Limits, Rate, Server, Service};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::store::ready::{StoreState, SwitchableFault};
use crate::support::*;

pub(crate) const TEST_TIMEOUT: Duration = Duration::from_secs(30);
pub(crate) const SHORT_TIMEOUT: Duration = Duration::from_millis(20);
pub(crate) const TIME: &str = "GET /time HTTP/1.1\r\nHost: localhost\r\n\r\n";

pub(crate) const LIVE: &str = "GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n";

pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) service: Service,
    stop: Option<oneshot::Sender<()>>,
    pub(crate) served: JoinHandle<()>,
}

pub(crate) async fn run(limit: impl FnOnce(&mut Limits)) -> Running {
    run_over(Memory::new(), limit).await
}

pub(crate) async fn run_over(store: impl Store, limit: impl FnOnce(&mut Limits)) -> Running {
    let mut limits = Limits::default();
    limit(&mut limits);
    run_service(Service::builder().apps(apps()).sandbox(true).limits(limits).store(store).build().unwrap()).await
}

pub(crate) async fn run_service(service: Service) -> Running {
    assert!(!service.is_ready());
    let server = Server::bind("127.0.0.1:0".parse().unwrap(), service.clone()).await.unwrap();
    let server = server.admin("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let (address, admin) = (server.local_addr(), server.admin_addr().unwrap());
    let (stop, stopped) = oneshot::channel::<()>();
    let served = tokio::spawn(async move { server.run(async { drop(stopped.await) }).await.unwrap() });
    Running { address, admin, service, stop: Some(stop), served }
}

impl Running {
    pub(crate) fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    pub(crate) async fn connect(&self) -> Client {
        Client(TcpStream::connect(self.address).await.unwrap())
    }

    pub(crate) async fn ask(&self, request: &str) -> HttpResponse {
        let mut client = self.connect().await;
        client.send(request).await;
        client.receive().await.unwrap()
    }

    pub(crate) async fn admin(&self, path: &str) -> HttpResponse {
        let mut client = Client(TcpStream::connect(self.admin).await.unwrap());
        client.send(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")).await;
        client.receive().await.unwrap()
    }

    /// Returns the value of `metric`.
    pub(crate) async fn count(&self, metric: &str) -> u64 {
        let response = self.admin("/metrics").await;
        let line = response.body.lines().find_map(|line| line.strip_prefix(metric)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{metric} is not in {}", response.body)).parse().unwrap()
    }

    /// Waits until `metric` has `value`.
    pub(crate) async fn until(&self, metric: &str, value: u64) {
        let reached = async {
            while self.count(metric).await != value {
                tokio::task::yield_now().await;
            }
        };
        timeout(TEST_TIMEOUT, reached).await.unwrap();
    }
}

pub(crate) struct Client(pub(crate) TcpStream);

#[derive(Debug)]
pub(crate) struct HttpResponse {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl HttpResponse {
    pub(crate) fn code(&self) -> (u16, u64) {
        let body: Value = serde_json::from_str(&self.body).unwrap();
        assert_eq!(body["error"]["statusCode"], self.status);
        (self.status, body["error"]["code"].as_u64().unwrap())
    }

    pub(crate) fn has(&self, header: &str) -> bool {
        self.head.lines().any(|line| line.eq_ignore_ascii_case(header))
    }
}

impl Client {
    pub(crate) async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    /// Returns the next response, or `None` if the connection is closed.
    pub(crate) async fn receive(&mut self) -> Option<HttpResponse> {
        let mut text = String::new();
        let mut byte = [0];
        while !text.ends_with("\r\n\r\n") {
            let read =
                timeout(TEST_TIMEOUT, self.0.read(&mut byte)).await.expect("a response or the end of the connection");
            if read.unwrap_or(0) == 0 {
                assert_eq!(text, "");
                return None;
            }
            text.push(byte[0].into());
        }
        let length =
            text.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        self.0.read_exact(&mut body).await.unwrap();
        let status = text.split(' ').nth(1).unwrap().parse().unwrap();
        Some(HttpResponse { status, head: text, body: String::from_utf8(body).unwrap() })
    }
}

pub(crate) fn token_request(forwarded: &str) -> String {
    let body = json!({ "keyName": KEY, "timestamp": system_now() }).to_string();
    format!(
        "POST /keys/{KEY}/requestToken HTTP/1.1\r\nHost: localhost\r\nAuthorization: {}\r\n{forwarded}Content-Length: {}\r\n\r\n{body}",
        basic(KEY),
        body.len()
    )
}

#[tokio::test]
async fn unfinished_headers_close_connection() {
    let service = run(|limits| limits.header_deadline = SHORT_TIMEOUT).await;
    let mut clients = [service.connect().await, service.connect().await, service.connect().await];
    clients[1].send("GET /time HTT").await;
    clients[2].send(TIME).await;
    assert_eq!(clients[2].receive().await.unwrap().status, 200);
    clients[2].send("GET /time HTT").await;
    for client in &mut clients {
        assert!(client.receive().await.is_none());
    }
}

#[tokio::test]
async fn idle_connection_is_closed_and_busy_one_kept() {
    let service = run(|limits| {
        limits.idle = SHORT_TIMEOUT;
        limits.header_deadline = TEST_TIMEOUT;
    })
    .await;
    let (mut busy, mut idle) = (service.connect().await, service.connect().await);
    idle.send(TIME).await;
    assert_eq!(idle.receive().await.unwrap().status, 200);
    assert!(idle.receive().await.is_none());
    for _ in 0..3 {
        busy.send(TIME).await;
        let response = busy.receive().await;
        // On a slow machine the pause between two requests may exceed the idle timeout.
        assert!(response.is_none_or(|response| response.status == 200));
        busy = service.connect().await;
    }
}

#[tokio::test]
async fn missing_body_times_out() {
    let service = run(|limits| limits.body_deadline = SHORT_TIMEOUT).await;
    let half = format!("POST /keys/{KEY}/requestToken HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{{");
    let mut client = service.connect().await;
    client.send(&half).await;
    let response = client.receive().await.unwrap();
    assert_eq!(response.code(), (408, 40000));
    assert!(response.has("connection: close"), "{response:?}");
    assert!(client.receive().await.is_none());
    assert_eq!(service.ask(TIME).await.status, 200);
}

#[tokio::test]
async fn client_that_reads_nothing_is_disconnected() {
    let service = run(|limits| limits.answer_deadline = SHORT_TIMEOUT).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let mut client = socket.connect(service.address).await.unwrap();
    let many = TIME.repeat(100);
    let disconnected = async { while client.write_all(many.as_bytes()).await.is_ok() {} };
    timeout(TEST_TIMEOUT, disconnected).await.expect("the connection is closed");
    service.until("ably_auth_connections", 0).await;
}

#[tokio::test]
async fn slow_reader_gets_all_responses() {
    let service = run(|limits| limits.answer_deadline = TEST_TIMEOUT).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let (mut read, mut write) = socket.connect(service.address).await.unwrap().into_split();
    let count = 3_000;
    let writing = tokio::spawn(async move { write.write_all(TIME.repeat(count).as_bytes()).await.map(|()| write) });
    let (mut answers, mut bytes) = (0, vec![0; 1_000]);
    while answers < count {
        let some = timeout(TEST_TIMEOUT, read.read(&mut bytes)).await.unwrap().unwrap();
        assert!(some > 0, "the connection is closed after {answers} responses");
        answers += bytes[..some].iter().filter(|byte| **byte == b'[').count();
    }
    writing.await.unwrap().unwrap();
}

/// Opens a connection with a receive buffer of 4 KiB, and requests a response of about 390 kB.
async fn request_large_response(service: &Running) -> TcpStream {
    let body = format!(r#"{{"data":"{}"}}"#, r"\u0000".repeat(10_833));
    let publishing = format!(
        "POST /channels/chat/messages HTTP/1.1\r\nHost: localhost\r\nAuthorization: {}\r\nContent-Length: {}\r\n\r\n{body}",
        basic(KEY),
        body.len()
    );
    for _ in 0..6 {
        assert_eq!(service.ask(&publishing).await.status, 201);
    }
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let mut client = socket.connect(service.address).await.unwrap();
    let asking =
        format!("GET /channels/chat/messages HTTP/1.1\r\nHost: localhost\r\nAuthorization: {}\r\n\r\n", basic(KEY));
    client.write_all(asking.as_bytes()).await.unwrap();
    client
}

#[tokio::test]
async fn fast_enough_reader_gets_whole_large_response() {
    let service = run(|limits| limits.answer_deadline = SHORT_TIMEOUT * 10).await;
    let mut client = request_large_response(&service).await;
    let (mut bytes, mut whole) = (vec![0; 4_096], Vec::new());
    while !whole.ends_with(b"}]") {
        let read = timeout(TEST_TIMEOUT, client.read(&mut bytes)).await.unwrap().unwrap();
        assert!(read > 0, "the connection is closed after {} bytes", whole.len());
        whole.extend_from_slice(&bytes[..read]);
        tokio::time::sleep(SHORT_TIMEOUT / 4).await;
    }
    assert!(whole.len() > 380_000);
}

#[tokio::test]
async fn long_headers_and_bodies_are_refused() {
    let service = run(|limits| {
        limits.header_bytes = 5_000;
        limits.body_bytes = 100;
    })
    .await;
    let long =
        |length: usize| format!("GET /time HTTP/1.1\r\nHost: localhost\r\nX-Long: {}\r\n\r\n", "x".repeat(length));
    assert_eq!(service.ask(&long(4_900)).await.status, 200);
    assert_eq!(service.ask(&long(5_000)).await.code(), (431, 40000));
    let elsewhere = |length: usize| TIME.replace("/time", &format!("http://{}.localhost/time", "x".repeat(length)));
    assert_eq!(service.ask(&elsewhere(4_900)).await.status, 200);
    assert_eq!(service.ask(&elsewhere(5_000)).await.code(), (431, 40000), "a long target counts like long headers");
    assert_eq!(service.ask(&TIME.replace("GET", &"X".repeat(5_000))).await.code(), (431, 40000));
    // The service does not read all of these headers, but it responds.
    assert_eq!(service.ask(&long(60_000)).await.status, 431);
    let body = format!("POST /apps HTTP/1.1\r\nHost: localhost\r\nContent-Length: 101\r\n\r\n{}", "x".repeat(101));
    let response = service.ask(&body).await;
    assert_eq!(response.code(), (413, 40009));
    assert!(response.body.contains("100 bytes"), "{response:?}");
}

#[tokio::test]
async fn connections_over_limit_get_503() {
    let service = run(|limits| limits.connections = 2).await;
    let (mut one, mut other) = (service.connect().await, service.connect().await);
    for busy in [&mut one, &mut other] {
        busy.send("POST /apps HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{").await;
    }
    service.until("ably_auth_requests_in_flight", 2).await;
    let mut third = service.connect().await;
    third.send(TIME).await;
    let response = third.receive().await.unwrap();
    assert_eq!(response.code(), (503, 50004));
    assert!(response.has("retry-after: 1") && response.has("connection: close"), "{response:?}");
    assert!(third.receive().await.is_none());
    one.send("}").await;
    assert_eq!(one.receive().await.unwrap().status, 201, "open connections are still served");
    drop(one);
    service.until("ably_auth_connections", 1).await;
    assert_eq!(service.ask(TIME).await.status, 200);
    assert_eq!(service.count("ably_auth_connections_refused_total").await, 1);
}

#[tokio::test]
async fn requests_over_limit_get_503() {
    let service = run(|limits| limits.requests = 1).await;
    let mut slow = service.connect().await;
    slow.send("POST /apps HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{").await;
    service.until("ably_auth_requests_in_flight", 1).await;
    let response = service.ask(TIME).await;
    assert_eq!(response.code(), (503, 50004));
    assert!(response.has("retry-after: 1"), "{response:?}");
    slow.send("}").await;
    assert_eq!(slow.receive().await.unwrap().status, 201);
    assert_eq!(service.ask(TIME).await.status, 200);
}

#[tokio::test]
async fn address_rate_is_per_client_of_trusted_proxy() {
    let service = run(|limits| {
        limits.per_address = Some(Rate { per_second: 1, burst: 2 });
        limits.trusted_proxies = vec!["127.0.0.1".parse().unwrap(), "10.0.0.0/8".parse().unwrap()];
    })
    .await;
    let from = |forwarded: &str| TIME.replace("\r\n\r\n", &format!("\r\n{forwarded}\r\n\r\n"));
    for _ in 0..2 {
        assert_eq!(service.ask(&from("X-Forwarded-For: 192.0.2.1")).await.status, 200);
    }
    // Entries that a client wrote itself precede those of the proxies.
    for same in [
        "X-Forwarded-For: 192.0.2.1",
        "X-Forwarded-For: 198.51.100.1, 192.0.2.1",
        "X-Forwarded-For: 198.51.100.1\r\nX-Forwarded-For: 192.0.2.1, 10.1.1.1",
    ] {
        let response = service.ask(&from(same)).await;
        assert_eq!(response.code(), (429, 42910), "{same}");
        assert!(response.has("retry-after: 1"), "{response:?}");
    }
    assert_eq!(service.ask(&from("X-Forwarded-For: 192.0.2.2")).await.status, 200);
    // An entry that is not ASCII does not change the client either.
    let response = service.ask(&from("X-Forwarded-For: \u{e9}, 192.0.2.1")).await;
    assert_eq!(response.code(), (429, 42910));
    for (last, status) in
        [("\r\nX-Forwarded-For: \u{e9}", 200), (", unknown", 200), ("\r\nX-Forwarded-For: \u{e9}", 429)]
    {
        let response = service.ask(&from(&format!("X-Forwarded-For: 192.0.2.3{last}"))).await;
        assert_eq!(response.status, status, "entries before an unreadable one are not trusted: {last}");
    }
    assert_eq!(service.ask(&from("X-Forwarded-For: 192.0.2.3")).await.status, 200);
    assert_eq!(service.count(r#"ably_auth_rate_limited_total{by="address"}"#).await, 5);
}

#[tokio::test]
async fn untrusted_proxy_cannot_name_client() {
    let service = run(|limits| limits.per_address = Some(Rate { per_second: 1, burst: 1 })).await;
    let from = |address: &str| TIME.replace("\r\n\r\n", &format!("\r\nX-Forwarded-For: {address}\r\n\r\n"));
    assert_eq!(service.ask(&from("192.0.2.1")).await.status, 200);
    assert_eq!(service.ask(&from("192.0.2.2")).await.code(), (429, 42910));
}

#[tokio::test]
async fn only_trusted_proxy_may_report_tls() {
    for (trusted, status) in [(true, 201), (false, 401)] {
        let mut limits = Limits::default();
        limits.trusted_proxies = if trusted { vec!["127.0.0.1".parse().unwrap()] } else { Vec::new() };
        let service = Service::builder().apps(apps()).limits(limits).build().unwrap();
        let server = Server::bind("127.0.0.1:0".parse().unwrap(), service).await.unwrap();
        let mut client = Client(TcpStream::connect(server.local_addr()).await.unwrap());
        tokio::spawn(server.run(std::future::pending()));
        client.send(&token_request("X-Forwarded-Proto: https\r\n")).await;
        assert_eq!(client.receive().await.unwrap().status, status);
        client.send(&token_request("X-Forwarded-Proto: http\r\n")).await;
        assert_eq!(client.receive().await.unwrap().code(), (401, 40103));
    }
}

#[tokio::test]
async fn wrong_credentials_do_not_use_rate_of_key() {
    let service = run(|limits| limits.per_key = Some(Rate { per_second: 1, burst: 2 })).await;
    let wrong = token_request("").replace(&basic(KEY), &basic_of(&format!("{KEY}:wrong")));
    for _ in 0..5 {
        assert_eq!(service.ask(&wrong).await.code(), (401, 40101));
    }
    assert_eq!(service.ask(&token_request("")).await.status, 201);
    assert_eq!(service.ask(&token_request("")).await.status, 201);
    let response = service.ask(&token_request("")).await;
    assert_eq!(response.code(), (429, 42910));
    assert!(response.has("retry-after: 1"), "{response:?}");
    assert_eq!(service.count(r#"ably_auth_rate_limited_total{by="key"}"#).await, 1);
}

#[tokio::test]
async fn shutdown_ends_readiness_then_finishes_requests() {
    let mut service = run(|limits| {
        limits.shutdown_delay = SHORT_TIMEOUT;
        limits.shutdown_grace = TEST_TIMEOUT;
    })
    .await;
    assert_eq!((service.admin("/health/ready").await.status, service.admin("/health/live").await.status), (200, 200));
    let (mut slow, mut idle) = (service.connect().await, service.connect().await);
    slow.send("POST /apps HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{").await;
    idle.send(TIME).await;
    assert_eq!(idle.receive().await.unwrap().status, 200);
    service.until("ably_auth_requests_in_flight", 1).await;
    service.stop();
    service.until("ably_auth_ready", 0).await;
    assert_eq!((service.admin("/health/ready").await.status, service.admin("/health/live").await.status), (503, 200));
    assert!(idle.receive().await.is_none(), "idle connections are closed");
    assert!(TcpStream::connect(service.address).await.is_err(), "new connections are refused");
    slow.send("}").await;
    assert_eq!(slow.receive().await.unwrap().status, 201);
    assert!(slow.receive().await.is_none());
    timeout(TEST_TIMEOUT, service.served).await.unwrap().unwrap();
}

#[tokio::test]
async fn shutdown_aborts_connections_after_grace() {
    let mut service = run(|limits| limits.shutdown_grace = SHORT_TIMEOUT).await;
    let mut clients = [service.connect().await, service.connect().await];
    clients[0].send("GET /time HTT").await;
    clients[1].send("POST /apps HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{").await;
    service.until("ably_auth_requests_in_flight", 1).await;
    service.stop();
    timeout(TEST_TIMEOUT, &mut service.served).await.unwrap().unwrap();
    assert!(!service.service.is_ready());
}

#[tokio::test]
async fn failing_store_ends_readiness_but_not_liveness() {
    let store = SwitchableFault::store();
    let service = run_over(store.clone(), |_| {}).await;
    let health = async |path: &str| service.admin(path).await.status;
    let until = async |status: u16| {
        // The service caches readiness for a short time.
        while health("/health/ready").await != status {
            tokio::time::sleep(SHORT_TIMEOUT).await;
        }
    };
    for (state, status) in [(StoreState::Working, 200), (StoreState::Failing, 503), (StoreState::Working, 200)] {
        store.fault.set(state);
        timeout(TEST_TIMEOUT, until(status)).await.unwrap();
        assert_eq!(service.count("ably_auth_ready").await, u64::from(status == 200));
        assert_eq!(health("/health/live").await, 200);
    }
}

#[tokio::test]
async fn metrics_count_responses() {
    let service = run(|_| {}).await;
    let request = token_request("");
    service.ask(&request).await;
    service.ask(&request.replace("Content-Length: 49", "Content-Length: 48")).await;
    service.ask(TIME).await;
    service.ask(&TIME.replace("time", "elsewhere")).await;
    for (metric, value) in [
        (r#"ably_auth_requests_total{endpoint="requestToken",code="0"}"#, 1),
        (r#"ably_auth_requests_total{endpoint="requestToken",code="40001"}"#, 1),
        (r#"ably_auth_requests_total{endpoint="time",code="0"}"#, 1),
        (r#"ably_auth_requests_total{endpoint="unknown",code="40400"}"#, 1),
        (r#"ably_auth_request_duration_seconds_count{endpoint="requestToken"}"#, 2),
        ("ably_auth_tokens_issued_total", 1),
        ("ably_auth_connections_accepted_total", 4),
        ("ably_auth_apps", 2),
        ("ably_auth_keys", 7),
        ("ably_auth_ready", 1),
    ] {
        assert_eq!(service.count(metric).await, value, "{metric}");
    }
    let response = service.admin("/metrics").await;
    assert!(response.has("content-type: text/plain; version=0.0.4; charset=utf-8"), "{response:?}");
    assert!(!response.body.contains(SECRET));
    assert_eq!(service.admin("/other").await.status, 404);
}
