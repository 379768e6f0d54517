//! How long a token lives, and how far it has got.

use std::time::Duration;

use ably_auth_core::jwt::JwtText;
use ably_auth_core::{Timestamp, TokenDetails};

use super::policy::{CachePolicy, Jitter};
use crate::clock::{Moment, millis};

/// How far a token's life has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Age {
    Good,
    /// Good, and to be renewed.
    Due,
    Expired,
}

/// The present, by the clocks here and by the service's as far as that is known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Now {
    pub(super) here: Moment,
    pub(super) service: Option<Timestamp>,
}

/// When a token is to be renewed, and when it is over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Validity {
    due: Deadline,
    end: Deadline,
}

/// Reached as soon as any of the clocks says so.
#[derive(Clone, Copy, Debug)]
struct Deadline {
    here: Moment,
    service: Timestamp,
}

impl Deadline {
    fn is_reached(&self, now: &Now) -> bool {
        now.here.has_reached(self.here) || now.service.is_some_and(|service| service >= self.service)
    }

    fn earlier_by(self, span: Duration) -> Self {
        let service = Timestamp::from_millis(self.service.as_millis().saturating_sub(millis(span)));
        Self { here: self.here.saturating_sub(span), service }
    }
}

impl Validity {
    /// Of a token that was asked for at that moment, from which its lifetime counts: it cannot have been issued earlier.
    pub(super) fn of_fetched(details: &TokenDetails, asked: Moment, policy: &CachePolicy, jitter: Jitter) -> Self {
        let times = Times::of(details);
        let lifetime = times.lifetime(asked);
        let here = lifetime.map_or(Moment::NEVER, |lifetime| asked.saturating_add(lifetime));
        Self::until(times, here, lifetime, policy, jitter)
    }

    /// Of a token of unknown age: its end is known by the service's clock alone.
    pub(super) fn of_given(details: &TokenDetails, now: Moment, policy: &CachePolicy, jitter: Jitter) -> Self {
        let times = Times::of(details);
        Self::until(times, Moment::NEVER, times.lifetime(now), policy, jitter)
    }

    fn until(times: Times, here: Moment, lifetime: Option<Duration>, policy: &CachePolicy, jitter: Jitter) -> Self {
        let end = Deadline { here, service: times.expires.unwrap_or(Timestamp::from_millis(u64::MAX)) };
        Self { due: end.earlier_by(policy.margin(lifetime.unwrap_or_default(), jitter)), end }
    }

    pub(super) fn age(&self, now: &Now) -> Age {
        if !self.due.is_reached(now) {
            Age::Good
        } else if !self.end.is_reached(now) {
            Age::Due
        } else {
            Age::Expired
        }
    }

    /// How much is left, by the clock that gets to the end first.
    pub(super) fn left(&self, now: &Now) -> Duration {
        let here = now.here.until(self.end.here);
        let service = now.service.map(|service| Duration::from_millis(self.end.service.millis_since(service)));
        service.map_or(here, |service| service.min(here))
    }
}

/// What a token says of its own times, by the service's clock.
#[derive(Clone, Copy)]
struct Times {
    issued: Option<Timestamp>,
    expires: Option<Timestamp>,
}

impl Times {
    fn of(details: &TokenDetails) -> Self {
        let said = Self { issued: details.issued(), expires: details.expires() };
        if said.issued.is_some() || said.expires.is_some() {
            return said;
        }
        // The times only tell when to renew, so they are read even from a JWT that the service may refuse.
        JwtText::parse(details.token().expose()).map_or(said, |jwt| Self::of_jwt(&jwt))
    }

    /// Returns the times of `jwt` or of the JWT embedded in it, whichever expires first.
    fn of_jwt(jwt: &JwtText) -> Self {
        let outer = Self { issued: jwt.issued(), expires: jwt.expires() };
        let inner = jwt.embedded_token().and_then(|token| JwtText::parse(token.expose()).ok());
        let inner = inner.map(|jwt| Self { issued: jwt.issued(), expires: jwt.expires() });
        match (inner, outer.expires) {
            (Some(inner), None) => inner,
            (Some(inner), Some(end)) if inner.expires.is_some_and(|inner| inner < end) => inner,
            _ => outer,
        }
    }

    /// How long it lives from then on at most. Two times of the service's make a lifetime whatever the clock here shows;
    /// one of them makes one if the clock here is not obviously ahead.
    fn lifetime(self, asked: Moment) -> Option<Duration> {
        let expires = self.expires?;
        let millis = match self.issued {
            Some(issued) => expires.millis_since(issued),
            None => Some(expires.millis_since(asked.wall())).filter(|millis| *millis > 0)?,
        };
        Some(Duration::from_millis(millis))
    }
}
