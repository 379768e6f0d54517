//! TLS, for a service that is reached from elsewhere.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::Listener;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ServerConfig, crypto};
use tokio_rustls::server::TlsStream;

use crate::error::{Error, ErrorKind};

/// How long a client may take to agree on keys.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How many clients may be about it at once; others wait their turn in the system's queue.
const MAX_HANDSHAKES: usize = 1_024;

/// A certificate and its key, for a [`Server`](crate::Server) that speaks TLS 1.2 and 1.3.
///
/// `Debug` shows neither.
#[derive(Clone)]
pub struct Tls(TlsAcceptor);

impl Tls {
    /// Reads PEM: a certificate with those that lead from it to its root, and its private key (PKCS #8, PKCS #1 or SEC 1).
    ///
    /// # Errors
    /// [`ErrorKind::Tls`] if there is no certificate or no key in them, if they cannot be read, or if one is not of the
    /// other. The message shows nothing of the key.
    pub fn from_pem(certificates: &[u8], private_key: &[u8]) -> Result<Self, Error> {
        let wrong = |problem: &str| Error::new(ErrorKind::Tls, problem);
        let unreadable = "the certificate is not in the form of PEM; give a file of `BEGIN CERTIFICATE` blocks";
        let chain: Vec<_> =
            CertificateDer::pem_slice_iter(certificates).collect::<Result<_, _>>().map_err(|_| wrong(unreadable))?;
        if chain.is_empty() {
            return Err(wrong(unreadable));
        }
        // The source is left out: nothing of a key's file is to be shown.
        let key = PrivateKeyDer::from_pem_slice(private_key)
            .map_err(|_| wrong("the key is not in the form of PEM; give a file with one `BEGIN PRIVATE KEY` block"))?;
        let config = ServerConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| wrong("TLS cannot be set up; see why").because(error))?
            .with_no_client_auth()
            .with_single_cert(chain, key);
        let mut config = config.map_err(|error| {
            wrong("the certificate and the key do not go together; give the key of the first certificate")
                .because(error)
        })?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls([redacted])")
    }
}

/// Takes connections over TLS. Many agree on keys at once, so that a slow one keeps no other waiting.
pub(crate) struct TlsListener {
    tcp: TcpListener,
    tls: Tls,
    handshakes: JoinSet<Option<(TlsStream<TcpStream>, SocketAddr)>>,
}

impl TlsListener {
    pub(crate) fn new(tcp: TcpListener, tls: Tls) -> Self {
        Self { tcp, tls, handshakes: JoinSet::new() }
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        loop {
            tokio::select! {
                (tcp, client) = Listener::accept(&mut self.tcp), if self.handshakes.len() < MAX_HANDSHAKES => {
                    drop(tcp.set_nodelay(true));
                    let agreed = time::timeout(HANDSHAKE, self.tls.0.accept(tcp));
                    self.handshakes.spawn(async move { Some((agreed.await.ok()?.ok()?, client)) });
                }
                // Whoever did not agree is gone, and nobody is there to be told.
                Some(agreed) = self.handshakes.join_next(), if !self.handshakes.is_empty() => {
                    if let Ok(Some(accepted)) = agreed {
                        return accepted;
                    }
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        TcpListener::local_addr(&self.tcp)
    }
}
