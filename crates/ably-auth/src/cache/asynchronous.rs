//! The token cache for async callers.

use std::cell::RefCell;
use std::fmt;
use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Poll;
use std::time::Duration;

use ably_auth_core::{TokenDetails, TokenParams};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Either, Shared, WeakShared, select};

use super::MAX_ROUNDS;
use super::in_flight::{Handle, TokenQuery};
use super::policy::CachePolicy;
use super::settings::Settings;
use super::state::{Outcome, PendingFetch, State, Step};
use super::token::CachedToken;
use super::validity::Now;
use crate::clock::Clock;
use crate::error::{Error, ErrorKind};
use crate::generation::Generation;
use crate::random::Random;
use crate::source::TokenSource;
use crate::time_offset::TimeOffset;
use crate::transport::Sleep;

/// Creates a future that completes after a time, or returns `None` if there is no timer.
type Timer = dyn Fn(Duration) -> Option<Sleep> + Send + Sync;

type Fetch = Shared<BoxFuture<'static, Outcome>>;

/// A cache that keeps a token while it is valid, and fetches a new one once for all callers.
///
/// - Callers share a fetch and its outcome, success or failure. Dropping one caller's future does not cancel the fetch
///   for the others. A fetch ends when no caller waits for it any more.
/// - A token is renewed [before it expires](CachePolicy::early_refresh): one caller renews it, and all others get the
///   old token meanwhile. If the renewal fails, that caller gets the old token too. If that caller gives up, the
///   renewal counts as failed, so that the others get the old token [for a while](CachePolicy::early_backoff).
/// - A lifetime counts from the start of the fetch, by the local clocks. If the service's clock [is
///   known](Self::time_offset), `expires` counts too (`RSA4b1`). A token without an expiry is used until the
///   service refuses it.
/// - After two consecutive failures without a valid token, the cache [backs off](CachePolicy::failure_backoff) from the
///   source.
///
/// The cache can be created without a runtime, and spawns no tasks.
///
/// ```
/// # futures_lite_block_on(async {
/// use std::sync::Arc;
/// use ably_auth::{SystemClock, Token, TokenCache, TokenDetails, TokenParams};
///
/// let source = |_params: TokenParams| async { Ok(TokenDetails::from_token(Token::new("xVLyHw.Dtxd9tuz")?)) };
/// let cache = TokenCache::new(Arc::new(source), TokenParams::new(), Arc::new(SystemClock));
/// let token = cache.token().await?;
/// assert_eq!(token.authorization().header(), "Bearer xVLyHw.Dtxd9tuz");
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
    settings: Settings,
    sleep: Option<Box<Timer>>,
    state: Mutex<State<dyn TokenSource, SharedFetch>>,
}

/// A shared fetch in flight. The reference is weak, so that the fetch ends when no caller waits for it.
struct SharedFetch {
    fetch: Option<WeakShared<BoxFuture<'static, Outcome>>>,
    /// Expires when the fetch is dropped. It tells that the fetch is alive without a reference to it: the last
    /// reference must never be dropped under the lock.
    alive: Weak<()>,
}

impl Handle for SharedFetch {
    type Fetch = Fetch;

    fn is_alive(&self) -> bool {
        self.alive.strong_count() > 0
    }

    fn is_of_caller(&self) -> bool {
        PollGuard::is_polling(self.alive.as_ptr())
    }

    fn join(&self) -> Option<Fetch> {
        self.fetch.as_ref().and_then(WeakShared::upgrade)
    }
}

thread_local! {
    /// The fetches whose sources this thread is polling, the innermost last. Each is identified by the address of its
    /// `alive` value.
    static POLLED_FETCHES: RefCell<Vec<*const ()>> = const { RefCell::new(Vec::new()) };
}

/// A guard that records, until it is dropped, that this thread polls the source of a fetch.
struct PollGuard;

impl PollGuard {
    fn enter(fetch: &Arc<()>) -> Self {
        POLLED_FETCHES.with_borrow_mut(|polled| polled.push(Arc::as_ptr(fetch)));
        Self
    }

    fn is_polling(fetch: *const ()) -> bool {
        POLLED_FETCHES.with_borrow(|polled| polled.contains(&fetch))
    }
}

impl Drop for PollGuard {
    fn drop(&mut self) {
        POLLED_FETCHES.with_borrow_mut(Vec::pop);
    }
}

impl TokenCache {
    /// Creates a cache of the tokens that `source` gives for `params`. The timestamp and the nonce of `params` are
    /// ignored.
    #[must_use]
    pub fn new(source: Arc<dyn TokenSource>, params: TokenParams, clock: Arc<dyn Clock>) -> Self {
        let state = Mutex::new(State::new(source, params));
        Self(Arc::new(Inner { settings: Settings::new(clock), sleep: None, state }))
    }

    /// Creates a cache as [`new`](Self::new), with a first token.
    ///
    /// The token's age is unknown, so it is used until the service refuses it, or until it [expires by the service's
    /// clock](Self::time_offset).
    #[must_use]
    pub fn with_token(
        source: Arc<dyn TokenSource>,
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

    /// Limits how long a caller waits for a token. The timer is `sleep`, which may be [that of a
    /// transport](crate::Transport::sleep). By default there is no limit. Call it before the cache is cloned;
    /// afterwards it has no effect.
    ///
    /// A longer wait ends with [`ErrorKind::TokenTimedOut`](crate::ErrorKind::TokenTimedOut), also for a source that
    /// asks its own cache through another task or thread. A held token that is still valid is returned instead.
    #[must_use]
    pub fn timeout(
        mut self,
        timeout: Duration,
        sleep: impl Fn(Duration) -> Option<Sleep> + Send + Sync + 'static,
    ) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            inner.settings.timeout = timeout;
            inner.sleep = Some(Box::new(sleep));
        }
        self
    }

    fn set(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        if let Some(Inner { settings, state, .. }) = Arc::get_mut(&mut self.0) {
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
    pub async fn token(&self) -> Result<CachedToken, Error> {
        self.newer_than(None).await
    }

    /// Returns a token newer than `refused`, which the service refused. The cache gives the refused token to no caller
    /// any more.
    ///
    /// # Errors
    /// As [`token`](Self::token).
    pub async fn renewed(&self, refused: Generation) -> Result<CachedToken, Error> {
        self.newer_than(Some(refused)).await
    }

    /// Returns a token newer than `current`, which stays in use if the source fails. Callers that ask for the same share
    /// one fetch.
    ///
    /// # Errors
    /// As [`token`](Self::token).
    #[cfg(feature = "realtime")]
    pub(crate) async fn newer(&self, current: Generation) -> Result<CachedToken, Error> {
        self.serve(Some(current), |state, now| state.step_newer(current, now, |pending| self.start(pending))).await
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
    pub async fn authorize(
        &self,
        params: Option<&TokenParams>,
        source: Option<Arc<dyn TokenSource>>,
    ) -> Result<CachedToken, Error> {
        let before = self.0.lock().last_ticket();
        loop {
            let now = self.0.settings.now();
            let (began, fetch) =
                self.0.lock().authorize(params, source.as_ref(), &now, |pending| self.start(pending))?;
            let outcome = self.0.outcome_of(fetch).await;
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

    async fn newer_than(&self, refused: Option<Generation>) -> Result<CachedToken, Error> {
        self.serve(None, |state, now| state.step(refused, now, |pending| self.start(pending))).await
    }

    /// Carries out steps until there is a token: any valid one, or one that is newer than `current`.
    async fn serve(
        &self,
        current: Option<Generation>,
        next: impl Fn(&mut State<dyn TokenSource, SharedFetch>, &Now) -> Result<Step<Fetch>, Error>,
    ) -> Result<CachedToken, Error> {
        for _ in 0..MAX_ROUNDS {
            let now = self.0.settings.now();
            let fetch = match next(&mut self.0.lock(), &now)? {
                Step::Serve(token) => return Ok(token),
                Step::Fetch(fetch) => fetch,
            };
            let outcome = self.0.outcome_of(fetch).await;
            let now = self.0.settings.now();
            if let Some(answer) = self.0.lock().result_after(outcome, current, &now) {
                return answer;
            }
        }
        Err(Error::expired_on_arrival())
    }

    /// Starts a fetch, which runs while a caller waits for it.
    fn start(&self, pending: PendingFetch<dyn TokenSource>) -> (SharedFetch, Fetch) {
        let (inner, liveness) = (Arc::clone(&self.0), Arc::new(()));
        let TokenQuery { source, params } = pending.query.clone();
        let mut guard = FetchGuard { inner, pending: Some(pending) };
        let alive = Arc::downgrade(&liveness);
        let fetch = async move {
            let mut source = pin!(async { source.token(&params).await });
            let polled = poll_fn(|context| {
                let _polled = PollGuard::enter(&liveness);
                source.as_mut().poll(context)
            });
            // Turn a panic into an error for every caller that waits. Otherwise the panic would reach all of them, or
            // leave them waiting.
            let outcome = AssertUnwindSafe(polled).catch_unwind().await;
            let outcome = outcome.unwrap_or_else(|_| Err(Error::broken_off()));
            guard.end(outcome)
        };
        let fetch = fetch.boxed().shared();
        (SharedFetch { fetch: fetch.downgrade(), alive }, fetch)
    }
}

/// A guard that abandons a fetch if it is dropped before the fetch ends. It is never dropped under the lock, because
/// `drop` takes the lock.
struct FetchGuard {
    inner: Arc<Inner>,
    pending: Option<PendingFetch<dyn TokenSource>>,
}

impl FetchGuard {
    fn end(&mut self, outcome: Result<TokenDetails, Error>) -> Outcome {
        let Self { inner, pending } = self;
        let Some(pending) = pending.take() else { return Err(Error::abandoned()) };
        let (now, jitter) = (inner.settings.now(), inner.settings.jitter());
        inner.lock().end(pending, outcome, &inner.settings, &now, jitter)
    }
}

impl Drop for FetchGuard {
    fn drop(&mut self) {
        if let Some(pending) = self.pending.take() {
            let inner = &self.inner;
            let (now, jitter) = (inner.settings.now(), inner.settings.jitter());
            inner.lock().abandon(&pending, &inner.settings, &now, jitter);
        }
    }
}

fn ready_output<T>(poll: Poll<T>) -> Option<T> {
    match poll {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

impl Inner {
    /// Waits for a fetch, with the timeout if there is a timer.
    async fn outcome_of(&self, mut fetch: Fetch) -> Outcome {
        let Some(sleep) = &self.sleep else { return fetch.await };
        // A fetch that is ready needs no timer, and no runtime for the timer.
        if let Some(outcome) = poll_fn(|context| Poll::Ready(ready_output(fetch.poll_unpin(context)))).await {
            return outcome;
        }
        let timeout = self.settings.timeout;
        let Some(timer) = sleep(timeout) else { return fetch.await };
        match select(fetch, timer).await {
            Either::Left((outcome, _)) => outcome,
            Either::Right(((), fetch)) => {
                self.lock().fetches.give_up(|handle| handle.join().is_some_and(|other| other.ptr_eq(&fetch)));
                Err(Error::token_timed_out(timeout))
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<dyn TokenSource, SharedFetch>> {
        // No change under the lock is left incomplete, so the state is valid even after a panic of another thread.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for TokenCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenCache").field("token", &self.token_details()).finish_non_exhaustive()
    }
}
