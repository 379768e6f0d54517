//! The token source that exchanges token requests, signed with a key.

use std::fmt;
use std::sync::Arc;

use ably_auth_core::{TokenDetails, TokenParams};
use async_trait::async_trait;

use crate::error::Error;
use crate::exchange::{self, IssueToken};
use crate::hosts::Endpoint;
use crate::key_signer::KeySigner;
use crate::source::{BlockingTokenSource, TokenSource};
use crate::transport::{BlockingTransport, Transport};

/// A token source that signs token requests with a key, and exchanges them at the service.
///
/// The key itself is never sent.
///
/// ```
/// use ably_auth::sources::{KeySigner, KeySource};
/// use ably_auth::{ApiKey, BlockingTokenSource as _, Endpoint, TokenParams, TransportFault};
/// use bytes::Bytes;
/// use http::{Request, Response};
///
/// fn service(_: Request<Bytes>) -> Result<Response<Bytes>, TransportFault> {
///     Ok(Response::new(Bytes::from_static(br#"{"token":"xVLyHw.Dtxd9tuz"}"#)))
/// }
/// let signer = KeySigner::new(ApiKey::parse("app.key:secret")?);
/// let source = KeySource::new(signer, Endpoint::default(), service);
/// assert_eq!(source.token(&TokenParams::new())?.token().expose(), "xVLyHw.Dtxd9tuz");
/// # Ok::<(), ably_auth::Error>(())
/// ```
#[derive(Clone)]
pub struct KeySource<T> {
    signer: Arc<KeySigner>,
    endpoint: Endpoint,
    transport: T,
}

impl<T> KeySource<T> {
    /// Creates a source that exchanges the token requests of `signer` at `endpoint` over `transport`.
    pub fn new(signer: impl Into<Arc<KeySigner>>, endpoint: Endpoint, transport: T) -> Self {
        Self { signer: signer.into(), endpoint, transport }
    }

    fn exchange(&self, params: &TokenParams) -> IssueToken {
        IssueToken::new(Arc::clone(&self.signer), self.endpoint.clone(), params.clone())
    }
}

#[async_trait]
impl<T: Transport> TokenSource for KeySource<T> {
    async fn token(&self, params: &TokenParams) -> Result<TokenDetails, Error> {
        exchange::run(self.exchange(params), &self.transport).await
    }
}

impl<T: BlockingTransport> BlockingTokenSource for KeySource<T> {
    fn token(&self, params: &TokenParams) -> Result<TokenDetails, Error> {
        exchange::run_blocking(self.exchange(params), &self.transport)
    }
}

impl<T> fmt::Debug for KeySource<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySource")
            .field("signer", &self.signer)
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}
