//! TLS: the certificate of a server, and the handshake.

use std::fmt;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{self, ServerConfig, crypto};
use tokio_rustls::server::TlsStream;

use crate::error::{Error, ErrorKind};
use crate::sync;

/// A certificate and its private key, for a [`Server`](crate::Server) that speaks TLS 1.2 and 1.3. Clones share them.
///
/// `Debug` shows neither. [`Server::tls`](crate::Server::tls) shows how it is used.
#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
    current: Arc<Current>,
}

/// The certificate and key for new connections.
#[derive(Debug)]
struct Current(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&sync::read(&self.0)))
    }
}

fn tls_error(problem: &str) -> Error {
    Error::new(ErrorKind::Tls, problem)
}

/// Reads a certificate chain and its private key from PEM.
fn certified_key(certificates: &[u8], private_key: &[u8]) -> Result<Arc<CertifiedKey>, Error> {
    let unreadable = "invalid certificate: it is not PEM; give a file of `BEGIN CERTIFICATE` blocks";
    let chain: Vec<_> =
        CertificateDer::pem_slice_iter(certificates).collect::<Result<_, _>>().map_err(|_| tls_error(unreadable))?;
    if chain.is_empty() {
        return Err(tls_error(unreadable));
    }
    // The source error is left out, so that the message shows nothing of the key file.
    let key = PrivateKeyDer::from_pem_slice(private_key)
        .map_err(|_| tls_error("invalid private key: it is not PEM; give a file with one `BEGIN PRIVATE KEY` block"))?;
    let certified = CertifiedKey::from_der(chain, key, &crypto::ring::default_provider()).map_err(|error| {
        tls_error(match &error {
            rustls::Error::InconsistentKeys(_) => {
                "invalid private key: it does not match the certificate; give the key of the first certificate"
            }
            rustls::Error::InvalidCertificate(_) => {
                "invalid certificate: the first `BEGIN CERTIFICATE` block is not an X.509 certificate; give one that is"
            }
            _ => {
                "invalid private key: its type or encoding is not supported; give an RSA key of 2048 to 8192 bits, an ECDSA \
                 key of P-256 or P-384, or an Ed25519 key"
            }
        })
        .because(error)
    })?;
    Ok(Arc::new(certified))
}

impl Tls {
    /// Reads a certificate chain and its private key (PKCS #8, PKCS #1 or SEC 1) from PEM. The certificate of the
    /// server is the first in the chain.
    ///
    /// # Errors
    /// [`ErrorKind::Tls`] if a certificate or the key is missing or malformed, or if the key does not match the first
    /// certificate. The message shows nothing of the key.
    pub fn from_pem(certificates: &[u8], private_key: &[u8]) -> Result<Self, Error> {
        let current = Arc::new(Current(RwLock::new(certified_key(certificates, private_key)?)));
        let mut config = ServerConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| tls_error("cannot set up TLS; see the source of this error").because(error))?
            .with_no_client_auth()
            .with_cert_resolver(Arc::<Current>::clone(&current));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), current })
    }

    /// Replaces the certificate and its private key, for this value, its clones and the servers that use them. New
    /// connections get the new certificate; open connections continue.
    ///
    /// ```no_run
    /// use ably_auth_server::Tls;
    ///
    /// # fn renewed(tls: &Tls) -> Result<(), Box<dyn std::error::Error>> {
    /// tls.reload(&std::fs::read("certificate.pem")?, &std::fs::read("key.pem")?)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The same as those of [`from_pem`](Self::from_pem). The previous certificate then stays in use.
    pub fn reload(&self, certificates: &[u8], private_key: &[u8]) -> Result<(), Error> {
        let renewed = certified_key(certificates, private_key)?;
        *sync::write(&self.current.0) = renewed;
        Ok(())
    }

    /// Performs the handshake with a client. Returns `None` if it fails or takes longer than `timeout`.
    pub(crate) async fn handshake(&self, stream: TcpStream, timeout: Duration) -> Option<TlsStream<TcpStream>> {
        time::timeout(timeout, self.acceptor.accept(stream)).await.ok()?.ok()
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls([redacted])")
    }
}
