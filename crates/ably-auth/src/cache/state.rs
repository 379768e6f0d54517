//! The state of a cache and its transitions. Both caches use it under their own lock.

use std::sync::Arc;
use std::time::Duration;

use ably_auth_core::{TokenDetails, TokenParams};

use super::decide::{Decision, SourceState, decide};
use super::in_flight::{Handle, InFlight, Ticket, TokenQuery};
use super::policy::Jitter;
use super::settings::Settings;
use super::token::CachedToken;
use super::trace::{self, Purpose, Reason};
use super::validity::{Age, Now, Validity};
use crate::clock::Moment;
use crate::error::Error;
use crate::generation::Generation;
use crate::source::Source;

/// A fetch that has begun and not ended.
pub(super) struct PendingFetch<S: ?Sized> {
    ticket: Ticket,
    pub(super) query: TokenQuery<S>,
    purpose: Purpose,
    /// The number of `authorize` calls that had succeeded when the fetch began.
    authorizations: u64,
    asked: Moment,
}

/// A token from a source.
#[derive(Clone, Debug)]
pub(super) struct Fetched {
    pub(super) token: CachedToken,
    /// True if the token had expired when it arrived.
    pub(super) is_expired: bool,
}

/// The outcome of a fetch, for all callers that wait for it.
pub(super) type Outcome = Result<Fetched, Error>;

/// The next step for a caller that needs a valid token.
pub(super) enum Step<F> {
    Serve(CachedToken),
    Fetch(F),
}

struct HeldToken {
    token: CachedToken,
    validity: Validity,
    is_given: bool,
}

/// Consecutive failures.
#[derive(Default)]
struct Failures {
    count: u32,
    /// The end of the backoff: until then, the source is not asked.
    until: Option<Moment>,
    last: Option<Error>,
}

impl Failures {
    fn waits(&self, now: &Now) -> bool {
        self.until.is_some_and(|until| !now.here.has_reached(until))
    }

    fn add(&mut self, error: &Error) -> u32 {
        self.count = self.count.saturating_add(1);
        self.last = Some(error.clone());
        self.count
    }
}

pub(super) struct State<S: ?Sized, H> {
    held: Option<HeldToken>,
    query: TokenQuery<S>,
    newest: Generation,
    last_ticket: Ticket,
    /// The latest fetch that an `authorize` call made.
    last_authorized: Ticket,
    /// The number of the fetch that returned the held token.
    last_stored: Ticket,
    authorizations: u64,
    refresh_failures: Failures,
    initial_failures: Failures,
    pub(super) fetches: InFlight<S, H>,
}

impl<S: Source + ?Sized, H: Handle> State<S, H> {
    pub(super) fn new(source: Arc<S>, params: TokenParams) -> Self {
        Self {
            held: None,
            query: TokenQuery { source, params: Arc::new(params.without_one_shot()) },
            newest: Generation::default(),
            last_ticket: Ticket::default(),
            last_authorized: Ticket::default(),
            last_stored: Ticket::default(),
            authorizations: 0,
            refresh_failures: Failures::default(),
            initial_failures: Failures::default(),
            fetches: InFlight::new(),
        }
    }

    /// Stores a token from the options. Its age is unknown.
    pub(super) fn store_given(&mut self, details: TokenDetails, settings: &Settings) {
        let validity = Validity::of_given(&details, settings.now().here, &settings.policy, settings.jitter());
        self.newest = self.newest.next();
        self.held = Some(HeldToken { token: CachedToken::new(details, self.newest), validity, is_given: true });
    }

    /// Computes the validity of a token from the options again, after the settings have changed.
    pub(super) fn apply_settings(&mut self, settings: &Settings) {
        if let Some(HeldToken { token, validity, is_given: true }) = &mut self.held {
            *validity = Validity::of_given(token.details(), settings.now().here, &settings.policy, settings.jitter());
        }
    }

    /// Returns the next step for a caller: the held token, or a fetch to wait for. `refused` is the token that the
    /// service refused, if it refused one. `start` is called if a fetch has to begin.
    ///
    /// # Errors
    /// The error of the last attempt during backoff, an error if there is no means to get a token, or if the caller is
    /// the source of the fetch, which would wait for itself.
    pub(super) fn step(
        &mut self,
        refused: Option<Generation>,
        now: &Now,
        start: impl FnOnce(PendingFetch<S>) -> (H, H::Fetch),
    ) -> Result<Step<H::Fetch>, Error> {
        match self.decide(refused, now)? {
            Step::Serve(token) => Ok(Step::Serve(token)),
            Step::Fetch(reason) => {
                let (_, fetch) = self.join_or_begin(self.query.clone(), Purpose::Request(reason), now, start)?;
                Ok(Step::Fetch(fetch))
            }
        }
    }

    /// Returns the next step for a caller that needs a newer token than `current`, which is not refused. A fetch that is
    /// in flight serves it too.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    #[cfg(feature = "realtime")]
    pub(super) fn step_newer(
        &mut self,
        current: Generation,
        now: &Now,
        start: impl FnOnce(PendingFetch<S>) -> (H, H::Fetch),
    ) -> Result<Step<H::Fetch>, Error> {
        if let Some(token) = self.valid_token_after(Some(current), now) {
            return Ok(Step::Serve(token.clone()));
        }
        if !self.query.source.is_renewable() {
            return Err(Error::no_means_to_renew(None));
        }
        let is_in_flight = self.fetches.find(&self.query).is_some();
        let (initial, refresh) = (&self.initial_failures, &self.refresh_failures);
        let backoff = [initial, refresh].into_iter().find(|failures| failures.waits(now));
        if let Some(last) = backoff.and_then(|failures| failures.last.clone()).filter(|_| !is_in_flight) {
            trace::last_error_returned();
            return Err(last);
        }
        let (_, fetch) = self.join_or_begin(self.query.clone(), Purpose::Request(Reason::Early), now, start)?;
        Ok(Step::Fetch(fetch))
    }

    /// Returns the fetch for an `authorize` call to wait for, and its number. `start` is called if a fetch has to
    /// begin.
    ///
    /// # Errors
    /// If the source cannot give another token, or if the caller is the source of the fetch, which would wait for
    /// itself.
    pub(super) fn authorize(
        &mut self,
        params: Option<&TokenParams>,
        source: Option<&Arc<S>>,
        now: &Now,
        start: impl FnOnce(PendingFetch<S>) -> (H, H::Fetch),
    ) -> Result<(Ticket, H::Fetch), Error> {
        let query = self.query_for(params, source);
        if source.is_none() && !query.source.is_renewable() {
            return Err(Error::no_means_to_renew(None));
        }
        let purpose = Purpose::Authorize { stores_params: params.is_some(), stores_source: source.is_some() };
        self.join_or_begin(query, purpose, now, start)
    }

    /// Returns the number of the fetch that began last.
    pub(super) fn last_ticket(&self) -> Ticket {
        self.last_ticket
    }

    fn decide(&mut self, refused: Option<Generation>, now: &Now) -> Result<Step<Reason>, Error> {
        if let Some(refused) = refused {
            self.refuse(refused);
        }
        let age = self.age(now);
        let decision = decide(age, || SourceState {
            can_renew: self.query.source.is_renewable() || self.newest == Generation::default(),
            is_in_flight: self.fetches.find(&self.query).is_some(),
            refresh_waits: self.refresh_failures.waits(now),
            initial_waits: self.initial_failures.waits(now),
        });
        match (decision, &self.held) {
            (Decision::Serve, Some(held)) => Ok(Step::Serve(held.token.clone())),
            (Decision::Refresh, _) => Ok(Step::Fetch(Reason::Early)),
            (Decision::Fetch | Decision::Serve, _) => Ok(Step::Fetch(self.reason(age))),
            (Decision::Fail, _) => {
                trace::last_error_returned();
                Err(self.initial_failures.last.clone().unwrap_or_else(Error::expired_on_arrival))
            }
            (Decision::GiveUp, _) => Err(Error::no_means_to_renew(None)),
        }
    }

    /// Returns the held token, unless it has expired.
    pub(super) fn valid_token(&self, now: &Now) -> Option<&CachedToken> {
        self.held.as_ref().filter(|held| held.validity.age(now) != Age::Expired).map(|held| &held.token)
    }

    /// Returns the held token, unless it has expired or is not newer than `current`.
    fn valid_token_after(&self, current: Option<Generation>, now: &Now) -> Option<&CachedToken> {
        self.valid_token(now).filter(|token| current.is_none_or(|current| token.generation() > current))
    }

    /// Returns the result for a caller that waited for `outcome`, or `None` if the caller has to start again.
    /// With `current`, only a newer token than that is a result.
    pub(super) fn result_after(
        &self,
        outcome: Outcome,
        current: Option<Generation>,
        now: &Now,
    ) -> Option<Result<CachedToken, Error>> {
        match (self.valid_token_after(current, now), outcome) {
            // Another fetch may have stored a newer token, or the old token may still be valid.
            (Some(token), _) => Some(Ok(token.clone())),
            (None, Err(error)) => Some(Err(error)),
            (None, Ok(Fetched { is_expired: true, .. })) => Some(Err(Error::expired_on_arrival())),
            // The token was refused or expired before this caller received it.
            (None, Ok(_)) => None,
        }
    }

    /// Returns the query of an `authorize` call: the current query, with the given params and source replaced.
    fn query_for(&self, params: Option<&TokenParams>, source: Option<&Arc<S>>) -> TokenQuery<S> {
        let params = params.map_or_else(|| Arc::clone(&self.query.params), |params| Arc::new(params.clone()));
        TokenQuery { params, source: Arc::clone(source.unwrap_or(&self.query.source)) }
    }

    /// Returns the fetch in flight for `query`, or begins one, and its number. `start` returns the handle for other
    /// callers, and the fetch for this one.
    fn join_or_begin(
        &mut self,
        query: TokenQuery<S>,
        purpose: Purpose,
        now: &Now,
        start: impl FnOnce(PendingFetch<S>) -> (H, H::Fetch),
    ) -> Result<(Ticket, H::Fetch), Error> {
        if let Some(joined) = self.fetches.join(&query)? {
            return Ok(joined);
        }
        self.last_ticket = self.last_ticket.next();
        trace::fetch_started(purpose);
        let (ticket, authorizations, asked) = (self.last_ticket, self.authorizations, now.here);
        let (handle, fetch) = start(PendingFetch { ticket, query: query.clone(), purpose, authorizations, asked });
        self.fetches.add(ticket, query, handle);
        Ok((ticket, fetch))
    }

    /// Ends a fetch and stores its outcome. The outcome of a fetch that began before that of the held token is not
    /// stored.
    pub(super) fn end(
        &mut self,
        pending: PendingFetch<S>,
        outcome: Result<TokenDetails, Error>,
        settings: &Settings,
        now: &Now,
        jitter: Jitter,
    ) -> Outcome {
        self.fetches.remove(pending.ticket);
        // An `authorize` call replaces the query, so it also outdates the fetches in flight for the previous query.
        let is_newest = match pending.purpose {
            Purpose::Request(_) => pending.authorizations == self.authorizations && pending.ticket > self.last_stored,
            Purpose::Authorize { .. } => pending.ticket > self.last_authorized,
        };
        let details = match outcome {
            Ok(details) => details,
            Err(error) => {
                trace::fetch_failed(pending.purpose, &error);
                if is_newest && matches!(pending.purpose, Purpose::Request(_)) {
                    self.count_failure(&error, settings, now, jitter);
                }
                return Err(error);
            }
        };
        let validity = Validity::of_fetched(&details, pending.asked, &settings.policy, jitter);
        let is_expired = validity.age(now) == Age::Expired;
        if !is_newest || (is_expired && matches!(pending.purpose, Purpose::Request(_))) {
            if is_newest {
                let error = Error::expired_on_arrival();
                trace::fetch_failed(pending.purpose, &error);
                self.count_failure(&error, settings, now, jitter);
            }
            return Ok(Fetched { token: CachedToken::new(details, Generation::default()), is_expired });
        }
        trace::fetch_succeeded(pending.purpose);
        self.newest = self.newest.next();
        self.last_stored = pending.ticket;
        let token = CachedToken::new(details, self.newest);
        self.held = Some(HeldToken { token: token.clone(), validity, is_given: false });
        (self.refresh_failures, self.initial_failures) = (Failures::default(), Failures::default());
        if let Purpose::Authorize { stores_params, stores_source } = pending.purpose {
            self.last_authorized = pending.ticket;
            self.authorizations = self.authorizations.saturating_add(1);
            if stores_params {
                self.query.params = Arc::new(TokenParams::clone(&pending.query.params).without_one_shot());
            }
            if stores_source {
                self.query.source = pending.query.source;
            }
        }
        Ok(Fetched { token, is_expired })
    }

    /// Removes a fetch that ends without an outcome, because no caller waits for it any more.
    ///
    /// An abandoned early renewal counts as failed. Otherwise the next caller would start another renewal, and might
    /// abandon it too, although the held token is still valid.
    pub(super) fn abandon(&mut self, pending: &PendingFetch<S>, settings: &Settings, now: &Now, jitter: Jitter) {
        self.fetches.remove(pending.ticket);
        let is_early = matches!(pending.purpose, Purpose::Request(Reason::Early));
        if is_early && pending.authorizations == self.authorizations {
            self.count_failure(&Error::abandoned(), settings, now, jitter);
        }
    }

    fn age(&self, now: &Now) -> Option<Age> {
        self.held.as_ref().map(|held| held.validity.age(now))
    }

    fn refuse(&mut self, refused: Generation) {
        self.held.take_if(|held| held.token.generation() <= refused);
    }

    fn reason(&self, age: Option<Age>) -> Reason {
        match age {
            Some(_) => Reason::Expired,
            None if self.newest == Generation::default() => Reason::First,
            None => Reason::Refused,
        }
    }

    fn count_failure(&mut self, error: &Error, settings: &Settings, now: &Now, jitter: Jitter) {
        let left = self.held.as_ref().map(|held| held.validity.left(now)).filter(|left| *left > Duration::ZERO);
        let (failures, wait) = match left {
            Some(left) => {
                let count = self.refresh_failures.add(error);
                (&mut self.refresh_failures, Some(settings.policy.refresh_wait(count, left, jitter)))
            }
            None => {
                let count = self.initial_failures.add(error);
                (&mut self.initial_failures, settings.policy.initial_wait(count, jitter))
            }
        };
        let wait = settings.policy.with_retry_after(wait, error.retry_after());
        failures.until = wait.map(|wait| now.here.saturating_add(wait));
        trace::backing_off(failures.count, wait.unwrap_or_default());
    }
}
