//! The validity of a token: when to renew it, and when it expires.

use std::time::Duration;

use ably_auth_core::jwt::JwtText;
use ably_auth_core::{Timestamp, TokenDetails};

use super::policy::{CachePolicy, Jitter};
use crate::clock::{Moment, millis};

/// The age of a token, compared with its validity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Age {
    Good,
    /// The token is valid, but should be renewed.
    Due,
    Expired,
}

/// The current time by the local clocks, and by the service's clock if that is known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Now {
    pub(super) here: Moment,
    pub(super) service: Option<Timestamp>,
}

/// The time at which a token should be renewed, and the time at which it expires.
#[derive(Clone, Copy, Debug)]
pub(super) struct Validity {
    due: Deadline,
    end: Deadline,
}

/// A point in time on several clocks. It is reached as soon as one of them reaches it.
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
    /// Computes the validity of a fetched token. Its lifetime counts from `asked`, because the token cannot have been
    /// issued before.
    pub(super) fn of_fetched(details: &TokenDetails, asked: Moment, policy: &CachePolicy, jitter: Jitter) -> Self {
        let times = Times::of(details);
        let lifetime = times.lifetime(asked);
        let here = lifetime.map_or(Moment::NEVER, |lifetime| asked.saturating_add(lifetime));
        Self::until(times, here, lifetime, policy, jitter)
    }

    /// Computes the validity of a token of unknown age: only the service's clock can tell that it has expired.
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

    /// Returns the time until expiry, by the clock that reaches it first.
    pub(super) fn left(&self, now: &Now) -> Duration {
        let here = now.here.until(self.end.here);
        let service = now.service.map(|service| Duration::from_millis(self.end.service.millis_since(service)));
        service.map_or(here, |service| service.min(here))
    }
}

/// The times in a token, by the service's clock.
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
        // The times only decide when to renew, so they are read even from a JWT that the service may refuse.
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

    /// Returns the maximum lifetime from `asked` on.
    ///
    /// If the token contains both times, the local clock does not matter. If it contains only `expires`, the lifetime
    /// is known unless the local clock is past `expires`.
    fn lifetime(self, asked: Moment) -> Option<Duration> {
        let expires = self.expires?;
        let millis = match self.issued {
            Some(issued) => expires.millis_since(issued),
            None => Some(expires.millis_since(asked.wall())).filter(|millis| *millis > 0)?,
        };
        Some(Duration::from_millis(millis))
    }
}
