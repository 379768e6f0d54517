//! Hosts that fail.

use std::sync::{Arc, Mutex};

use ably_auth_websocket::{ByteStream, Connection, ConnectionState, FaultKind, TransportFault};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::support::{Connecting, Server, Tokens, fails_with, from};

const HOSTS: [&str; 2] = ["one.test", "two.test"];

fn client() -> super::support::ClientOptions {
    Tokens::default().client_options().endpoint("http://main.test").fallback_hosts(HOSTS)
}

/// Returns a hook for which each host but `good` responds with `status`.
fn responds(
    server: &Server,
    status: u16,
    good: &'static str,
) -> impl Fn(String, u16) -> Connecting + Send + Sync + 'static {
    let hook = server.hook();
    move |host, port| {
        if host == good {
            return hook(host, port);
        }
        Box::pin(async move {
            let (ours, mut theirs) = tokio::io::duplex(4_096);
            tokio::spawn(async move {
                let _ = theirs.read(&mut [0; 4_096]).await;
                let response = format!("HTTP/1.1 {status} No\r\ncontent-length: 0\r\n\r\n");
                let _ = theirs.write_all(response.as_bytes()).await;
                let _ = theirs.read(&mut [0; 1]).await;
            });
            Ok(Box::new(ours) as Box<dyn ByteStream>)
        })
    }
}

#[tokio::test(start_paused = true)]
async fn host_that_responds_with_503_is_replaced() {
    for good in HOSTS {
        let mut server = Server::new();
        let options = from(&server, client()).connect_with(responds(&server, 503, good));
        let (connection, _events) = Connection::open(options).unwrap();
        let peer = server.connect().await;
        assert_eq!(peer.host, good);
        connection.connect().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn other_status_is_reported_and_no_host_is_tried() {
    for (status, code) in [(404, 40400), (200, 40000), (429, 42900)] {
        let server = Server::new();
        let options = from(&server, client()).connect_with(responds(&server, status, "one.test"));
        let (connection, _events) = Connection::open(options).unwrap();
        connection.reached(ConnectionState::Disconnected).await;
        let reason = connection.error_reason().unwrap();
        assert_eq!(reason.code().as_u32(), code);
        let expected = format!("`ws://main.test/` refused a WebSocket with status {status}");
        assert!(reason.message().contains(&expected), "{reason}");
        assert!(!server.has_accepted());
    }
}

#[tokio::test(start_paused = true)]
async fn all_hosts_are_tried_after_a_fault() {
    for kind in [FaultKind::Unresolvable, FaultKind::Unreachable, FaultKind::Tls, FaultKind::TimedOut] {
        let (server, hosts) = (Server::new(), Arc::new(Mutex::new(Vec::new())));
        let options = from(&server, client()).connect_with(fails_with(kind, Arc::clone(&hosts)));
        let (connection, _events) = Connection::open(options).unwrap();
        connection.reached(ConnectionState::Disconnected).await;
        let mut tried = hosts.lock().unwrap().clone();
        assert_eq!(tried.remove(0), "main.test");
        tried.sort();
        assert_eq!(tried, HOSTS);
    }
}

#[tokio::test(start_paused = true)]
async fn no_other_host_is_tried_while_the_internet_cannot_be_reached() {
    let (server, hosts) = (Server::new(), Arc::new(Mutex::new(Vec::new())));
    // Without an HTTP client, the check always fails.
    let options = from(&server, client()).connectivity_check_url("http://check.test/");
    let hook = fails_with(FaultKind::Unreachable, Arc::clone(&hosts));
    let (connection, _events) = Connection::open(options.connect_with(hook)).unwrap();
    connection.reached(ConnectionState::Disconnected).await;
    assert_eq!(*hosts.lock().unwrap(), ["main.test"]);
}

#[tokio::test(start_paused = true)]
async fn hook_that_hangs_is_left_after_the_open_timeout() {
    let server = Server::new();
    let hangs = |_: String, _: u16| -> Connecting {
        Box::pin(std::future::pending::<Result<Box<dyn ByteStream>, TransportFault>>())
    };
    let client = client().fallback_hosts([""; 0]);
    let (connection, _events) = Connection::open(from(&server, client).connect_with(hangs)).unwrap();
    let before = tokio::time::sleep(std::time::Duration::ZERO).deadline();
    connection.reached(ConnectionState::Disconnected).await;
    let after = tokio::time::sleep(std::time::Duration::ZERO).deadline();
    assert_eq!((after - before).as_secs(), 4);
    assert_eq!(connection.error_reason().unwrap().code().as_u32(), 50003);
}
