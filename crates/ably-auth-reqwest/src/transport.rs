//! Requests over reqwest.

use std::time::Duration;

use ably_auth::{Endpoint, Error, FaultKind, Transport, TransportFault};
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use reqwest::redirect;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;

/// Sends requests with a [`reqwest::Client`].
#[derive(Clone, Debug)]
pub struct ReqwestTransport(reqwest::Client);

impl ReqwestTransport {
    /// Sends with that client, which should follow no redirect.
    #[must_use]
    pub const fn new(http: reqwest::Client) -> Self {
        Self(http)
    }

    /// Sends with a client of its own, made for that endpoint.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](ably_auth::ErrorKind::Configuration) if TLS cannot be set up.
    pub fn for_endpoint(endpoint: &Endpoint) -> Result<Self, Error> {
        let builder = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(REQUEST_TIMEOUT)
            .redirect(redirect::Policy::none());
        let builder = if endpoint.is_loopback() { builder.no_proxy() } else { builder };
        #[cfg(feature = "rustls")]
        let builder = builder.tls_backend_preconfigured(tls_config()?);
        let http =
            builder.build().map_err(|error| Error::configuration(format!("reqwest cannot be set up: {error}")))?;
        Ok(Self(http))
    }
}

#[cfg(feature = "rustls")]
fn tls_config() -> Result<rustls::ClientConfig, Error> {
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    // Named, so that it does not depend on what else is linked into the program.
    let provider = rustls::crypto::ring::default_provider();
    let config = rustls::ClientConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::configuration(format!("TLS cannot be set up: {error}")))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

#[async_trait]
impl Transport for ReqwestTransport {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportFault> {
        let mut answer = self.0.execute(request.try_into().map_err(fault)?).await.map_err(fault)?;
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = answer.status();
        *response.version_mut() = answer.version();
        *response.headers_mut() = std::mem::take(answer.headers_mut());
        let mut body = BytesMut::new();
        while let Some(chunk) = answer.chunk().await.map_err(fault)? {
            if body.len().saturating_add(chunk.len()) > MAX_ANSWER_BYTES {
                return Err(TransportFault::new(FaultKind::Interrupted, "the answer is over 16 MiB"));
            }
            body.extend_from_slice(&chunk);
        }
        *response.body_mut() = body.freeze();
        Ok(response)
    }
}

fn fault(error: reqwest::Error) -> TransportFault {
    let kind = if error.is_timeout() {
        FaultKind::TimedOut
    } else if error.is_connect() {
        FaultKind::Unreachable
    } else {
        FaultKind::Interrupted
    };
    // A URL's query may hold credentials.
    TransportFault::new(kind, error.without_url())
}
