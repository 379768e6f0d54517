//! The cache for callers that block.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use ably_auth_core::{TokenDetails, TokenParams};

use super::MAX_ROUNDS;
use super::policy::CachePolicy;
use super::settings::Settings;
use super::state::{Handle, Outcome, PendingFetch, State, Step, TokenQuery};
use super::sync::{Condvar, Mutex, MutexGuard, thread, wait_while};
use super::token::{CachedToken, Generation};
use super::trace::Purpose;
use super::validity::Now;
use crate::clock::Clock;
use crate::error::{Error, ErrorKind};
use crate::random::Random;
use crate::source::BlockingTokenSource;
use crate::time_offset::TimeOffset;

type Locked<'a> = MutexGuard<'a, State<dyn BlockingTokenSource, Arc<Fetch>>>;

/// [`TokenCache`](crate::TokenCache)'s twin for callers that block: shared between threads, it fetches once for all that ask,
/// on the thread of one of them.
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

/// A fetch that one thread makes, and others wait for.
struct Fetch {
    outcome: Mutex<Option<Outcome>>,
    ended: Condvar,
    maker: thread::ThreadId,
}

impl Handle for Arc<Fetch> {
    /// Its thread ends it, come what may.
    fn is_alive(&self) -> bool {
        true
    }

    fn is_of_caller(&self) -> bool {
        self.maker == thread::current().id()
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

/// Ends a fetch whatever becomes of it, so that a source that panics leaves nobody waiting.
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

/// What a thread has to do for its outcome.
enum Role {
    Wait(Arc<Fetch>),
    Run(PendingFetch<dyn BlockingTokenSource>, TokenQuery<dyn BlockingTokenSource>, Arc<Fetch>),
}

impl Role {
    fn begin(state: &mut Locked<'_>, query: TokenQuery<dyn BlockingTokenSource>, purpose: Purpose, now: &Now) -> Self {
        let pending = state.begin(query.clone(), purpose, now);
        let fetch = Fetch::new();
        state.announce(pending.ticket, query.clone(), Arc::clone(&fetch));
        Self::Run(pending, query, fetch)
    }

    fn outcome(self, inner: &Inner) -> Outcome {
        match self {
            Self::Wait(fetch) => fetch.wait(inner.settings.timeout),
            Self::Run(pending, TokenQuery { source, params }, fetch) => {
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
    /// Caches what `source` gives for `params`, of which the timestamp and the nonce are left out.
    #[must_use]
    pub fn new(source: Arc<dyn BlockingTokenSource>, params: TokenParams, clock: Arc<dyn Clock>) -> Self {
        let state = Mutex::new(State::new(source, params));
        Self(Arc::new(Inner { settings: Settings::new(clock), state }))
    }

    /// As [`new`](Self::new), with a token that is there already.
    ///
    /// How long it has lived is not known, so it is used until the service refuses it, or until it
    /// [expires by the service's clock](Self::with_time_offset).
    #[must_use]
    pub fn with_token(
        source: Arc<dyn BlockingTokenSource>,
        params: TokenParams,
        clock: Arc<dyn Clock>,
        token: TokenDetails,
    ) -> Self {
        let cache = Self::new(source, params, clock);
        cache.0.lock().give(token, &cache.0.settings);
        cache
    }

    /// Renews tokens as that policy says. To be called before the cache is cloned; afterwards it changes nothing.
    #[must_use]
    pub fn with_policy(self, policy: CachePolicy) -> Self {
        self.set(|settings| settings.policy = policy)
    }

    /// Takes chance from there; by default from the operating system. To be called before the cache is cloned; afterwards it
    /// changes nothing.
    #[must_use]
    pub fn with_random(self, random: Arc<dyn Random>) -> Self {
        self.set(|settings| settings.random = random)
    }

    /// Judges tokens by the service's clock too, once it is known (`RSA4b1`). To be called before the cache is cloned;
    /// afterwards it changes nothing.
    #[must_use]
    pub fn with_time_offset(self, offset: Arc<TimeOffset>) -> Self {
        self.set(|settings| settings.offset = Some(offset))
    }

    /// Limits how long a caller waits for a token that another thread is getting: 60 s unless set. To be called before the
    /// cache is cloned; afterwards it changes nothing.
    ///
    /// A longer wait ends with [`ErrorKind::TokenTimedOut`](crate::ErrorKind::TokenTimedOut). So a source that fetch_started its own
    /// cache through a thread that it starts ends with an error, too. The source itself is not interrupted.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        self.set(|settings| settings.timeout = timeout)
    }

    fn set(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        if let Some(Inner { settings, state }) = Arc::get_mut(&mut self.0) {
            change(settings);
            state.get_mut().unwrap_or_else(PoisonError::into_inner).apply_settings(settings);
        }
        self
    }

    /// A token that is not known to be bad.
    ///
    /// # Errors
    /// What the source's attempt failed with, [`ErrorKind::TokenExpired`](crate::ErrorKind::TokenExpired) with 40142 if its token
    /// had expired already, or [`ErrorKind::NoMeansToRenew`](crate::ErrorKind::NoMeansToRenew) with 40171.
    pub fn token(&self) -> Result<CachedToken, Error> {
        self.newer_than(None)
    }

    /// A token newer than the one that the service has refused, which is nobody's any more.
    ///
    /// # Errors
    /// As [`token`](Self::token).
    pub fn renewed(&self, refused: Generation) -> Result<CachedToken, Error> {
        self.newer_than(Some(refused))
    }

    /// A new token in any case (`RSA10`): one that is asked for after the call, from `source` if one is given, and else from
    /// the one before; for `params` if they are given, and else for those before.
    ///
    /// If there is one, the given params and source are used from then on, but for the params' timestamp and nonce
    /// (`RSA10g`). A token that has expired already is returned too, but no request gets it.
    ///
    /// # Errors
    /// What the source's attempt failed with, or [`ErrorKind::NoMeansToRenew`](crate::ErrorKind::NoMeansToRenew) with
    /// 40171; the token at hand, the params and the source are then what they were.
    #[allow(clippy::needless_pass_by_value, reason = "its async twin keeps it over an await")]
    pub fn authorize(
        &self,
        params: Option<&TokenParams>,
        source: Option<Arc<dyn BlockingTokenSource>>,
    ) -> Result<CachedToken, Error> {
        let before = self.0.lock().last_ticket();
        loop {
            let now = self.0.settings.now();
            let (role, is_new) = {
                let mut state = self.0.lock();
                let query = state.query_for(params, source.as_ref());
                if source.is_none() && !query.source.can_renew() {
                    return Err(Error::no_means_to_renew(None));
                }
                let under_way =
                    state.joinable(&query)?.map(|(began, fetch)| (Role::Wait(Arc::clone(fetch)), began > before));
                match under_way {
                    Some(role) => role,
                    None => {
                        let (stores_params, stores_source) = (params.is_some(), source.is_some());
                        let purpose = Purpose::Authorize { stores_params, stores_source };
                        (Role::begin(&mut state, query, purpose, &now), true)
                    }
                }
            };
            let outcome = role.outcome(&self.0);
            let has_timed_out = outcome.as_ref().is_err_and(|error| error.kind() == ErrorKind::TokenTimedOut);
            if is_new || has_timed_out {
                return outcome.map(|fetched| fetched.token);
            }
        }
    }

    /// The token in use (`RSA16`): none if it is known to have expired or was refused (`RSA16d`).
    #[must_use]
    pub fn token_details(&self) -> Option<TokenDetails> {
        let now = self.0.settings.now();
        let token = self.0.lock().good(&now).cloned();
        token.map(|token| token.details().clone())
    }

    fn newer_than(&self, refused: Option<Generation>) -> Result<CachedToken, Error> {
        for _ in 0..MAX_ROUNDS {
            let now = self.0.settings.now();
            let role = {
                let mut state = self.0.lock();
                match state.step(refused, &now) {
                    Step::Done(outcome) => return outcome,
                    Step::Fetch(reason) => match state.joinable(state.query())? {
                        Some((_, fetch)) => Role::Wait(Arc::clone(fetch)),
                        None => {
                            let query = state.query().clone();
                            Role::begin(&mut state, query, Purpose::Request(reason), &now)
                        }
                    },
                }
            };
            let outcome = role.outcome(&self.0);
            let now = self.0.settings.now();
            if let Some(answer) = self.0.lock().answer(outcome, &now) {
                return answer;
            }
        }
        Err(Error::expired_on_arrival())
    }
}

impl Inner {
    fn lock(&self) -> Locked<'_> {
        // Nothing is left half done under the lock, so a panic elsewhere spoils nothing.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for BlockingTokenCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockingTokenCache").field("token", &self.token_details()).finish_non_exhaustive()
    }
}
