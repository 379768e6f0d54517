//! The token source that uses an auth URL.

use std::fmt;

use ably_auth_core::{TokenDetails, TokenParams};
use async_trait::async_trait;

use crate::auth_url::AuthUrl;
use crate::error::Error;
use crate::exchange::{self, QueryAuthUrl};
use crate::hosts::Endpoint;
use crate::source::{BlockingTokenSource, TokenSource};
use crate::sources::callback_response::{CallbackResponse, NextStep, ReplayRetry};
use crate::transport::{BlockingTransport, Transport};

/// A token source that requests tokens from an auth URL. If the URL responds with a token request, the source exchanges
/// it at the service (`RSA8c`).
///
/// ```
/// use ably_auth::sources::AuthUrlSource;
/// use ably_auth::{AuthUrl, BlockingTokenSource as _, Endpoint, TokenParams, TransportFault};
/// use bytes::Bytes;
/// use http::{Request, Response};
///
/// fn backend(_: Request<Bytes>) -> Result<Response<Bytes>, TransportFault> {
///     let answer = Response::builder().header("content-type", "text/plain");
///     Ok(answer.body(Bytes::from_static(b"xVLyHw.Dtxd9tuz")).unwrap())
/// }
/// fn service(_: Request<Bytes>) -> Result<Response<Bytes>, TransportFault> {
///     panic!("the backend sends a token, and no token request")
/// }
/// let auth_url = AuthUrl::new("https://example.com/ably-token")?;
/// let source = AuthUrlSource::new(auth_url, backend, Endpoint::default(), service);
/// assert_eq!(source.token(&TokenParams::new())?.token().expose(), "xVLyHw.Dtxd9tuz");
/// # Ok::<(), ably_auth::Error>(())
/// ```
pub struct AuthUrlSource<U, T> {
    auth_url: AuthUrl,
    responses: CallbackResponse,
    url_transport: U,
    transport: T,
}

impl<U, T> AuthUrlSource<U, T> {
    /// Creates a source that requests from `auth_url` over `url_transport`, and exchanges at `endpoint` over
    /// `transport`.
    pub fn new(auth_url: AuthUrl, url_transport: U, endpoint: Endpoint, transport: T) -> Self {
        Self { auth_url, responses: CallbackResponse::of_url(endpoint), url_transport, transport }
    }
}

#[async_trait]
impl<U: Transport, T: Transport> TokenSource for AuthUrlSource<U, T> {
    async fn token(&self, params: &TokenParams) -> Result<TokenDetails, Error> {
        let mut replay_retry = ReplayRetry::of(params);
        loop {
            let answer = exchange::run(QueryAuthUrl::new(&self.auth_url, params), &self.url_transport).await?;
            let outcome = match self.responses.next_step(answer)? {
                NextStep::Token(details) => return Ok(details),
                NextStep::Exchange(request) => exchange::run(request, &self.transport).await,
            };
            if !replay_retry.should_retry(&outcome) {
                return outcome;
            }
        }
    }
}

impl<U: BlockingTransport, T: BlockingTransport> BlockingTokenSource for AuthUrlSource<U, T> {
    fn token(&self, params: &TokenParams) -> Result<TokenDetails, Error> {
        let mut replay_retry = ReplayRetry::of(params);
        loop {
            let answer = exchange::run_blocking(QueryAuthUrl::new(&self.auth_url, params), &self.url_transport)?;
            let outcome = match self.responses.next_step(answer)? {
                NextStep::Token(details) => return Ok(details),
                NextStep::Exchange(request) => exchange::run_blocking(request, &self.transport),
            };
            if !replay_retry.should_retry(&outcome) {
                return outcome;
            }
        }
    }
}

impl<U, T> fmt::Debug for AuthUrlSource<U, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthUrlSource").field("auth_url", &self.auth_url).finish_non_exhaustive()
    }
}
