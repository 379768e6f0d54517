//! The lifetime of a token, and its state at a given time.

use ably_auth_core::Timestamp;
use serde::Serialize;

/// The maximum time between renewal and expiry, in milliseconds. By default, a token is renewed when a tenth of its
/// lifetime is left.
const MAX_RENEWAL_MARGIN_MS: u64 = 5 * 60 * 1000;

/// The lifetime of a token, and its state at the time `now`.
///
/// ```
/// use ably_auth_core::Timestamp;
/// use ably_auth_inspect::{Life, LifeState};
///
/// let at = Timestamp::from_millis;
/// let life = Life::new(at(0), at(10_000), at(9_500));
/// assert_eq!((life.renew_at, life.state), (at(9_000), LifeState::Renewing));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Life {
    /// The time from which the token is valid.
    pub issued: Timestamp,
    /// The time from which the token is not valid any more.
    pub expires: Timestamp,
    /// The latest time at which a token cache with default settings renews the token.
    pub renew_at: Timestamp,
    /// The time for which `state` holds.
    pub now: Timestamp,
    /// The state at the time `now`.
    pub state: LifeState,
}

impl Life {
    /// Computes the state of a token at the time `now`.
    #[must_use]
    pub fn new(issued: Timestamp, expires: Timestamp, now: Timestamp) -> Self {
        let margin = (expires.millis_since(issued) / 10).min(MAX_RENEWAL_MARGIN_MS);
        let renew_at = Timestamp::from_millis(expires.as_millis().saturating_sub(margin));
        let state = if now < issued {
            LifeState::Early
        } else if now >= expires {
            LifeState::Expired
        } else if now >= renew_at {
            LifeState::Renewing
        } else {
            LifeState::Valid
        };
        Self { issued, expires, renew_at, now, state }
    }

    /// Returns the time from issue to expiry in milliseconds.
    #[must_use]
    pub const fn millis(&self) -> u64 {
        self.expires.millis_since(self.issued)
    }
}

/// The state of a token at a given time.
///
/// ```
/// assert_eq!(ably_auth_inspect::LifeState::Early.as_str(), "early");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum LifeState {
    /// The time of issue is in the future.
    Early,
    /// The token is valid.
    Valid,
    /// The token is valid, and a token cache renews it.
    Renewing,
    /// The token has expired.
    Expired,
}

impl LifeState {
    /// Returns the text in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Early => "early",
            Self::Valid => "valid",
            Self::Renewing => "renewing",
            Self::Expired => "expired",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_depends_on_time() {
        let at = |minutes: u64| Timestamp::from_millis(minutes * 60_000);
        for (now, state) in
            [(59, "early"), (60, "valid"), (114, "valid"), (115, "renewing"), (119, "renewing"), (120, "expired")]
        {
            assert_eq!(Life::new(at(60), at(120), at(now)).state.as_str(), state, "{now}");
        }
    }

    #[test]
    fn short_token_is_renewed_with_a_tenth_left() {
        let at = Timestamp::from_millis;
        assert_eq!(Life::new(at(0), at(1000), at(0)).renew_at, at(900));
    }
}
