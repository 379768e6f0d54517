//! The token cache for blocking callers.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use ably_auth_core::{TokenDetails, TokenParams};

use super::MAX_ROUNDS;
use super::in_flight::{Handle, TokenQuery};
use super::policy::CachePolicy;
use super::settings::Settings;
use super::state::{Outcome, PendingFetch, State, Step};
use super::sync::{Condvar, Mutex, MutexGuard, thread, wait_while};
use super::token::CachedToken;
use crate::clock::Clock;
use crate::error::{Error, ErrorKind};
use crate::generation::Generation;
use crate::random::Random;
use crate::source::BlockingTokenSource;
use crate::time_offset::TimeOffset;

type Locked<'a> = MutexGuard<'a, State<dyn BlockingTokenSource, Arc<Fetch>>>;

/// The blocking variant of [`TokenCache`](crate::TokenCache). Threads share it, and it fetches a token once for all
/// callers, on the thread of one of them.
///
/// ```
/// use std::sync::Arc;
/// use ably_auth::{BlockingTokenCache, SystemClock, Token, TokenDetails, TokenParams};
///
/// let source = |_: &TokenParams| Ok(TokenDetails::from_token(Token::new("xVLyHw.Dtxd9tuz")?));
/// let cache = BlockingTokenCache::new(Arc::new(source), TokenParams::new(), Arc::new(SystemClock));
/// let token = cache.token()?;
/// assert_eq!(token.authorization().header(), "Bearer xVLyHw.Dtxd9tuz");
/// assert_eq!(cache.token()?.generation(), token.generation());
/// # Ok::<(), ably_auth::Error>(())
/// ```
#[derive(Clone)]
pub struct BlockingTokenCache(Arc<Inner>);

struct Inner {
    settings: Settings,
    state: Mutex<State<dyn BlockingTokenSource, Arc<Fetch>>>,
}

/// A fetch that one thread runs, and that other threads wait for.
struct Fetch {
    outcome: Mutex<Option<Outcome>>,
    ended: Condvar,
    maker: thread::ThreadId,
}

impl Handle for Arc<Fetch> {
    type Fetch = Role;

    /// Returns true: the fetch stays in the list until its thread ends it.
    fn is_alive(&self) -> bool {
        true
    }

    fn is_of_caller(&self) -> bool {
        self.maker == thread::current().id()
    }

    fn join(&self) -> Option<Role> {
        Some(Role::Wait(Self::clone(self)))
    }
}

impl Fetch {
    fn new() -> Arc<Self> {
        Arc::new(Self { outcome: Mutex::new(None), ended: Condvar::new(), maker: thread::current().id() })
    }

    fn end(&self, outcome: Outcome) {
        *self.outcome.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
        self.ended.notify_all();
    }

    fn wait(&self, timeout: Duration) -> Outcome {
        let outcome = self.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = wait_while(&self.ended, outcome, timeout, Option::is_none);
        outcome.clone().unwrap_or_else(|| Err(Error::token_timed_out(timeout)))
    }
}

/// A guard that ends a fetch in any case, so that no caller waits for ever if the source panics.
struct FetchGuard<'a> {
    inner: &'a Inner,
    fetch: Arc<Fetch>,
    pending: Option<PendingFetch<dyn BlockingTokenSource>>,
}

impl FetchGuard<'_> {
    fn end(&mut self, outcome: Result<TokenDetails, Error>) -> Option<Outcome> {
        let pending = self.pending.take()?;
        let (now, jitter) = (self.inner.settings.now(), self.inner.settings.jitter());
        let outcome = self.inner.lock().end(pending, outcome, &self.inner.settings, &now, jitter);
        self.fetch.end(outcome.clone());
        Some(outcome)
    }
}

impl Drop for FetchGuard<'_> {
    fn drop(&mut self) {
        self.end(Err(Error::broken_off()));
    }
}

/// The role of a thread in a fetch: wait for it, or run it.
enum Role {
    Wait(Arc<Fetch>),
    Run(PendingFetch<dyn BlockingTokenSource>, Arc<Fetch>),
}

impl Role {
    fn start(pending: PendingFetch<dyn BlockingTokenSource>) -> (Arc<Fetch>, Self) {
        let fetch = Fetch::new();
        (Arc::clone(&fetch), Self::Run(pending, fetch))
    }

    fn outcome(self, inner: &Inner) -> Outcome {
        match self {
            Self::Wait(fetch) => {
                let outcome = fetch.wait(inner.settings.timeout);
                if outcome.as_ref().is_err_and(|error| error.kind() == ErrorKind::TokenTimedOut) {
                    inner.lock().fetches.give_up(|handle| Arc::ptr_eq(handle, &fetch));
                }
                outcome
            }
            Self::Run(pending, fetch) => {
                let TokenQuery { source, params } = pending.query.clone();
                let mut guard = FetchGuard { inner, fetch, pending: Some(pending) };
                // Turn a panic into an error for every caller that waits, as the async cache does.
                let outcome = catch_unwind(AssertUnwindSafe(|| source.token(&params)));
                let outcome = outcome.unwrap_or_else(|_| Err(Error::broken_off()));
                guard.end(outcome).unwrap_or_else(|| Err(Error::expired_on_arrival()))
            }
        }
    }
}

impl BlockingTokenCache {
    /// Creates a cache of the tokens that `source` gives for `params`. The timestamp and the nonce of `params` are
    /// ignored.
    #[must_use]
    pub fn new(source: Arc<dyn BlockingTokenSource>, params: TokenParams, clock: Arc<dyn Clock>) -> Self {
        let state = Mutex::new(State::new(source, params));
        Self(Arc::new(Inner { settings: Settings::new(clock), state }))
    }

    /// Creates a cache as [`new`](Self::new), with a first token.
    ///
    /// The token's age is unknown, so it is used until the service refuses it, or until it [expires by the service's
    /// clock](Self::time_offset).
    #[must_use]
    pub fn with_token(
        source: Arc<dyn BlockingTokenSource>,
        params: TokenParams,
        clock: Arc<dyn Clock>,
        token: TokenDetails,
    ) -> Self {
        let cache = Self::new(source, params, clock);
        cache.0.lock().store_given(token, &cache.0.settings);
        cache
    }

    /// Sets the renewal policy. Call it before the cache is cloned; afterwards it has no effect.
    #[must_use]
    pub fn policy(self, policy: CachePolicy) -> Self {
        self.set(|settings| settings.policy = policy)
    }

    /// Sets the source of randomness, by default the operating system's. Call it before the cache is cloned; afterwards
    /// it has no effect.
    #[must_use]
    pub fn random(self, random: Arc<dyn Random>) -> Self {
        self.set(|settings| settings.random = random)
    }

    /// Checks expiry by the service's clock too, once that is known (`RSA4b1`). Call it before the cache is cloned;
    /// afterwards it has no effect.
    #[must_use]
    pub fn time_offset(self, offset: Arc<TimeOffset>) -> Self {
        self.set(|settings| settings.offset = Some(offset))
    }

    /// Limits how long a caller waits for a fetch that another thread runs. The default is 60 s. Call it before the
    /// cache is cloned; afterwards it has no effect.
    ///
    /// A longer wait ends with [`ErrorKind::TokenTimedOut`](crate::ErrorKind::TokenTimedOut), also for a source that
    /// asks its own cache through another task or thread. The source itself is not interrupted.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        self.set(|settings| settings.timeout = timeout)
    }

    fn set(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        if let Some(Inner { settings, state }) = Arc::get_mut(&mut self.0) {
            change(settings);
            state.get_mut().unwrap_or_else(PoisonError::into_inner).apply_settings(settings);
        }
        self
    }

    /// Returns a token that is not known to be expired or refused.
    ///
    /// # Errors
    /// The error of the source, [`ErrorKind::TokenExpired`](crate::ErrorKind::TokenExpired) with 40142 if the source
    /// gave an expired token, or [`ErrorKind::NoMeansToRenew`](crate::ErrorKind::NoMeansToRenew) with 40171.
    pub fn token(&self) -> Result<CachedToken, Error> {
        self.newer_than(None)
    }

    /// Returns a token newer than `refused`, which the service refused. The cache gives the refused token to no caller
    /// any more.
    ///
    /// # Errors
    /// As [`token`](Self::token).
    pub fn renewed(&self, refused: Generation) -> Result<CachedToken, Error> {
        self.newer_than(Some(refused))
    }

    /// Fetches a new token, even if the held token is valid (`RSA10`). `source` and `params` replace those of the
    /// cache, if they are given. The fetch begins after the call.
    ///
    /// After success, the cache keeps the given params and source, except the params' timestamp and nonce (`RSA10g`). A
    /// token that has already expired is returned too, but requests do not use it.
    ///
    /// # Errors
    /// The error of the source, or [`ErrorKind::NoMeansToRenew`](crate::ErrorKind::NoMeansToRenew) with 40171. The held
    /// token, the params and the source then stay the same.
    #[allow(clippy::needless_pass_by_value, reason = "same signature as the async cache")]
    pub fn authorize(
        &self,
        params: Option<&TokenParams>,
        source: Option<Arc<dyn BlockingTokenSource>>,
    ) -> Result<CachedToken, Error> {
        let before = self.0.lock().last_ticket();
        loop {
            let now = self.0.settings.now();
            let (began, role) = self.0.lock().authorize(params, source.as_ref(), &now, Role::start)?;
            let outcome = role.outcome(&self.0);
            let has_timed_out = outcome.as_ref().is_err_and(|error| error.kind() == ErrorKind::TokenTimedOut);
            if began > before || has_timed_out {
                return outcome.map(|fetched| fetched.token);
            }
        }
    }

    /// Returns the token in use (`RSA16`), or `None` if it is known to be expired or refused (`RSA16d`).
    #[must_use]
    pub fn token_details(&self) -> Option<TokenDetails> {
        let now = self.0.settings.now();
        let token = self.0.lock().valid_token(&now).cloned();
        token.map(|token| token.details().clone())
    }

    fn newer_than(&self, refused: Option<Generation>) -> Result<CachedToken, Error> {
        for _ in 0..MAX_ROUNDS {
            let now = self.0.settings.now();
            let role = match self.0.lock().step(refused, &now, Role::start)? {
                Step::Serve(token) => return Ok(token),
                Step::Fetch(role) => role,
            };
            let outcome = role.outcome(&self.0);
            let now = self.0.settings.now();
            if let Some(answer) = self.0.lock().result_after(outcome, None, &now) {
                return answer;
            }
        }
        Err(Error::expired_on_arrival())
    }
}

impl Inner {
    fn lock(&self) -> Locked<'_> {
        // No change under the lock is left incomplete, so the state is valid even after a panic of another thread.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for BlockingTokenCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockingTokenCache").field("token", &self.token_details()).finish_non_exhaustive()
    }
}
