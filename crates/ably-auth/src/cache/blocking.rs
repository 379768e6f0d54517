//! The cache for callers that block.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use ably_auth_core::{TokenDetails, TokenParams};

use super::decide::{CachedToken, Decision, Generation, Held};
use crate::clock::Clock;
use crate::error::Error;
use crate::source::BlockingTokenSource;

/// [`TokenCache`](crate::TokenCache)'s twin for callers that block: shared between threads, it fetches once for all that ask.
///
/// ```
/// use std::sync::Arc;
/// use ably_auth::{BlockingTokenCache, SystemClock, Token, TokenDetails, TokenParams};
///
/// let source = |_: &TokenParams| Ok(TokenDetails::from_token(Token::new("xVLyHw.Dtxd9tuz")?));
/// let cache = BlockingTokenCache::new(Arc::new(source), TokenParams::new(), Arc::new(SystemClock));
/// let token = cache.token()?;
/// assert_eq!(cache.token()?.generation(), token.generation());
/// # Ok::<(), ably_auth::Error>(())
/// ```
#[derive(Clone)]
pub struct BlockingTokenCache(Arc<Inner>);

struct Inner {
    source: Arc<dyn BlockingTokenSource>,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

struct State {
    held: Held,
    under_way: Option<(Generation, Arc<Fetch>)>,
}

/// A fetch that one thread makes, and others wait for.
#[derive(Default)]
struct Fetch {
    outcome: Mutex<Option<Result<CachedToken, Error>>>,
    ended: Condvar,
}

impl Fetch {
    fn end(&self, outcome: Result<CachedToken, Error>) {
        *self.outcome.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
        self.ended.notify_all();
    }

    fn wait(&self) -> Result<CachedToken, Error> {
        let mut outcome = self.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(outcome) = &*outcome {
                return outcome.clone();
            }
            outcome = self.ended.wait(outcome).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Ends a fetch whatever becomes of it, so that a source that panics leaves nobody waiting.
struct Unfinished<'a> {
    inner: &'a Inner,
    generation: Generation,
    fetch: Arc<Fetch>,
    outcome: Option<Result<CachedToken, Error>>,
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        self.inner.lock().under_way.take_if(|(under_way, _)| *under_way == self.generation);
        let panicked = || Err(Error::auth_callback("it panicked"));
        self.fetch.end(self.outcome.take().unwrap_or_else(panicked));
    }
}

impl BlockingTokenCache {
    /// Caches what `source` gives for `params`.
    #[must_use]
    pub fn new(source: Arc<dyn BlockingTokenSource>, params: TokenParams, clock: Arc<dyn Clock>) -> Self {
        Self::with_held(source, clock, Held::new(params, None))
    }

    /// As [`new`](Self::new), with a token that is there already: used until it is refused.
    #[must_use]
    pub fn with_token(
        source: Arc<dyn BlockingTokenSource>,
        params: TokenParams,
        clock: Arc<dyn Clock>,
        token: TokenDetails,
    ) -> Self {
        Self::with_held(source, clock, Held::new(params, Some(token)))
    }

    fn with_held(source: Arc<dyn BlockingTokenSource>, clock: Arc<dyn Clock>, held: Held) -> Self {
        Self(Arc::new(Inner { source, clock, state: Mutex::new(State { held, under_way: None }) }))
    }

    /// A token that is not known to be bad.
    ///
    /// # Errors
    /// What the source's attempt failed with, or [`ErrorKind::NoMeansToRenew`](crate::ErrorKind::NoMeansToRenew).
    pub fn token(&self) -> Result<CachedToken, Error> {
        self.newer_than(None)
    }

    /// A token newer than the one that the service has refused.
    ///
    /// # Errors
    /// As [`token`](Self::token).
    pub fn renewed(&self, rejected: Generation) -> Result<CachedToken, Error> {
        self.newer_than(Some(rejected))
    }

    /// A new token in any case, and these params from then on if there is one, but for the timestamp and the nonce
    /// (`RSA10`).
    ///
    /// # Errors
    /// As [`token`](Self::token); the token at hand and the params are then what they were.
    pub fn authorize(&self, params: &TokenParams) -> Result<CachedToken, Error> {
        if !self.0.source.can_renew() {
            return Err(Error::no_means_to_renew(None));
        }
        self.fetch(self.0.lock(), Some(params.clone()))
    }

    /// The token at hand, good or not.
    #[must_use]
    pub fn token_details(&self) -> Option<TokenDetails> {
        self.0.lock().held.token().map(|token| token.details().clone())
    }

    fn newer_than(&self, rejected: Option<Generation>) -> Result<CachedToken, Error> {
        let state = self.0.lock();
        match state.held.decide(rejected, self.0.source.can_renew(), self.0.clock.now()) {
            Decision::Serve(token) => Ok(token),
            Decision::GiveUp => Err(Error::no_means_to_renew(None)),
            Decision::Fetch => match state.under_way.as_ref().map(|(_, fetch)| Arc::clone(fetch)) {
                Some(fetch) => {
                    drop(state);
                    fetch.wait()
                }
                None => self.fetch(state, None),
            },
        }
    }

    fn fetch(&self, mut state: MutexGuard<'_, State>, params: Option<TokenParams>) -> Result<CachedToken, Error> {
        let begun = state.held.begin(params, self.0.clock.now());
        let fetch = Arc::new(Fetch::default());
        state.under_way = Some((begun.generation, Arc::clone(&fetch)));
        drop(state);
        let mut unfinished = Unfinished { inner: &self.0, generation: begun.generation, fetch, outcome: None };
        let outcome = self.0.source.token(&begun.params);
        let outcome = outcome.map(|details| self.0.lock().held.keep(details, begun));
        unfinished.outcome = Some(outcome.clone());
        outcome
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing is left half done under the lock, so a panic elsewhere spoils nothing.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for BlockingTokenCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockingTokenCache").field("token", &self.token_details()).finish_non_exhaustive()
    }
}
