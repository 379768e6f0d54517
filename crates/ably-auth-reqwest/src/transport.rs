//! Requests over reqwest.

use std::time::Duration;

use ably_auth::{Error, FaultKind, HttpSettings, Transport, TransportFault, is_loopback};
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use reqwest::redirect;

const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;

/// Sends requests with a [`reqwest::Client`].
#[derive(Clone, Debug)]
pub struct ReqwestTransport {
    http: reqwest::Client,
    /// For this machine, which no proxy can reach in our place.
    http_on_loopback: reqwest::Client,
    request_timeout: Duration,
}

impl ReqwestTransport {
    /// Sends with that client, which should follow no redirect.
    ///
    /// Each request has the settings' `http_request_timeout`, whatever the client's own is. How long a connection may take is
    /// the client's own affair ([`connect_timeout`](reqwest::ClientBuilder::connect_timeout)): reqwest cannot be told for one
    /// request.
    #[must_use]
    pub fn new(http: reqwest::Client, settings: &HttpSettings) -> Self {
        Self { http_on_loopback: http.clone(), http, request_timeout: settings.http_request_timeout() }
    }

    /// Sends with a client of its own, by way of the proxy that the environment names unless it is to this machine.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](ably_auth::ErrorKind::Configuration) if TLS cannot be set up.
    pub fn for_settings(settings: &HttpSettings) -> Result<Self, Error> {
        let builder = || {
            let builder = reqwest::Client::builder()
                .connect_timeout(settings.http_open_timeout())
                .redirect(redirect::Policy::none());
            #[cfg(feature = "rustls")]
            let builder = builder.tls_backend_preconfigured(tls_config()?);
            Ok::<_, Error>(builder)
        };
        let build = |builder: reqwest::ClientBuilder| {
            builder.build().map_err(|error| Error::configuration(format!("reqwest cannot be set up: {error}")))
        };
        Ok(Self {
            http: build(builder()?)?,
            http_on_loopback: build(builder()?.no_proxy())?,
            request_timeout: settings.http_request_timeout(),
        })
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
        let http = if is_loopback(request.uri()) { &self.http_on_loopback } else { &self.http };
        let mut request: reqwest::Request = request.try_into().map_err(fault)?;
        *request.timeout_mut() = Some(self.request_timeout);
        let mut answer = http.execute(request).await.map_err(fault)?;
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = answer.status();
        *response.version_mut() = answer.version();
        *response.headers_mut() = std::mem::take(answer.headers_mut());
        let mut body = BytesMut::new();
        while let Some(chunk) = answer.chunk().await.map_err(fault)? {
            if body.len().saturating_add(chunk.len()) > MAX_ANSWER_BYTES {
                return Err(TransportFault::new(FaultKind::TooLarge, "it is over 16 MiB"));
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
    } else if error.is_dns() {
        FaultKind::Unresolvable
    } else if error.is_connect() {
        FaultKind::Unreachable
    } else {
        FaultKind::Interrupted
    };
    // A URL's query may hold credentials.
    TransportFault::new(kind, error.without_url())
}
