//! TLS over byte streams.

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;

use ably_auth::{Error, FaultKind, HttpSettings, TransportFault};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio_rustls::TlsConnector;

use crate::connect::ByteStream;

/// Returns a TLS connector with the root certificates of `settings`.
pub(crate) fn connector(settings: &HttpSettings) -> Result<TlsConnector, Error> {
    // Name the provider, so that the choice does not depend on other crates in the program.
    let provider = rustls::crypto::ring::default_provider();
    let config = ClientConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::configuration(format!("TLS cannot be set up: {error}")))?;
    let config = config.with_root_certificates(settings.root_store()?).with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Adds TLS to a stream.
pub(crate) async fn add(
    connector: &TlsConnector,
    host: &str,
    stream: Box<dyn ByteStream>,
) -> Result<Box<dyn ByteStream>, TransportFault> {
    let name = ServerName::try_from(host.to_owned()).map_err(|error| TransportFault::new(FaultKind::Tls, error))?;
    let stream = connector.connect(name, stream).await.map_err(|error| {
        let kind = if is_tls(&error) { FaultKind::Tls } else { FaultKind::Interrupted };
        TransportFault::new(kind, error)
    })?;
    Ok(Box::new(stream))
}

/// Returns true for an error of rustls, which is inside an I/O error.
pub(crate) fn is_tls(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| (inner as &(dyn StdError + 'static)).is::<rustls::Error>())
}
