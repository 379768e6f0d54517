//! A key that signs token requests and exchanges them.

use std::sync::Arc;

use ably_auth_core::{ApiKey, Signer, TokenDetails, TokenParams, TokenRequest};
use async_trait::async_trait;

use crate::clock::{Clock, SystemClock};
use crate::error::Error;
use crate::exchange::{self, RequestToken};
use crate::hosts::Endpoint;
use crate::random::{Random, SystemRandom};
use crate::source::{BlockingTokenSource, TokenSource};
use crate::transport::{BlockingTransport, Transport};

/// Signs token requests with a key, and has the service exchange them.
///
/// The key itself is never sent.
#[derive(Clone)]
pub struct KeySource<T> {
    key: ApiKey,
    signer: Signer,
    endpoint: Endpoint,
    transport: T,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl<T> KeySource<T> {
    /// Exchanges at `endpoint`, over `transport`, what `key` signs.
    pub fn new(key: ApiKey, endpoint: Endpoint, transport: T) -> Self {
        let signer = key.signer();
        Self { key, signer, endpoint, transport, clock: Arc::new(SystemClock), random: Arc::new(SystemRandom) }
    }

    /// The same source with another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The same source with other randomness.
    #[must_use]
    pub fn with_random(mut self, random: Arc<dyn Random>) -> Self {
        self.random = random;
        self
    }

    /// Signs a token request for what `params` ask, for somebody else to exchange (`RSA9`).
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if there is no randomness to be had.
    pub fn create_token_request(&self, params: &TokenParams) -> Result<TokenRequest, Error> {
        let nonce = self.random.nonce()?;
        Ok(TokenRequest::sign_with(&self.signer, self.key.key_name(), params, self.clock.now(), nonce)?)
    }

    fn exchange(&self, params: &TokenParams) -> Result<RequestToken, Error> {
        self.create_token_request(params).map(|request| RequestToken::new(&self.endpoint, &request))
    }
}

#[async_trait]
impl<T: Transport> TokenSource for KeySource<T> {
    async fn token(&self, params: &TokenParams) -> Result<TokenDetails, Error> {
        exchange::run(self.exchange(params)?, &self.transport).await
    }
}

impl<T: BlockingTransport> BlockingTokenSource for KeySource<T> {
    fn token(&self, params: &TokenParams) -> Result<TokenDetails, Error> {
        exchange::run_blocking(self.exchange(params)?, &self.transport)
    }
}

impl<T> std::fmt::Debug for KeySource<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeySource").field("key", &self.key).field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}
