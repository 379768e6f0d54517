//! What a cache remembers, and how it changes: the same for both caches, which lock it and wait.

use std::sync::Arc;
use std::time::Duration;

use ably_auth_core::{TokenDetails, TokenParams};

use super::decide::{Decision, Means, decide};
use super::life::{Age, Life, Now};
use super::policy::Draw;
use super::settings::Settings;
use super::token::{CachedToken, Generation};
use super::trace::{self, Purpose, Reason};
use crate::clock::Moment;
use crate::error::Error;
use crate::source::{BlockingTokenSource, TokenSource};

/// Either kind of source.
pub(super) trait Source {
    fn renewable(&self) -> bool;
}

impl Source for dyn TokenSource {
    fn renewable(&self) -> bool {
        self.can_renew()
    }
}

impl Source for dyn BlockingTokenSource {
    fn renewable(&self) -> bool {
        self.can_renew()
    }
}

/// A fetch that callers may wait for.
pub(super) trait Handle {
    /// Whether anybody still drives it.
    fn is_alive(&self) -> bool;

    /// Whether whoever calls is its own source, which would wait for itself.
    fn is_of_caller(&self) -> bool;
}

/// Whom to ask, and what for.
pub(super) struct Question<S: ?Sized> {
    pub(super) source: Arc<S>,
    pub(super) params: Arc<TokenParams>,
}

impl<S: ?Sized> Clone for Question<S> {
    fn clone(&self) -> Self {
        Self { source: Arc::clone(&self.source), params: Arc::clone(&self.params) }
    }
}

impl<S: ?Sized> PartialEq for Question<S> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.source, &other.source) && self.params == other.params
    }
}

/// Counts fetches in the order in which they began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket(u64);

/// A fetch that has begun.
pub(super) struct Begun<S: ?Sized> {
    pub(super) ticket: Ticket,
    question: Question<S>,
    purpose: Purpose,
    /// How many times a caller had authorized before.
    authorizations: u64,
    asked: Moment,
}

/// What a source gave.
#[derive(Clone, Debug)]
pub(super) struct Fetched {
    pub(super) token: CachedToken,
    /// It had expired before it came.
    pub(super) is_expired: bool,
}

/// What comes of a fetch, for all who wait for it.
pub(super) type Outcome = Result<Fetched, Error>;

/// What to do for a caller who wants a token that is good.
pub(super) enum Step {
    Done(Result<CachedToken, Error>),
    Fetch(Reason),
}

struct InFlight<S: ?Sized, H> {
    ticket: Ticket,
    question: Question<S>,
    handle: H,
}

struct Held {
    token: CachedToken,
    life: Life,
    is_given: bool,
}

/// Failures in a row.
#[derive(Default)]
struct Failures {
    count: u32,
    /// Until then the source is left alone.
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
    held: Option<Held>,
    question: Question<S>,
    newest: Generation,
    last_begun: Ticket,
    /// The latest fetch that has authorized, and how many have.
    last_authorized: Ticket,
    authorizations: u64,
    early: Failures,
    cold: Failures,
    in_flight: Vec<InFlight<S, H>>,
}

impl<S: Source + ?Sized, H: Handle> State<S, H> {
    pub(super) fn new(source: Arc<S>, params: TokenParams) -> Self {
        Self {
            held: None,
            question: Question { source, params: Arc::new(lasting(params)) },
            newest: Generation::default(),
            last_begun: Ticket::default(),
            last_authorized: Ticket::default(),
            authorizations: 0,
            early: Failures::default(),
            cold: Failures::default(),
            in_flight: Vec::new(),
        }
    }

    /// Takes a token that was not fetched: how long it has lived already is not known.
    pub(super) fn give(&mut self, details: TokenDetails, settings: &Settings) {
        let life = Life::of_given(&details, settings.now().here, &settings.policy, settings.draw());
        self.newest = self.newest.next();
        self.held = Some(Held { token: CachedToken::new(details, self.newest), life, is_given: true });
    }

    /// Judges a token that was given by other settings than before.
    pub(super) fn reconsider(&mut self, settings: &Settings) {
        if let Some(Held { token, life, is_given: true }) = &mut self.held {
            *life = Life::of_given(token.details(), settings.now().here, &settings.policy, settings.draw());
        }
    }

    /// What to do for a caller, of whom the service has refused a token if it says so.
    pub(super) fn step(&mut self, refused: Option<Generation>, now: &Now) -> Step {
        if let Some(refused) = refused {
            self.refuse(refused);
        }
        let age = self.age(now);
        let decision = decide(age, || Means {
            can_renew: self.question.source.renewable() || self.newest == Generation::default(),
            is_asked: self.in_flight(&self.question).is_some(),
            early_waits: self.early.waits(now),
            cold_waits: self.cold.waits(now),
        });
        match (decision, &self.held) {
            (Decision::Serve, Some(held)) => Step::Done(Ok(held.token.clone())),
            (Decision::Refresh, _) => Step::Fetch(Reason::Early),
            (Decision::Fetch | Decision::Serve, _) => Step::Fetch(self.reason(age)),
            (Decision::Fail, _) => {
                trace::leaves_alone();
                Step::Done(Err(self.cold.last.clone().unwrap_or_else(Error::expired_on_arrival)))
            }
            (Decision::GiveUp, _) => Step::Done(Err(Error::no_means_to_renew(None))),
        }
    }

    /// The token at hand, if it is not known to be bad.
    pub(super) fn good(&self, now: &Now) -> Option<&CachedToken> {
        self.held.as_ref().filter(|held| held.life.age(now) != Age::Expired).map(|held| &held.token)
    }

    /// What a caller who waited for that gets; nothing if it has to ask again.
    pub(super) fn answer(&self, outcome: Outcome, now: &Now) -> Option<Result<CachedToken, Error>> {
        match (self.good(now), outcome) {
            // A newer token may have come meanwhile, or the old one be good still.
            (Some(token), _) => Some(Ok(token.clone())),
            (None, Err(error)) => Some(Err(error)),
            (None, Ok(Fetched { is_expired: true, .. })) => Some(Err(Error::expired_on_arrival())),
            // It was refused, or has expired, before this caller got to see it.
            (None, Ok(_)) => None,
        }
    }

    /// The fetch under way that asks the same, and when it began.
    pub(super) fn in_flight(&self, question: &Question<S>) -> Option<(Ticket, &H)> {
        let mut alive = self.in_flight.iter().filter(|fetch| fetch.handle.is_alive());
        alive.find(|fetch| fetch.question == *question).map(|fetch| (fetch.ticket, &fetch.handle))
    }

    /// The same, for a caller to wait for.
    pub(super) fn to_wait_for(&self, question: &Question<S>) -> Result<Option<(Ticket, &H)>, Error> {
        match self.in_flight(question) {
            Some((_, handle)) if handle.is_of_caller() => Err(Error::waits_for_itself()),
            fetch => Ok(fetch),
        }
    }

    /// What is asked unless a caller says otherwise.
    pub(super) fn question(&self) -> &Question<S> {
        &self.question
    }

    /// What a caller who authorizes asks: what it does not say is as it was.
    pub(super) fn question_of(&self, params: Option<&TokenParams>, source: Option<&Arc<S>>) -> Question<S> {
        let params = params.map_or_else(|| Arc::clone(&self.question.params), |params| Arc::new(params.clone()));
        Question { params, source: Arc::clone(source.unwrap_or(&self.question.source)) }
    }

    /// The last fetch that has begun.
    pub(super) fn last_begun(&self) -> Ticket {
        self.last_begun
    }

    /// Begins a fetch. Whoever drives it has to end it, or to let go of its handle.
    pub(super) fn begin(&mut self, question: Question<S>, purpose: Purpose, now: &Now) -> Begun<S> {
        self.last_begun = Ticket(self.last_begun.0.saturating_add(1));
        trace::asks(purpose);
        Begun { ticket: self.last_begun, question, purpose, authorizations: self.authorizations, asked: now.here }
    }

    /// Lets others wait for a fetch.
    pub(super) fn announce(&mut self, ticket: Ticket, question: Question<S>, handle: H) {
        self.in_flight.retain(|fetch| fetch.handle.is_alive());
        self.in_flight.push(InFlight { ticket, question, handle });
    }

    /// Takes in what came of a fetch.
    pub(super) fn end(
        &mut self,
        begun: Begun<S>,
        outcome: Result<TokenDetails, Error>,
        settings: &Settings,
        now: &Now,
        draw: Draw,
    ) -> Outcome {
        self.in_flight.retain(|fetch| fetch.ticket != begun.ticket);
        // Whoever authorizes replaces what was asked before, and also what is still under way of it.
        let is_newest = match begun.purpose {
            Purpose::Request(_) => begun.authorizations == self.authorizations,
            Purpose::Authorize { .. } => begun.ticket > self.last_authorized,
        };
        let details = match outcome {
            Ok(details) => details,
            Err(error) => {
                trace::failed(begun.purpose, &error);
                if is_newest && matches!(begun.purpose, Purpose::Request(_)) {
                    self.count_failure(&error, settings, now, draw);
                }
                return Err(error);
            }
        };
        let life = Life::of_fetched(&details, begun.asked, &settings.policy, draw);
        let is_expired = life.age(now) == Age::Expired;
        if !is_newest || (is_expired && matches!(begun.purpose, Purpose::Request(_))) {
            if is_newest {
                let error = Error::expired_on_arrival();
                trace::failed(begun.purpose, &error);
                self.count_failure(&error, settings, now, draw);
            }
            return Ok(Fetched { token: CachedToken::new(details, Generation::default()), is_expired });
        }
        trace::has_come(begun.purpose);
        self.newest = self.newest.next();
        let token = CachedToken::new(details, self.newest);
        self.held = Some(Held { token: token.clone(), life, is_given: false });
        (self.early, self.cold) = (Failures::default(), Failures::default());
        if let Purpose::Authorize { stores_params, stores_source } = begun.purpose {
            self.last_authorized = begun.ticket;
            self.authorizations = self.authorizations.saturating_add(1);
            if stores_params {
                self.question.params = Arc::new(lasting(TokenParams::clone(&begun.question.params)));
            }
            if stores_source {
                self.question.source = begun.question.source;
            }
        }
        Ok(Fetched { token, is_expired })
    }

    /// Removes a fetch that ends without an outcome, because no caller waits for it any more.
    ///
    /// An abandoned early renewal counts as failed. Otherwise the next caller would start another renewal, and perhaps
    /// give up too, although the held token is still valid.
    pub(super) fn abandon(&mut self, begun: &Begun<S>, settings: &Settings, now: &Now, draw: Draw) {
        self.in_flight.retain(|fetch| fetch.ticket != begun.ticket);
        let is_early = matches!(begun.purpose, Purpose::Request(Reason::Early));
        if is_early && begun.authorizations == self.authorizations {
            self.count_failure(&Error::abandoned(), settings, now, draw);
        }
    }

    fn age(&self, now: &Now) -> Option<Age> {
        self.held.as_ref().map(|held| held.life.age(now))
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

    fn count_failure(&mut self, error: &Error, settings: &Settings, now: &Now, draw: Draw) {
        let left = self.held.as_ref().map(|held| held.life.left(now)).filter(|left| *left > Duration::ZERO);
        let (failures, wait) = match left {
            Some(left) => {
                let count = self.early.add(error);
                (&mut self.early, Some(settings.policy.wait_early(count, left, draw)))
            }
            None => {
                let count = self.cold.add(error);
                (&mut self.cold, settings.policy.wait_cold(count, draw))
            }
        };
        let wait = settings.policy.with_retry_after(wait, error.retry_after());
        failures.until = wait.map(|wait| now.here.saturating_add(wait));
        trace::backs_off(failures.count, wait.unwrap_or_default());
    }
}

/// Params without what is for one request alone (`RSA10g`).
fn lasting(params: TokenParams) -> TokenParams {
    TokenParams { timestamp: None, nonce: None, ..params }
}
