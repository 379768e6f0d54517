//! Tests of the headers in which a trusted proxy names the client's address and TLS.

use ably_auth_server::{Limits, ProxyHeader, Rate, Server, Service};
use tokio::net::TcpStream;

use crate::operating::{Client, Running, TIME, run, token_request};
use crate::support::*;

async fn behind_a_proxy(limit: impl FnOnce(&mut Limits)) -> Running {
    run(|limits| {
        limits.per_address = Some(Rate { per_second: 1, burst: 1 });
        limits.trusted_proxies = vec!["127.0.0.1".parse().unwrap(), "10.0.0.0/8".parse().unwrap()];
        limit(limits);
    })
    .await
}

async fn status(service: &Running, forwarded: &str) -> u16 {
    service.ask(&TIME.replace("\r\n\r\n", &format!("\r\n{forwarded}\r\n\r\n"))).await.status
}

#[tokio::test]
async fn address_with_port_is_client() {
    let service = behind_a_proxy(|_| {}).await;
    for (first, same) in [
        ("192.0.2.1:5000", "192.0.2.1:5001"),
        ("192.0.2.2", "\"192.0.2.2:1\""),
        ("[2001:db8::1]:5000", "2001:db8::1"),
        ("[2001:db8:1::1]", "\"[2001:db8:1::2]:80\""),
        ("192.0.2.3:1, 10.1.1.7:5000", "198.51.100.1, 192.0.2.3,10.1.1.8"),
    ] {
        assert_eq!(status(&service, &format!("X-Forwarded-For: {first}")).await, 200, "{first}");
        assert_eq!(status(&service, &format!("X-Forwarded-For: {same}")).await, 429, "{same}");
    }
}

#[tokio::test]
async fn tls_is_taken_from_hop_of_client() {
    let service = Service::builder().apps(apps()).limits(limits()).build().unwrap();
    let server = Server::bind("127.0.0.1:0".parse().unwrap(), service).await.unwrap();
    let mut client = Client(TcpStream::connect(server.local_addr()).await.unwrap());
    tokio::spawn(server.run(std::future::pending()));
    for (headers, status) in [
        ("X-Forwarded-Proto: HTTPS ", 201),
        ("X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https,http", 401),
        ("X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: http,https", 201),
        ("X-Forwarded-For: 192.0.2.1, 10.0.0.1\r\nX-Forwarded-Proto: https, http", 201),
        ("X-Forwarded-For: 192.0.2.1, 10.0.0.1\r\nX-Forwarded-Proto: http, https", 401),
        ("X-Forwarded-Proto: https\r\nX-Forwarded-Proto: http", 401),
        ("X-Forwarded-Proto: httpsx", 401),
        ("Forwarded: for=192.0.2.1;proto=https", 401),
    ] {
        client.send(&token_request(&format!("{headers}\r\n"))).await;
        assert_eq!(client.receive().await.unwrap().status, status, "{headers}");
    }
}

#[tokio::test]
async fn forwarded_is_read_if_configured() {
    let service = behind_a_proxy(|limits| limits.proxy_header = ProxyHeader::Forwarded).await;
    assert_eq!(status(&service, "Forwarded: for=\"192.0.2.1:80\";proto=https").await, 200);
    assert_eq!(status(&service, "Forwarded: for=192.0.2.1\r\nX-Forwarded-For: 192.0.2.2").await, 429);
    assert_eq!(status(&service, "Forwarded: for=192.0.2.3, for=192.0.2.1").await, 429);
    assert_eq!(status(&service, "Forwarded: for=192.0.2.4, for=10.0.0.7").await, 200);
}

#[tokio::test]
async fn unconfigured_header_is_ignored() {
    let service = behind_a_proxy(|_| {}).await;
    assert_eq!(status(&service, "X-Forwarded-For: 192.0.2.1\r\nForwarded: for=192.0.2.2").await, 200);
    assert_eq!(status(&service, "X-Forwarded-For: 192.0.2.1\r\nForwarded: for=192.0.2.3").await, 429);
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.trusted_proxies = vec!["127.0.0.1".parse().unwrap(), "10.0.0.0/8".parse().unwrap()];
    limits
}
