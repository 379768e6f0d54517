//! Tests of the server over TLS.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ably_auth_server::{ErrorKind, Limits, Server, Service, Tls};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

use crate::support::*;

fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

/// Returns a certificate for localhost as DER and as PEM, and the PEM of its key.
fn certificate() -> (CertificateDer<'static>, String, String) {
    certificate_for("localhost")
}

pub(crate) fn certificate_for(host: &str) -> (CertificateDer<'static>, String, String) {
    let made = rcgen::generate_simple_self_signed([host.to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let (text, key) = (pem("CERTIFICATE", &certificate), pem("PRIVATE KEY", &made.signing_key.serialize_der()));
    (certificate, text, key)
}

async fn connect(address: SocketAddr, trusted: &CertificateDer<'static>) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let tcp = TcpStream::connect(address).await?;
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), tcp).await
}

async fn exchange(address: SocketAddr, trusted: &CertificateDer<'static>, request: &str) -> std::io::Result<String> {
    let mut tls = connect(address, trusted).await?;
    tls.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    tls.read_to_end(&mut answer).await?;
    Ok(String::from_utf8(answer).unwrap())
}

async fn start(service: Service, tls: Tls) -> SocketAddr {
    let server = Server::bind("127.0.0.1:0".parse().unwrap(), service).await.unwrap().tls(tls);
    let address = server.local_addr();
    tokio::spawn(server.run(std::future::pending()));
    address
}

#[tokio::test]
async fn key_is_accepted_over_tls_and_plain_http_is_not() {
    let (trusted, certificate, key) = certificate();
    let tls = Tls::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
    let address = start(Service::builder().apps(apps()).build().unwrap(), tls).await;
    // Clients that start no handshake do not delay other clients.
    let _silent = [TcpStream::connect(address).await.unwrap(), TcpStream::connect(address).await.unwrap()];
    let mut plain = TcpStream::connect(address).await.unwrap();
    plain.write_all(b"GET /time HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.unwrap();

    let request = format!(
        "GET /channels/chat HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: {}\r\n\r\n",
        basic(KEY)
    );
    let answer = exchange(address, &trusted, &request).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");

    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"), "{answer:x?}");
    let stranger = self::certificate().0;
    assert!(exchange(address, &stranger, &request).await.is_err(), "the client refuses an unknown certificate");
}

#[tokio::test]
async fn created_app_of_tls_sandbox_has_tls() {
    let (trusted, certificate, key) = certificate();
    let tls = Tls::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
    let address = start(Service::builder().sandbox(true).build().unwrap(), tls).await;
    let request = format!(
        "POST /apps HTTP/1.1\r\nHost: localhost:{}\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{{}}",
        address.port()
    );
    let answer = exchange(address, &trusted, &request).await.unwrap();
    let app: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(
        (&app["tls"], &app["endpoint"], &app["port"]),
        (&true.into(), &"localhost".into(), &address.port().into())
    );
}

#[tokio::test]
async fn reloaded_certificate_is_used_for_new_connections() {
    let (old, certificate, key) = certificate();
    let tls = Tls::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
    let address = start(Service::builder().build().unwrap(), tls.clone()).await;
    let request = "GET /time HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let mut open = connect(address, &old).await.unwrap();
    let (new, certificate, key) = self::certificate();
    let (_, _, another_key) = self::certificate();
    let error = tls.reload(certificate.as_bytes(), another_key.as_bytes()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Tls);
    assert!(exchange(address, &old, request).await.is_ok(), "nothing has changed");

    tls.reload(certificate.as_bytes(), key.as_bytes()).unwrap();
    assert!(exchange(address, &new, request).await.unwrap().starts_with("HTTP/1.1 200"));
    assert!(exchange(address, &old, request).await.is_err());
    open.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    open.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "the open connection is still served: {answer}");
}

#[tokio::test]
async fn idle_tls_connection_is_evicted_cleanly() {
    let (trusted, certificate, key) = certificate();
    let tls = Tls::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
    let mut limits = Limits::default();
    (limits.connections, limits.connections_per_address) = (1, Some(usize::MAX));
    let address = start(Service::builder().limits(limits).build().unwrap(), tls).await;
    let request = "GET /time HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut idle = connect(address, &trusted).await.unwrap();
    idle.write_all(request.as_bytes()).await.unwrap();
    let mut start = [0; 12];
    idle.read_exact(&mut start).await.unwrap();
    assert_eq!(&start, b"HTTP/1.1 200");
    let request = request.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    // The connection counts as idle only a moment after the client has received the response.
    while !exchange(address, &trusted, &request).await.is_ok_and(|answer| answer.starts_with("HTTP/1.1 200")) {}
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).await.expect("the service closes TLS before the connection");
}

#[tokio::test]
async fn unfinished_handshake_makes_room_after_grace() {
    let (trusted, certificate, key) = certificate();
    let tls = Tls::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
    let mut limits = Limits::default();
    (limits.connections, limits.connections_per_address) = (1, Some(usize::MAX));
    limits.header_deadline = Duration::from_secs(60);
    let address = start(Service::builder().limits(limits).build().unwrap(), tls).await;
    let _silent = TcpStream::connect(address).await.unwrap();
    let request = "GET /time HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let is_served =
        async || exchange(address, &trusted, request).await.is_ok_and(|response| response.starts_with("HTTP/1.1 200"));
    let served = async { while !is_served().await {} };
    timeout(Duration::from_secs(30), served).await.expect("a new client is served before the handshake times out");
}

#[tokio::test]
async fn half_closed_tls_client_gets_its_response() {
    let (trusted, certificate, key) = certificate();
    let tls = Tls::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
    let address = start(Service::builder().build().unwrap(), tls).await;
    let mut client = connect(address, &trusted).await.unwrap();
    client.write_all(b"GET /time HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    client.shutdown().await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn invalid_certificate_error_names_part_and_hides_key() {
    let (_, certificate, key) = certificate();
    let (_, _, another_key) = self::certificate();
    let broken = key.replace("-----END", "????-----END");
    let (no_certificate, no_key) = (pem("CERTIFICATE", b"no X.509"), pem("PRIVATE KEY", b"no PKCS #8 at all"));
    for (certificate, key, said) in [
        ("", key.as_str(), "BEGIN CERTIFICATE"),
        (&*key, &*key, "BEGIN CERTIFICATE"),
        ("-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n", &*key, "BEGIN CERTIFICATE"),
        (&*certificate, "", "BEGIN PRIVATE KEY"),
        (&*certificate, &*certificate, "BEGIN PRIVATE KEY"),
        (&*certificate, &*broken, "BEGIN PRIVATE KEY"),
        (&*certificate, &*another_key, "invalid private key: it does not match the certificate"),
        (
            &*no_certificate,
            &*key,
            "invalid certificate: the first `BEGIN CERTIFICATE` block is not an X.509 certificate",
        ),
        (&*certificate, &*no_key, "invalid private key: its type or encoding is not supported"),
    ] {
        let error = Tls::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Tls);
        assert!(error.to_string().contains(said), "{error}");
        let shown = format!("{error:?}");
        let secret = key.lines().nth(1).unwrap_or("no secret");
        assert!(!shown.contains(&secret[..9]), "{shown}");
    }
    let tls = Tls::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
    assert_eq!(format!("{tls:?}"), "Tls([redacted])");
}

#[tokio::test]
async fn realtime_connection_opens_over_tls_with_a_key() {
    let (certificate, chain, key) = certificate();
    let tls = Tls::from_pem(chain.as_bytes(), key.as_bytes()).unwrap();
    let address = start(World::without_sandbox().service, tls).await;
    let mut stream = connect(address, &certificate).await.unwrap();
    let request = format!(
        "GET /?key={KEY}:{SECRET} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    // CLOSE, as a text frame with a mask of zeros.
    stream.write_all(b"\x81\x8c\0\0\0\0{\"action\":7}").await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 101") && answer.contains("connectionKey") && answer.contains("\"action\":8"));
}
