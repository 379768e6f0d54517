//! Tests of the start, TLS, limits and shutdown of a sandbox.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ably_auth_server::{App, ErrorKind, Key, Limits, Sandbox};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

use crate::client::*;

#[test]
fn blocking_test_uses_key_and_token() {
    let sandbox = Sandbox::start().unwrap();
    let message = r#"{"name":"greeting","data":"hello"}"#;
    let token = token(&sandbox);
    for credential in [basic(sandbox.key()), bearer(&token), bearer(&minted(&sandbox))] {
        assert_eq!(send(&sandbox, "POST", "/channels/chat/messages", &credential, message).status, 201);
    }
    assert_eq!(history(&sandbox, &bearer(&token)).json().as_array().unwrap().len(), 3);
    assert_eq!((sandbox.endpoint(), sandbox.url()), ("127.0.0.1", &*format!("http://127.0.0.1:{}", sandbox.port())));
}

#[tokio::test]
async fn async_test_uses_sandbox_on_one_thread() {
    let sandbox = Sandbox::start().unwrap();
    let mut stream = tokio::net::TcpStream::connect((sandbox.endpoint(), sandbox.port())).await.unwrap();
    stream.write_all(request("GET", "/channels", &basic(sandbox.key()), "").as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert_eq!(Answer::of(&text).code(), (200, 0));
    drop(sandbox);
}

#[test]
fn sandboxes_share_nothing() {
    let (one, other) = (Sandbox::start().unwrap(), Sandbox::start().unwrap());
    assert_ne!(one.port(), other.port());
    let headers = basic(one.key());
    assert_eq!(history(&one, &headers).code(), (200, 0));
    assert_eq!(history(&other, &headers).code(), (404, 40400));
    one.advance_clock(Duration::from_secs(3600));
    assert!(time(&one).millis_since(time(&other)) > 3_500_000);
}

#[test]
fn dropped_sandbox_stops_despite_unfinished_requests() {
    let sandbox = Sandbox::start().unwrap();
    let address = (sandbox.endpoint(), sandbox.port());
    let mut idle = TcpStream::connect(address).unwrap();
    let mut unfinished = TcpStream::connect(address).unwrap();
    unfinished.write_all(b"POST /apps HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{").unwrap();
    assert_eq!(send(&sandbox, "GET", "/time", "", "").status, 200);
    #[expect(clippy::disallowed_methods, reason = "a test of real time")]
    let start = Instant::now();
    drop(sandbox);
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    assert!(TcpStream::connect(address).is_err());
    for stream in [&mut idle, &mut unfinished] {
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let mut rest = Vec::new();
        let read = stream.read_to_end(&mut rest);
        let is_reset = |error: std::io::Error| error.kind() == std::io::ErrorKind::ConnectionReset;
        assert!(read.map_or_else(is_reset, |length| length == 0), "the connection is closed");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn dropped_sandboxes_leave_no_thread_and_no_file() {
    let count = |folder: &str| std::fs::read_dir(folder).unwrap().count();
    // Other tests of this process run at the same time, each with a few threads and files.
    for _ in 0..100 {
        let sandbox = Sandbox::start().unwrap();
        sandbox.reset().unwrap();
        assert_eq!(send(&sandbox, "GET", "/time", "", "").status, 200);
    }
    assert!(count("/proc/self/task") < 60, "{} threads", count("/proc/self/task"));
    assert!(count("/proc/self/fd") < 150, "{} files", count("/proc/self/fd"));
}

#[test]
fn configured_app_requires_key() {
    let app = || App::new("shop").unwrap();
    let key = Key::new("shop.backend:secret".parse().unwrap())
        .with_capability(r#"{"chat":["publish"]}"#.parse().unwrap())
        .with_revocable_tokens(true);
    let sandbox = Sandbox::builder().app(app().with_key(key).unwrap()).start().unwrap();
    assert_eq!((sandbox.app().id(), sandbox.key().key_name().as_str()), ("shop", "shop.backend"));
    assert_eq!(history(&sandbox, &basic(sandbox.key())).code(), (401, 40160));
    let error = Sandbox::builder().app(app()).start().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Apps);
    assert!(error.to_string().contains("`shop` has no key"), "{error}");
}

#[test]
fn limits_apply_after_reset() {
    let mut limits = Limits::default();
    limits.body_bytes = 16;
    let sandbox = Sandbox::builder().limits(limits).start().unwrap();
    for _ in 0..2 {
        assert_eq!(send(&sandbox, "POST", "/apps", "", r#"{"keys":[],"a":1}"#).code(), (413, 40009));
        sandbox.reset().unwrap();
    }
}

#[tokio::test]
async fn certificate_of_tls_sandbox_is_valid() {
    let sandbox = Sandbox::builder().tls(true).start().unwrap();
    assert!(sandbox.url().starts_with("https://127.0.0.1:"));
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(sandbox.certificate().unwrap().as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(config));
    for name in ["127.0.0.1", "localhost"] {
        let tcp = tokio::net::TcpStream::connect((sandbox.endpoint(), sandbox.port())).await.unwrap();
        let mut tls = connector.connect(ServerName::try_from(name).unwrap(), tcp).await.unwrap();
        tls.write_all(request("POST", "/apps", "", "{}").as_bytes()).await.unwrap();
        let mut text = String::new();
        tls.read_to_string(&mut text).await.unwrap();
        let app = Answer::of(&text);
        assert_eq!((app.status, &app.json()["tls"]), (201, &true.into()));
    }
    assert_eq!(Sandbox::start().unwrap().certificate(), None);
}
