//! Real sockets, with and without TLS.

use std::net::SocketAddr;

use ably_auth_websocket::{
    Action, ByteStream, Connect, Connection, ConnectionOptions, ConnectionSettings, ConnectionState, FaultKind, Format,
    ProtocolMessage, TransportFault, async_trait,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::{SinkExt as _, StreamExt as _};
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::accept_async;
use tokio_tungstenite::tungstenite::Message;

use super::support::ClientOptions;

/// A CA, and a TLS configuration with a certificate of it for `localhost`.
fn ca() -> (String, TlsAcceptor) {
    let ca_key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca = params.self_signed(&ca_key).unwrap();
    let issuer = rcgen::Issuer::new(params, ca_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let leaf = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let provider = rustls::crypto::ring::default_provider();
    let config = rustls::ServerConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        .unwrap();
    let pem = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(ca.der()));
    (pem, TlsAcceptor::from(std::sync::Arc::new(config)))
}

/// Sends CONNECTED, and each message back.
async fn echo(stream: impl AsyncRead + AsyncWrite + Unpin) {
    let Ok(mut web) = accept_async(stream).await else { return };
    let connected = r#"{"action":4,"connectionId":"c","connectionDetails":{"connectionKey":"k"}}"#;
    web.send(Message::text(connected)).await.unwrap();
    while let Some(Ok(message)) = web.next().await {
        if message.is_text() {
            web.send(message).await.unwrap();
        }
    }
}

/// Starts a server on this machine.
async fn serve(tls: Option<TlsAcceptor>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let tls = tls.clone();
            tokio::spawn(async move {
                match tls {
                    None => echo(stream).await,
                    Some(tls) => {
                        if let Ok(stream) = tls.accept(stream).await {
                            echo(stream).await;
                        }
                    }
                }
            });
        }
    });
    address
}

fn client(endpoint: String) -> ClientOptions {
    ClientOptions::new().endpoint(endpoint).token("app.token").fallback_hosts([""; 0])
}

fn options(client: ClientOptions) -> ConnectionOptions {
    ConnectionOptions::from_client_options(client).unwrap().format(Format::Json)
}

async fn echoes(options: ConnectionOptions) {
    let (connection, mut events) = Connection::open(options).unwrap();
    let connected = tokio::time::timeout(std::time::Duration::from_secs(60), connection.connect()).await;
    connected.expect("a connection hangs").unwrap();
    let ack = ProtocolMessage::new(Action::Ack).msg_serial(5);
    connection.send(ack.clone()).await.unwrap();
    assert_eq!(super::support::next_message(&mut events).await, ack);
}

#[tokio::test]
async fn tcp_connection_is_opened() {
    let address = serve(None).await;
    echoes(options(client(format!("http://{address}")))).await;
    echoes(options(client(format!("http://localhost:{}", address.port())))).await;
}

#[tokio::test]
async fn tls_connection_with_own_root_is_opened() {
    let (pem, tls) = ca();
    let port = serve(Some(tls)).await.port();
    echoes(options(client(format!("https://localhost:{port}")).add_root_certificates(pem))).await;
}

#[tokio::test]
async fn certificate_of_an_unknown_root_is_refused() {
    let (_, tls) = ca();
    let port = serve(Some(tls)).await.port();
    let (connection, _events) = Connection::open(options(client(format!("https://localhost:{port}")))).unwrap();
    connection.reached(ConnectionState::Disconnected).await;
    let reason = connection.error_reason().unwrap();
    assert!(reason.message().contains("the TLS handshake failed"), "{reason}");
}

#[tokio::test]
async fn port_without_server_is_reported() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let (connection, _events) = Connection::open(options(client(format!("http://{address}")))).unwrap();
    connection.reached(ConnectionState::Disconnected).await;
    let reason = connection.error_reason().unwrap();
    assert!(reason.message().contains(&format!("the host cannot be reached (host `{address}`)")), "{reason}");
    assert!(reason.cause().unwrap().message().contains("refused"), "{reason:?}");
}

#[tokio::test]
async fn unknown_name_is_reported() {
    let (connection, _events) = Connection::open(options(client("http://service.invalid".into()))).unwrap();
    connection.reached(ConnectionState::Disconnected).await;
    let reason = connection.error_reason().unwrap();
    assert!(reason.message().contains("cannot be resolved"), "{reason}");
}

/// Sends CONNECTED, reads some frames, and ends the socket.
async fn serve_shortly(stream: TcpStream, id: u64) {
    let Ok(mut web) = accept_async(stream).await else { return };
    let connected = format!(r#"{{"action":4,"connectionId":"{id}","connectionDetails":{{"connectionKey":"k"}}}}"#);
    let _ = web.send(Message::text(connected)).await;
    for _ in 0..50 {
        let frame = web.next().await;
        // CLOSE
        if matches!(&frame, Some(Ok(Message::Text(text))) if text.as_str() == r#"{"action":7}"#) {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn senders_of_many_threads_outlast_losses_of_the_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        for id in 0.. {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve_shortly(stream, id));
        }
    });
    let millisecond = std::time::Duration::from_millis(1);
    let settings = ConnectionSettings::new().format(Format::Json).disconnected_retry_timeout(millisecond);
    let options = options(client(format!("http://{address}"))).settings(settings);
    let (connection, events) = Connection::open(options).unwrap();
    drop(events);
    let senders = (0..8).map(|_| {
        let connection = connection.clone();
        tokio::spawn(async move {
            let mut sent = 0;
            while sent < 100 {
                connection.reached(ConnectionState::Connected).await;
                match connection.send(ProtocolMessage::new(Action::Ack).msg_serial(sent)).await {
                    Ok(()) => sent += 1,
                    Err(error) => assert_eq!(error.ably_code().as_u32(), 80003),
                }
            }
        })
    });
    for sender in futures_util::future::join_all(senders).await {
        sender.unwrap();
    }
    connection.close().await;
    assert_eq!(connection.state(), ConnectionState::Closed);
}

/// A hook that connects to a proxy, which forwards to one server.
struct Forward {
    proxy: SocketAddr,
    /// `Some` if the hook uses TLS itself.
    tls: Option<tokio_rustls::TlsConnector>,
}

#[async_trait]
impl Connect for Forward {
    async fn connect(&self, host: &str, port: u16) -> Result<Box<dyn ByteStream>, TransportFault> {
        assert_eq!((host, port), ("localhost", 8_443));
        let fault = |error: std::io::Error| TransportFault::new(FaultKind::Unreachable, error);
        let stream = TcpStream::connect(self.proxy).await.map_err(fault)?;
        match &self.tls {
            None => Ok(Box::new(stream)),
            Some(tls) => {
                let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
                Ok(Box::new(tls.connect(name, stream).await.map_err(fault)?))
            }
        }
    }

    fn has_own_tls(&self) -> bool {
        self.tls.is_some()
    }
}

#[tokio::test]
async fn hook_connects_through_a_proxy_and_tls_is_added() {
    let (pem, tls) = ca();
    let proxy = serve(Some(tls)).await;
    let client = client("https://localhost:8443".into()).add_root_certificates(pem);
    echoes(options(client).connect_with(Forward { proxy, tls: None })).await;
}

#[tokio::test]
async fn hook_with_own_tls_gets_no_second_tls() {
    let (pem, tls) = ca();
    let proxy = serve(Some(tls)).await;
    let mut roots = rustls::RootCertStore::empty();
    let pem = rustls::pki_types::pem::PemObject::from_pem_slice(pem.as_bytes());
    roots.add(pem.unwrap()).unwrap();
    let provider = rustls::crypto::ring::default_provider();
    let config = rustls::ClientConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let tls = Some(tokio_rustls::TlsConnector::from(std::sync::Arc::new(config)));
    echoes(options(client("https://localhost:8443".into())).connect_with(Forward { proxy, tls })).await;
}
