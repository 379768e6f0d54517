//! The cache for async callers.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ably_auth_core::{TokenDetails, TokenParams};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared, WeakShared};

use super::decide::{CachedToken, Decision, Generation, Held};
use crate::clock::Clock;
use crate::error::Error;
use crate::source::TokenSource;

type Outcome = BoxFuture<'static, Result<CachedToken, Error>>;

/// Keeps a token for as long as it is good, and fetches one for all who ask when it is not.
///
/// At most one fetch is under way; whoever asks meanwhile shares its outcome, success or failure. Dropping one caller's
/// future cancels nothing for the others. It needs no runtime to be made, and spawns nothing.
///
/// ```
/// # futures_lite_block_on(async {
/// use std::sync::Arc;
/// use ably_auth::{SystemClock, Token, TokenCache, TokenDetails, TokenParams};
///
/// let source = |_params: TokenParams| async { Ok(TokenDetails::from_token(Token::new("xVLyHw.Dtxd9tuz")?)) };
/// let cache = TokenCache::new(Arc::new(source), TokenParams::new(), Arc::new(SystemClock));
/// let token = cache.token().await?;
/// assert_eq!(cache.token().await?.generation(), token.generation());
/// # Ok::<(), ably_auth::Error>(())
/// # }).unwrap();
/// # fn futures_lite_block_on<F: Future>(future: F) -> F::Output {
/// #     let mut future = std::pin::pin!(future);
/// #     let mut context = std::task::Context::from_waker(std::task::Waker::noop());
/// #     loop { if let std::task::Poll::Ready(output) = future.as_mut().poll(&mut context) { return output } }
/// # }
/// ```
#[derive(Clone)]
pub struct TokenCache(Arc<Inner>);

struct Inner {
    source: Arc<dyn TokenSource>,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

struct State {
    held: Held,
    /// Held weakly, so that a fetch that nobody waits for any more ends.
    under_way: Option<(Generation, WeakShared<Outcome>)>,
}

impl TokenCache {
    /// Caches what `source` gives for `params`.
    #[must_use]
    pub fn new(source: Arc<dyn TokenSource>, params: TokenParams, clock: Arc<dyn Clock>) -> Self {
        Self::with_held(source, clock, Held::new(params, None))
    }

    /// As [`new`](Self::new), with a token that is there already: used until it is refused.
    #[must_use]
    pub fn with_token(
        source: Arc<dyn TokenSource>,
        params: TokenParams,
        clock: Arc<dyn Clock>,
        token: TokenDetails,
    ) -> Self {
        Self::with_held(source, clock, Held::new(params, Some(token)))
    }

    fn with_held(source: Arc<dyn TokenSource>, clock: Arc<dyn Clock>, held: Held) -> Self {
        Self(Arc::new(Inner { source, clock, state: Mutex::new(State { held, under_way: None }) }))
    }

    /// A token that is not known to be bad.
    ///
    /// # Errors
    /// What the source's attempt failed with, or [`ErrorKind::NoMeansToRenew`](crate::ErrorKind::NoMeansToRenew).
    pub async fn token(&self) -> Result<CachedToken, Error> {
        self.newer_than(None).await
    }

    /// A token newer than the one that the service has refused.
    ///
    /// # Errors
    /// As [`token`](Self::token).
    pub async fn renewed(&self, rejected: Generation) -> Result<CachedToken, Error> {
        self.newer_than(Some(rejected)).await
    }

    /// A new token in any case, and these params from then on if there is one, but for the timestamp and the nonce
    /// (`RSA10`).
    ///
    /// # Errors
    /// As [`token`](Self::token); the token at hand and the params are then what they were.
    pub async fn authorize(&self, params: &TokenParams) -> Result<CachedToken, Error> {
        if !self.0.source.can_renew() {
            return Err(Error::no_means_to_renew(None));
        }
        let fetch = self.begin(&mut self.0.lock(), Some(params.clone()));
        fetch.await
    }

    /// The token at hand, good or not.
    #[must_use]
    pub fn token_details(&self) -> Option<TokenDetails> {
        self.0.lock().held.token().map(|token| token.details().clone())
    }

    async fn newer_than(&self, rejected: Option<Generation>) -> Result<CachedToken, Error> {
        let fetch = {
            let mut state = self.0.lock();
            match state.held.decide(rejected, self.0.source.can_renew(), self.0.clock.now()) {
                Decision::Serve(token) => return Ok(token),
                Decision::GiveUp => return Err(Error::no_means_to_renew(None)),
                Decision::Fetch => match state.under_way.as_ref().and_then(|(_, fetch)| fetch.upgrade()) {
                    Some(fetch) => fetch,
                    None => self.begin(&mut state, None),
                },
            }
        };
        fetch.await
    }

    /// Begins a fetch, which runs for as long as anybody waits for it.
    fn begin(&self, state: &mut State, params: Option<TokenParams>) -> Shared<Outcome> {
        let inner = Arc::clone(&self.0);
        let begun = state.held.begin(params, self.0.clock.now());
        let generation = begun.generation;
        let fetch = async move {
            // A panic that is shared would be everybody's, and one that is not would leave them waiting.
            let outcome = AssertUnwindSafe(inner.source.token(&begun.params)).catch_unwind().await;
            let mut state = inner.lock();
            state.under_way.take_if(|(under_way, _)| *under_way == generation);
            outcome
                .unwrap_or_else(|_| Err(Error::auth_callback("it panicked")))
                .map(|details| state.held.keep(details, begun))
        };
        let fetch = fetch.boxed().shared();
        state.under_way = fetch.downgrade().map(|weak| (generation, weak));
        fetch
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing is left half done under the lock, so a panic elsewhere spoils nothing.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for TokenCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenCache").field("token", &self.token_details()).finish_non_exhaustive()
    }
}
