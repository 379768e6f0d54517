//! Proxies and TLS, over real sockets.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use ably_auth::{FaultKind, ProxyEnv, TransportFault};
use bytes::Bytes;
use http::{Request, Response};
use hyper_util::client::proxy::matcher::Matcher;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use super::{OwnHttp, tls_config};
use crate::proxies::Proxies;

/// A name that the operating system does not resolve: only a proxy can reach it.
const ELSEWHERE: &str = "service.invalid";
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello";

/// Starts a server that passes each connection to `serve`. Returns its port, and a receiver of what `serve` read.
fn server(serve: impl Fn(TcpStream) -> String + Send + 'static) -> (u16, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            if sender.send(serve(stream)).is_err() {
                break;
            }
        }
    });
    (port, receiver)
}

fn head(stream: &mut impl Read) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

fn answered(mut stream: impl Read + Write) -> String {
    let head = head(&mut stream);
    let _ = stream.write_all(ANSWER).and_then(|()| stream.flush());
    head
}

/// Creates a certificate for `name`: the server's configuration, and the root store of a client that trusts it.
fn certificate(name: &str) -> (Arc<ServerConfig>, RootCertStore) {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let certificate: CertificateDer<'static> = made.cert.der().clone();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let config = config.with_single_cert(vec![certificate.clone()], key.into()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    (Arc::new(config), roots)
}

fn over_tls(config: &Arc<ServerConfig>, stream: TcpStream) -> String {
    answered(StreamOwned::new(ServerConnection::new(Arc::clone(config)).unwrap(), stream))
}

fn ask(uri: &str, proxy: Option<String>, roots: RootCertStore) -> Result<Response<Bytes>, TransportFault> {
    let matcher = Matcher::builder().all(proxy.unwrap_or_default()).build();
    let http =
        OwnHttp::with(tls_config(roots).unwrap(), Proxies::new(matcher, ProxyEnv::default()), Duration::from_secs(60));
    let request = Request::get(uri).header("x-of", "ours").body(Bytes::new()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(http.send(request, Duration::from_secs(60)))
}

#[test]
fn trusted_server_is_reached_over_tls() {
    let (config, roots) = certificate("localhost");
    let (port, heads) = server(move |stream| over_tls(&config, stream));
    let answer = ask(&format!("https://localhost:{port}/a?b=c"), None, roots).unwrap();
    assert_eq!((answer.status().as_u16(), &answer.body()[..]), (200, &b"hello"[..]));
    let head = heads.recv().unwrap().to_ascii_lowercase();
    assert!(
        head.starts_with("get /a?b=c http/1.1\r\n") && head.contains(&format!("host: localhost:{port}\r\n")),
        "{head}"
    );
}

#[test]
fn server_of_unknown_certificate_is_tls_fault() {
    let (config, _) = certificate("localhost");
    let (_, others) = certificate("localhost");
    let (port, _heads) = server(move |stream| over_tls(&config, stream));
    let fault = ask(&format!("https://localhost:{port}/"), None, others).unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Tls);
}

#[test]
fn plain_request_goes_to_proxy_by_its_whole_uri() {
    let (port, heads) = server(answered);
    let proxy = format!("http://user:pass@localhost:{port}");
    let answer = ask(&format!("http://{ELSEWHERE}/a?b=c"), Some(proxy), RootCertStore::empty()).unwrap();
    assert_eq!(&answer.body()[..], b"hello");
    let head = heads.recv().unwrap().to_ascii_lowercase();
    assert!(head.starts_with(&format!("get http://{ELSEWHERE}/a?b=c http/1.1\r\n")), "{head}");
    assert!(head.contains("proxy-authorization: basic dxnlcjpwyxnz\r\n"), "{head}");
}

#[test]
fn tls_request_is_tunnelled_through_proxy() {
    let (config, roots) = certificate(ELSEWHERE);
    let (port, heads) = server(move |mut stream| {
        let connect = head(&mut stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        connect + &over_tls(&config, stream)
    });
    let proxy = format!("http://user:pass@localhost:{port}");
    let answer = ask(&format!("https://{ELSEWHERE}/a"), Some(proxy), roots).unwrap();
    assert_eq!(&answer.body()[..], b"hello");
    let heads = heads.recv().unwrap().to_ascii_lowercase();
    let (connect, inner) = heads.split_once("\r\n\r\n").unwrap();
    assert!(connect.starts_with(&format!("connect {ELSEWHERE}:443 http/1.1\r\n")), "{connect}");
    assert!(connect.contains("proxy-authorization: basic dxnlcjpwyxnz"), "{connect}");
    assert!(!connect.contains("x-of"), "{connect}");
    assert!(inner.starts_with("get /a http/1.1\r\n") && !inner.contains("proxy-authorization"), "{inner}");
}

#[test]
fn proxy_is_reached_over_tls() {
    let (config, roots) = certificate("localhost");
    let (port, heads) = server(move |stream| over_tls(&config, stream));
    let proxy = format!("https://localhost:{port}");
    ask(&format!("http://{ELSEWHERE}/a"), Some(proxy), roots).unwrap();
    assert!(heads.recv().unwrap().starts_with(&format!("GET http://{ELSEWHERE}/a ")));
}

#[test]
fn no_proxy_is_asked_for_this_machine() {
    let (port, heads) = server(answered);
    let proxy = Some("http://proxy.invalid:1".to_owned());
    ask(&format!("http://127.0.0.1:{port}/a"), proxy, RootCertStore::empty()).unwrap();
    assert!(heads.recv().unwrap().starts_with("GET /a "));
}

/// A direct connection instead could reach another network than the one that the user wants.
#[test]
fn socks_proxy_is_refused() {
    for scheme in ["socks4", "socks4a", "socks5", "socks5h"] {
        let (port, heads) = server(answered);
        for uri in [format!("http://{ELSEWHERE}/"), format!("https://{ELSEWHERE}/")] {
            let proxy = Some(format!("{scheme}://localhost:{port}"));
            let fault = ask(&uri, proxy, RootCertStore::empty()).unwrap_err();
            assert_eq!(fault.kind(), FaultKind::Unreachable, "{scheme}: {fault:?}");
            assert!(format!("{fault:?}").contains("UnsupportedProxy"), "{fault:?}");
        }
        assert!(heads.try_recv().is_err());
    }
}

#[test]
fn failing_proxy_is_unreachable() {
    let (port, _heads) = server(|mut stream| {
        let head = head(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n");
        head
    });
    let proxy = Some(format!("http://localhost:{port}"));
    let fault = ask(&format!("https://{ELSEWHERE}/"), proxy, RootCertStore::empty()).unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Unreachable, "{fault:?}");
}

#[test]
fn unusable_proxy_of_environment_is_refused_unless_host_is_excepted() {
    let ask = |variables: &[(&str, &str)], uri: &str| {
        let env = ProxyEnv::read(|name| variables.iter().find(|(theirs, _)| *theirs == name).map(|(_, it)| it.into()));
        let proxies = Proxies::new(Matcher::builder().build(), env);
        let http = OwnHttp::with(tls_config(RootCertStore::empty()).unwrap(), proxies, Duration::from_secs(60));
        let request = Request::get(uri).body(Bytes::new()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(http.send(request, Duration::from_secs(60))).unwrap_err().kind()
    };
    for value in ["socks5://localhost:1", "http://localhost:1/path", "nonsense://x"] {
        for uri in ["http://service.invalid/", "https://service.invalid/"] {
            assert_eq!(ask(&[("ALL_PROXY", value)], uri), FaultKind::Unreachable, "{value} {uri}");
            let excepted = [("ALL_PROXY", value), ("NO_PROXY", ELSEWHERE)];
            assert_eq!(ask(&excepted, uri), FaultKind::Unresolvable, "{value} {uri}");
        }
    }
}
