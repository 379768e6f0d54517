//! Where tokens come from.

use std::future::Future;

use ably_auth_core::{TokenDetails, TokenParams};
use async_trait::async_trait;

use crate::error::Error;

/// Answers "a token for these params", every time with a new one.
///
/// Put a [`TokenCache`](crate::TokenCache) before it to keep one for as long as it is good. Async closures are sources too.
/// If a source panics, all callers that wait for the token get an error.
/// A source must not ask the cache that it is behind, because it would wait for itself. It gets an error: at once, or, through
/// another task or thread, after the cache's [time limit](crate::TokenCache::with_timeout).
///
/// ```
/// use ably_auth::{Error, Token, TokenDetails, TokenParams, TokenSource};
///
/// async fn from_my_backend(_params: TokenParams) -> Result<TokenDetails, Error> {
///     Ok(TokenDetails::from_token(Token::new("xVLyHw.Dtxd9tuz")?))
/// }
/// let source: &dyn TokenSource = &from_my_backend;
/// assert!(source.can_renew());
/// ```
#[async_trait]
pub trait TokenSource: Send + Sync {
    /// Gets a token for what `params` ask.
    ///
    /// # Errors
    /// Whatever kept it from getting one.
    async fn token(&self, params: &TokenParams) -> Result<TokenDetails, Error>;

    /// Whether asking again gives another token. If not, a token that was refused cannot be replaced (40171).
    fn can_renew(&self) -> bool {
        true
    }
}

#[async_trait]
impl<F, A> TokenSource for F
where
    F: Fn(TokenParams) -> A + Send + Sync,
    A: Future<Output = Result<TokenDetails, Error>> + Send,
{
    async fn token(&self, params: &TokenParams) -> Result<TokenDetails, Error> {
        self(params.clone()).await
    }
}

/// [`TokenSource`]'s twin for callers that block.
///
/// ```
/// use ably_auth::{BlockingTokenSource, Error, Token, TokenDetails, TokenParams};
///
/// let source = |_: &TokenParams| -> Result<TokenDetails, Error> {
///     Ok(TokenDetails::from_token(Token::new("xVLyHw.Dtxd9tuz")?))
/// };
/// assert!(source.token(&TokenParams::new()).is_ok());
/// ```
pub trait BlockingTokenSource: Send + Sync {
    /// Gets a token for what `params` ask, and waits for it.
    ///
    /// # Errors
    /// Whatever kept it from getting one.
    fn token(&self, params: &TokenParams) -> Result<TokenDetails, Error>;

    /// Whether asking again gives another token. If not, a token that was refused cannot be replaced (40171).
    fn can_renew(&self) -> bool {
        true
    }
}

impl<F> BlockingTokenSource for F
where
    F: Fn(&TokenParams) -> Result<TokenDetails, Error> + Send + Sync,
{
    fn token(&self, params: &TokenParams) -> Result<TokenDetails, Error> {
        self(params)
    }
}
