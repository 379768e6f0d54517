//! The client.

use std::fmt;

use ably_auth::{Auth, Error, Timestamp};
use bytes::Bytes;
use http::{Request, Response};

use crate::ClientOptions;
use crate::transport::ReqwestTransport;

/// An async client of Ably's REST interface, as far as authentication goes (`RSC1`).
///
/// Cheap to share: put it in an [`Arc`](std::sync::Arc). See the [crate's documentation](crate) for an example.
pub struct Client {
    auth: Auth<ReqwestTransport>,
}

impl Client {
    /// A client as the options say, with an HTTP client of its own: no redirects, and the proxy that the environment names
    /// for all but this machine.
    ///
    /// # Errors
    /// As [`Auth::new`], and [`ErrorKind::Configuration`](ably_auth::ErrorKind::Configuration) if TLS cannot be set up.
    pub fn new(options: ClientOptions) -> Result<Self, Error> {
        let transport = ReqwestTransport::for_settings(options.get_http_settings())?;
        Ok(Self { auth: Auth::new(options, transport)? })
    }

    /// A client as the options say, with your own HTTP client.
    ///
    /// Build it with [`redirect::Policy::none`](reqwest::redirect::Policy::none): a redirect that is followed may carry
    /// credentials elsewhere. Of the options' time-outs, that of a request holds; that of a connection is the client's own.
    ///
    /// Where no crate chooses a TLS for reqwest but this one, reqwest wants to be told of it, or panics when your client is
    /// built: install a provider with `rustls::crypto::CryptoProvider::install_default`.
    ///
    /// # Errors
    /// As [`Auth::new`].
    pub fn with_http(options: ClientOptions, http: reqwest::Client) -> Result<Self, Error> {
        let transport = ReqwestTransport::new(http, options.get_http_settings());
        Ok(Self { auth: Auth::new(options, transport)? })
    }

    /// The client's authentication: token requests, tokens, revocation (`RSC5`).
    #[must_use]
    pub const fn auth(&self) -> &Auth<ReqwestTransport> {
        &self.auth
    }

    /// Sends a request with credentials, and renews a stale token once: see [`Auth::request`].
    ///
    /// # Errors
    /// As [`Auth::request`].
    pub async fn request(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Error> {
        self.auth.request(request).await
    }

    /// Asks the service for its time (`RSC16`).
    ///
    /// # Errors
    /// As [`Auth::time`].
    pub async fn time(&self) -> Result<Timestamp, Error> {
        self.auth.time().await
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("auth", &self.auth).finish()
    }
}
