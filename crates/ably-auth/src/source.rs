//! Token sources.

use std::future::Future;

use ably_auth_core::{TokenDetails, TokenParams};
use async_trait::async_trait;

use crate::error::Error;

/// A source of tokens, which gives a new token for each call.
///
/// A [`TokenCache`](crate::TokenCache) in front of it keeps a token while it is valid. Async closures are sources too.
/// To implement it for a type, use [`async_trait`](macro@crate::async_trait). If a source panics, all callers that wait for
/// the token get an error.
///
/// A source must not ask its own cache, because it would wait for itself. It gets an error at once, or after the
/// cache's [time limit](crate::TokenCache::timeout) if it asks through another task or thread.
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
///
/// ```
/// use ably_auth::{Async, ClientOptions, Error, TokenDetails, TokenParams, TokenSource, async_trait};
///
/// struct Backend; // holds what it needs to ask your backend
///
/// #[async_trait]
/// impl TokenSource for Backend {
///     async fn token(&self, params: &TokenParams) -> Result<TokenDetails, Error> {
///         Err(Error::auth_callback("the user is logged out"))
///     }
/// }
/// let options = ClientOptions::<Async>::new().token_source(Backend);
/// ```
#[async_trait]
pub trait TokenSource: Send + Sync {
    /// Gets a token with `params`.
    ///
    /// # Errors
    /// The reason why the source has no token.
    async fn token(&self, params: &TokenParams) -> Result<TokenDetails, Error>;

    /// Returns true if another call gives another token. Otherwise a refused token cannot be replaced (40171).
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

/// The blocking variant of [`TokenSource`].
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
    /// Gets a token with `params`, and waits for it.
    ///
    /// # Errors
    /// The reason why the source has no token.
    fn token(&self, params: &TokenParams) -> Result<TokenDetails, Error>;

    /// Returns true if another call gives another token. Otherwise a refused token cannot be replaced (40171).
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

/// A token source, async or blocking, for code that serves both.
pub(crate) trait Source {
    /// Returns true if another call gives another token.
    fn is_renewable(&self) -> bool;
}

impl Source for dyn TokenSource {
    fn is_renewable(&self) -> bool {
        self.can_renew()
    }
}

impl Source for dyn BlockingTokenSource {
    fn is_renewable(&self) -> bool {
        self.can_renew()
    }
}
