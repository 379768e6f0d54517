//! The token source that uses an auth callback of the application.

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use ably_auth_core::{TokenDetails, TokenParams};
use async_trait::async_trait;
use futures_util::FutureExt as _;

use crate::callback_answer::AuthCallbackAnswer;
use crate::error::Error;
use crate::exchange;
use crate::hosts::Endpoint;
use crate::source::{BlockingTokenSource, TokenSource};
use crate::sources::callback_response::{CallbackResponse, NextStep, ReplayRetry};
use crate::transport::{BlockingTransport, Transport};

/// An async auth callback.
///
/// Async closures are callbacks if they take [`TokenParams`] and return a value that converts into an
/// [`AuthCallbackAnswer`]. To implement it for a type, use [`async_trait`](macro@crate::async_trait). If a callback
/// panics, all callers that wait for the token get an error.
///
/// ```
/// use ably_auth::sources::{AuthCallback, AuthCallbackAnswer};
/// use ably_auth::{Async, ClientOptions, Error, Token, TokenParams, async_trait};
///
/// struct Backend; // holds what it needs to ask your backend
///
/// #[async_trait]
/// impl AuthCallback for Backend {
///     async fn call(&self, params: &TokenParams) -> Result<AuthCallbackAnswer, Error> {
///         Ok(Token::new("xVLyHw.Dtxd9tuz")?.into())
///     }
/// }
/// let options = ClientOptions::<Async>::new().auth_callback(Backend);
/// ```
#[async_trait]
pub trait AuthCallback: Send + Sync {
    /// Gets a token, token details or a token request for `params`.
    ///
    /// # Errors
    /// [`Error::auth_callback`] with the reason.
    async fn call(&self, params: &TokenParams) -> Result<AuthCallbackAnswer, Error>;
}

#[async_trait]
impl<F, A, R, E> AuthCallback for F
where
    F: Fn(TokenParams) -> A + Send + Sync,
    A: Future<Output = Result<R, E>> + Send,
    R: Into<AuthCallbackAnswer>,
    E: Into<Box<dyn StdError + Send + Sync>>,
{
    async fn call(&self, params: &TokenParams) -> Result<AuthCallbackAnswer, Error> {
        self(params.clone()).await.map(Into::into).map_err(Error::auth_callback)
    }
}

/// The blocking variant of [`AuthCallback`].
///
/// ```
/// use ably_auth::{Blocking, ClientOptions, Error, Token, TokenParams};
///
/// fn ask_my_backend(params: &TokenParams) -> Result<Token, Error> {
///     Ok(Token::new("xVLyHw.Dtxd9tuz")?)
/// }
/// let options = ClientOptions::<Blocking>::new().auth_callback(ask_my_backend);
/// ```
pub trait BlockingAuthCallback: Send + Sync {
    /// Gets a token, token details or a token request for `params`, and waits for it.
    ///
    /// # Errors
    /// [`Error::auth_callback`] with the reason.
    fn call(&self, params: &TokenParams) -> Result<AuthCallbackAnswer, Error>;
}

impl<F, R, E> BlockingAuthCallback for F
where
    F: Fn(&TokenParams) -> Result<R, E> + Send + Sync,
    R: Into<AuthCallbackAnswer>,
    E: Into<Box<dyn StdError + Send + Sync>>,
{
    fn call(&self, params: &TokenParams) -> Result<AuthCallbackAnswer, Error> {
        self(params).map(Into::into).map_err(Error::auth_callback)
    }
}

/// A token source that calls an auth callback. If the callback returns a token request, the source exchanges it at the
/// service.
///
/// ```
/// use std::sync::Arc;
///
/// use ably_auth::sources::CallbackSource;
/// use ably_auth::{BlockingTokenSource as _, Endpoint, Error, Token, TokenParams, TransportFault};
/// use bytes::Bytes;
/// use http::{Request, Response};
///
/// fn ask_my_backend(_: &TokenParams) -> Result<Token, Error> {
///     Ok(Token::new("xVLyHw.Dtxd9tuz")?)
/// }
/// fn service(_: Request<Bytes>) -> Result<Response<Bytes>, TransportFault> {
///     panic!("the callback gives a token, and no token request")
/// }
/// let source = CallbackSource::new(Arc::new(ask_my_backend), Endpoint::default(), service);
/// assert_eq!(source.token(&TokenParams::new())?.token().expose(), "xVLyHw.Dtxd9tuz");
/// # Ok::<(), ably_auth::Error>(())
/// ```
pub struct CallbackSource<T, C: ?Sized> {
    callback: Arc<C>,
    responses: CallbackResponse,
    transport: T,
}

impl<T, C: ?Sized> CallbackSource<T, C> {
    /// Creates a source that calls `callback`, and exchanges token requests at `endpoint` over `transport`.
    pub fn new(callback: Arc<C>, endpoint: Endpoint, transport: T) -> Self {
        Self { callback, responses: CallbackResponse::of_callback(endpoint), transport }
    }
}

impl<T, C: AuthCallback + ?Sized> CallbackSource<T, C> {
    async fn ask(&self, params: &TokenParams) -> Result<AuthCallbackAnswer, Error> {
        let asked = AssertUnwindSafe(self.callback.call(params)).catch_unwind();
        asked.await.unwrap_or_else(|_| Err(Error::auth_callback(PANICKED)))
    }
}

impl<T, C: BlockingAuthCallback + ?Sized> CallbackSource<T, C> {
    fn ask_blocking(&self, params: &TokenParams) -> Result<AuthCallbackAnswer, Error> {
        let asked = catch_unwind(AssertUnwindSafe(|| self.callback.call(params)));
        asked.unwrap_or_else(|_| Err(Error::auth_callback(PANICKED)))
    }
}

/// The error text for a callback that panics. All callers that wait for the call get this error.
const PANICKED: &str = "it panicked";

#[async_trait]
impl<T: Transport, C: AuthCallback + ?Sized> TokenSource for CallbackSource<T, C> {
    async fn token(&self, params: &TokenParams) -> Result<TokenDetails, Error> {
        params.check()?;
        let mut replay_retry = ReplayRetry::of(params);
        loop {
            let outcome = match self.responses.next_step(self.ask(params).await?)? {
                NextStep::Token(details) => return Ok(details),
                NextStep::Exchange(request) => exchange::run(request, &self.transport).await,
            };
            if !replay_retry.should_retry(&outcome) {
                return outcome;
            }
        }
    }
}

impl<T: BlockingTransport, C: BlockingAuthCallback + ?Sized> BlockingTokenSource for CallbackSource<T, C> {
    fn token(&self, params: &TokenParams) -> Result<TokenDetails, Error> {
        params.check()?;
        let mut replay_retry = ReplayRetry::of(params);
        loop {
            let outcome = match self.responses.next_step(self.ask_blocking(params)?)? {
                NextStep::Token(details) => return Ok(details),
                NextStep::Exchange(request) => exchange::run_blocking(request, &self.transport),
            };
            if !replay_retry.should_retry(&outcome) {
                return outcome;
            }
        }
    }
}

impl<T, C: ?Sized> fmt::Debug for CallbackSource<T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallbackSource").field("responses", &self.responses).finish_non_exhaustive()
    }
}
