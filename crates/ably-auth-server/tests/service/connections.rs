//! Tests of connection limits, of the eviction of idle connections, and of clients that close their side.

use std::time::Duration;

use ably_auth_server::{Limits, Server, Service};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
#[cfg(target_os = "linux")]
use tokio::net::TcpSocket;
use tokio::net::TcpStream;
use tokio::time::timeout;

#[cfg(target_os = "linux")]
use crate::operating::HttpResponse;
use crate::operating::{Client, LIVE, Running, SHORT_TIMEOUT, TEST_TIMEOUT, TIME, run, run_over, token_request};
use crate::store::ready::{StoreState, SwitchableFault};

/// A request with an incomplete body, so that its connection is not idle.
const UNFINISHED: &str = "POST /apps HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{";

/// Opens a connection, which is idle after one response.
async fn idle(service: &Running) -> Client {
    let mut client = service.connect().await;
    client.send(TIME).await;
    assert_eq!(client.receive().await.unwrap().status, 200);
    client
}

#[tokio::test]
async fn longest_idle_connection_makes_room() {
    let service = run(|limits| limits.connections = 3).await;
    let mut first = idle(&service).await;
    let mut second = idle(&service).await;
    let mut third = idle(&service).await;
    first.send(TIME).await;
    assert_eq!(first.receive().await.unwrap().status, 200, "`first` is now idle for a shorter time than `second`");
    let mut fourth = idle(&service).await;
    assert!(second.receive().await.is_none(), "closed without an error");
    for client in [&mut first, &mut third, &mut fourth] {
        client.send(TIME).await;
        assert_eq!(client.receive().await.unwrap().status, 200);
    }
    assert_eq!(service.count("ably_auth_connections_refused_total").await, 0);
}

#[tokio::test]
async fn idle_connections_do_not_lock_out_others() {
    let service = run(|limits| limits.connections = 30).await;
    let mut holders = Vec::new();
    for _ in 0..30 {
        holders.push(idle(&service).await);
    }
    for _ in 0..60 {
        holders.push(idle(&service).await);
    }
    service.until("ably_auth_connections", 30).await;
    assert_eq!(service.count("ably_auth_connections_evicted_total").await, 60);
}

#[tokio::test]
async fn silent_new_connection_makes_room_after_grace() {
    let service = run(|limits| {
        limits.connections = 1;
        limits.header_deadline = 2 * TEST_TIMEOUT;
    })
    .await;
    let mut silent = service.connect().await;
    service.until("ably_auth_connections", 1).await;
    let served = async { while service.ask(TIME).await.status != 200 {} };
    timeout(TEST_TIMEOUT, served).await.unwrap();
    assert!(silent.receive().await.is_none());
}

#[tokio::test]
async fn busy_connection_is_not_evicted() {
    let service = run(|limits| limits.connections = 2).await;
    let mut busy = [service.connect().await, service.connect().await];
    busy[0].send(UNFINISHED).await;
    busy[1].send("GET /time HTT").await;
    service.until("ably_auth_requests_in_flight", 1).await;
    service.until("ably_auth_connections", 2).await;
    // The service may not have read the partial head yet, so connect until a connection gets a response.
    let response = loop {
        let mut third = service.connect().await;
        third.send(TIME).await;
        if let Some(response) = third.receive().await {
            break response;
        }
    };
    assert_eq!(response.code(), (503, 50004));
    busy[0].send("}").await;
    assert_eq!(busy[0].receive().await.unwrap().status, 201);
    busy[1].send("P/1.1\r\nHost: localhost\r\n\r\n").await;
    assert_eq!(busy[1].receive().await.unwrap().status, 200);
}

/// Returns the response to a request on a new connection from `address`.
#[cfg(target_os = "linux")]
async fn ask_from(service: &Running, address: &str) -> HttpResponse {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{address}:0").parse().unwrap()).unwrap();
    let mut client = Client(socket.connect(service.address).await.unwrap());
    client.send(TIME).await;
    client.receive().await.unwrap()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn address_cannot_exceed_its_share_of_connections() {
    let service = run(|limits| {
        limits.connections = 8;
        limits.connections_per_address = Some(2);
    })
    .await;
    let mut mine = [idle(&service).await, idle(&service).await];
    let mut third = service.connect().await;
    third.send(TIME).await;
    let response = third.receive().await.unwrap();
    assert_eq!(response.code(), (503, 50004));
    assert!(response.has("connection: close") && response.body.contains("from this address"), "{response:?}");
    assert_eq!(ask_from(&service, "127.0.0.2").await.status, 200, "another address has a separate share");
    for client in &mut mine {
        client.send(TIME).await;
        assert_eq!(client.receive().await.unwrap().status, 200, "open connections are still served");
    }
    drop(mine);
    service.until("ably_auth_connections", 0).await;
    assert_eq!(service.ask(TIME).await.status, 200);
}

#[tokio::test]
async fn address_share_is_one_quarter_outside_sandbox() {
    for (sandbox, share, proxy, served) in [
        (false, None, false, 2),
        (false, Some(3), false, 3),
        (false, Some(usize::MAX), false, 4),
        (false, Some(0), false, 1),
        (false, None, true, 4),
        (true, None, false, 4),
        (true, Some(1), false, 1),
    ] {
        let mut limits = Limits::default();
        limits.connections = 8;
        limits.connections_per_address = share;
        limits.trusted_proxies = if proxy { vec!["127.0.0.0/8".parse().unwrap()] } else { Vec::new() };
        let service = Service::builder().sandbox(sandbox).limits(limits).build().unwrap();
        let server = Server::bind("127.0.0.1:0".parse().unwrap(), service).await.unwrap();
        let address = server.local_addr();
        tokio::spawn(server.run(std::future::pending()));
        let (mut count, mut open) = (0, Vec::new());
        for _ in 0..4 {
            let mut client = Client(TcpStream::connect(address).await.unwrap());
            client.send(TIME).await;
            count += usize::from(client.receive().await.unwrap().status == 200);
            open.push(client);
        }
        assert_eq!(count, served, "sandbox {sandbox}, share {share:?}, proxy {proxy}");
    }
}

#[tokio::test]
async fn health_is_answered_among_idle_connections() {
    let service = run(|_| {}).await;
    let mut idle = Vec::new();
    for nth in 0..150 {
        let mut client = Client(TcpStream::connect(service.admin).await.unwrap());
        if nth % 2 == 0 {
            client.send(LIVE).await;
            assert_eq!(client.receive().await.unwrap().status, 200, "{nth}");
        }
        idle.push(client);
    }
    assert_eq!(service.admin("/health/live").await.status, 200);
    assert!(idle[0].receive().await.is_none(), "the number of idle connections is limited");
    assert_eq!(service.ask(TIME).await.status, 200);
}

#[tokio::test]
async fn half_closed_client_gets_its_response() {
    let service = run(|_| {}).await;
    for request in [TIME.to_owned(), token_request("")] {
        let mut client = service.connect().await;
        client.send(&request).await;
        client.0.shutdown().await.unwrap();
        assert!(client.receive().await.unwrap().status < 300, "{request}");
        assert!(client.receive().await.is_none(), "the connection is closed after the response");
    }
    service.until("ably_auth_connections", 0).await;
}

#[tokio::test]
async fn half_closed_client_gets_slow_response() {
    let store = SwitchableFault::store();
    let service = run_over(store.clone(), |limits| limits.answer_deadline = TEST_TIMEOUT).await;
    store.fault.set(StoreState::Slow);
    for (request, answers) in [(token_request(""), 1), (token_request("").repeat(3), 3)] {
        let mut client = service.connect().await;
        client.send(&request).await;
        client.0.shutdown().await.unwrap();
        for _ in 0..answers {
            assert_eq!(client.receive().await.unwrap().status, 201);
        }
        assert!(client.receive().await.is_none());
    }
}

#[tokio::test]
async fn pipelined_request_is_answered_after_slow_one() {
    let store = SwitchableFault::store();
    let service = run_over(store.clone(), |_| {}).await;
    store.fault.set(StoreState::Slow);
    let mut client = service.connect().await;
    let request = token_request("");
    client.send(&request).await;
    service.until("ably_auth_requests_in_flight", 1).await;
    for part in request.as_bytes().chunks(7) {
        client.0.write_all(part).await.unwrap();
        tokio::task::yield_now().await;
    }
    for _ in 0..2 {
        assert_eq!(client.receive().await.unwrap().status, 201);
    }
    client.send(TIME).await;
    assert_eq!(client.receive().await.unwrap().status, 200);
}

#[tokio::test]
async fn closed_client_frees_its_slot_while_store_stalls() {
    let store = SwitchableFault::store();
    let service = run_over(store.clone(), |limits| limits.answer_deadline = 5 * SHORT_TIMEOUT).await;
    store.fault.set(StoreState::Silent);
    for more in ["", "G"] {
        let mut client = service.connect().await;
        client.send(&token_request("")).await;
        service.until("ably_auth_requests_in_flight", 1).await;
        client.send(more).await;
        client.0.shutdown().await.unwrap();
        service.until("ably_auth_requests_in_flight", 0).await;
        service.until("ably_auth_connections", 0).await;
    }
}

#[tokio::test]
async fn reset_frees_slot_at_once_while_store_stalls() {
    let store = SwitchableFault::store();
    let service = run_over(store.clone(), |limits| limits.answer_deadline = 2 * TEST_TIMEOUT).await;
    store.fault.set(StoreState::Silent);
    let mut client = service.connect().await;
    client.send(&token_request("")).await;
    service.until("ably_auth_requests_in_flight", 1).await;
    client.0.set_zero_linger().unwrap();
    drop(client);
    service.until("ably_auth_connections", 0).await;
}

#[tokio::test]
async fn body_cut_by_half_close_closes_connection() {
    let service = run(|_| {}).await;
    let mut client = service.connect().await;
    client.send(UNFINISHED).await;
    client.0.shutdown().await.unwrap();
    let mut answer = Vec::new();
    let read = timeout(Duration::from_secs(5), client.0.read_to_end(&mut answer));
    read.await.expect("the service does not wait for the rest of the body").unwrap();
    assert!(!answer.starts_with(b"HTTP/1.1 2"), "{}", String::from_utf8_lossy(&answer));
    service.until("ably_auth_connections", 0).await;
}
