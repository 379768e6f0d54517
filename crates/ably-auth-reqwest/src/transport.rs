//! The transport over reqwest, or over this crate's own HTTP client.

use std::time::Duration;

use ably_auth::{Error, FaultKind, HttpSettings, Sleep, Transport, TransportFault};
use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};

use crate::body::BodyBuffer;
#[cfg(feature = "rustls")]
use crate::own_http::OwnHttp;
#[cfg(not(feature = "rustls"))]
use crate::without_tls::WithoutTls;

/// A transport that uses your [`reqwest::Client`], or its own HTTP client.
///
/// ```
/// use ably_auth_reqwest::{HttpSettings, ReqwestTransport};
///
/// let transport = ReqwestTransport::for_settings(&HttpSettings::default())?;
/// # Ok::<(), ably_auth_reqwest::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ReqwestTransport {
    http: Http,
    request_timeout: Duration,
}

#[derive(Clone, Debug)]
enum Http {
    Given(reqwest::Client),
    #[cfg(feature = "rustls")]
    Own(Box<OwnHttp>),
    #[cfg(not(feature = "rustls"))]
    WithoutTls(WithoutTls),
}

impl ReqwestTransport {
    /// Creates a transport with your client, which should follow no redirects.
    ///
    /// Each request has the settings' `http_request_timeout`; the client's own is ignored. The connection timeout is
    /// that of the client ([`connect_timeout`](reqwest::ClientBuilder::connect_timeout)), because reqwest cannot set it
    /// for one request.
    #[must_use]
    pub fn new(http: reqwest::Client, settings: &HttpSettings) -> Self {
        Self { http: Http::Given(http), request_timeout: settings.http_request_timeout() }
    }

    /// Creates a transport with its own HTTP client. It uses the proxy of the [environment](ably_auth::ProxyEnv) or of
    /// the operating system, except for requests to the local machine.
    ///
    /// With the feature `rustls`, the HTTP client is hyper with rustls, not reqwest: reqwest's TLS features apply to
    /// the whole program, so they would affect other users of reqwest.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](ably_auth::ErrorKind::Configuration) if TLS or the root certificates of the
    /// settings cannot be set up.
    pub fn for_settings(settings: &HttpSettings) -> Result<Self, Error> {
        #[cfg(feature = "rustls")]
        let http = Http::Own(Box::new(OwnHttp::new(settings)?));
        #[cfg(not(feature = "rustls"))]
        let http = Http::WithoutTls(WithoutTls::new(settings)?);
        Ok(Self { http, request_timeout: settings.http_request_timeout() })
    }
}

#[async_trait]
impl Transport for ReqwestTransport {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportFault> {
        let timeout = self.request_timeout;
        match &self.http {
            Http::Given(http) => send(http, request, timeout).await,
            #[cfg(feature = "rustls")]
            Http::Own(http) => http.send(request, timeout).await,
            #[cfg(not(feature = "rustls"))]
            Http::WithoutTls(without_tls) => {
                let http = without_tls.client_for(request.uri())?;
                send(http, request, timeout).await
            }
        }
    }

    fn sleep(&self, duration: Duration) -> Option<Sleep> {
        // Outside of a tokio runtime there is no timer, and no request can be sent.
        tokio::runtime::Handle::try_current().ok()?;
        Some(Box::pin(tokio::time::sleep(duration)))
    }
}

async fn send(
    http: &reqwest::Client,
    request: Request<Bytes>,
    timeout: Duration,
) -> Result<Response<Bytes>, TransportFault> {
    let mut request: reqwest::Request = request.try_into().map_err(fault)?;
    *request.timeout_mut() = Some(timeout);
    let mut answer = http.execute(request).await.map_err(fault)?;
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = answer.status();
    *response.version_mut() = answer.version();
    *response.headers_mut() = std::mem::take(answer.headers_mut());
    let mut body = BodyBuffer::default();
    while let Some(chunk) = answer.chunk().await.map_err(fault)? {
        body.add(&chunk)?;
    }
    *response.body_mut() = body.into_bytes();
    Ok(response)
}

/// Returns true for an error of rustls. A `reqwest::Client` with another TLS library reports `Unreachable`.
#[cfg(feature = "rustls")]
fn is_tls(error: &reqwest::Error) -> bool {
    crate::own_http::is_tls_fault(error)
}

#[cfg(not(feature = "rustls"))]
const fn is_tls(_: &reqwest::Error) -> bool {
    false
}

fn fault(error: reqwest::Error) -> TransportFault {
    let kind = if error.is_timeout() {
        FaultKind::TimedOut
    } else if error.is_dns() {
        FaultKind::Unresolvable
    } else if is_tls(&error) {
        FaultKind::Tls
    } else if error.is_connect() {
        FaultKind::Unreachable
    } else {
        FaultKind::Interrupted
    };
    // A URL's query may contain credentials.
    TransportFault::new(kind, error.without_url())
}
