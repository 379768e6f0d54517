//! What to do with the token at hand: pure, and the same for both caches.

use ably_auth_core::{Timestamp, TokenDetails};

/// Counts the fetches of a cache: a token of a later generation is newer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Generation(u64);

/// A token from a cache, and which of the cache's tokens it is.
#[derive(Clone, Debug, PartialEq)]
pub struct CachedToken {
    details: TokenDetails,
    generation: Generation,
    /// When it expires, by the clock here: its lifetime counted from the moment at which it was asked for.
    good_until: Option<Timestamp>,
}

impl CachedToken {
    /// The token and what is known about it.
    #[must_use]
    pub const fn details(&self) -> &TokenDetails {
        &self.details
    }

    /// Which of the cache's tokens it is: say so when the service refuses it.
    #[must_use]
    pub const fn generation(&self) -> Generation {
        self.generation
    }
}

/// What to do for a caller.
#[derive(Debug, PartialEq)]
pub(super) enum Decision {
    Serve(CachedToken),
    /// Fetch one, or wait for the fetch that is under way.
    Fetch,
    /// There is no token that would do, and none to be had.
    GiveUp,
}

/// The token at hand, and how many were fetched before.
#[derive(Debug, Default)]
pub(super) struct Held {
    token: Option<CachedToken>,
    fetches: Generation,
}

impl Held {
    /// Takes over a token that was not fetched: how long it has lived already is not known.
    pub(super) fn given(details: TokenDetails) -> Self {
        let generation = Generation(1);
        let token = CachedToken { details, generation, good_until: None };
        Self { token: Some(token), fetches: generation }
    }

    pub(super) fn token(&self) -> Option<&CachedToken> {
        self.token.as_ref()
    }

    /// Serves the token if it is not known to be bad: neither expired, nor the one that the caller saw refused, nor older.
    pub(super) fn decide(&self, rejected: Option<Generation>, can_renew: bool, now: Timestamp) -> Decision {
        let good = self.token.as_ref().filter(|token| {
            rejected.is_none_or(|rejected| token.generation > rejected)
                && token.good_until.is_none_or(|good_until| now < good_until)
        });
        match good {
            Some(token) => Decision::Serve(token.clone()),
            None if self.token.is_some() && !can_renew => Decision::GiveUp,
            None => Decision::Fetch,
        }
    }

    /// Numbers a fetch that begins now.
    pub(super) fn begin(&mut self) -> Generation {
        self.fetches = Generation(self.fetches.0.saturating_add(1));
        self.fetches
    }

    /// Keeps what a fetch brought, unless a later fetch was faster.
    pub(super) fn keep(&mut self, details: TokenDetails, generation: Generation, asked_at: Timestamp) -> CachedToken {
        let lifetime = match (details.issued(), details.expires()) {
            (Some(issued), Some(expires)) => Some(expires.millis_since(issued)),
            _ => None,
        };
        let good_until = lifetime.map(|millis| Timestamp::from_millis(asked_at.as_millis().saturating_add(millis)));
        let token = CachedToken { details, generation, good_until };
        if self.token.as_ref().is_none_or(|held| held.generation < generation) {
            self.token = Some(token.clone());
        }
        token
    }
}

#[cfg(test)]
mod tests {
    use super::{Decision, Generation, Held};
    use ably_auth_core::{Timestamp, Token, TokenDetails};

    fn details(text: &str) -> TokenDetails {
        let token = Token::new(text).unwrap();
        serde_json::from_value(serde_json::json!({"token": token.expose(), "issued": 1000, "expires": 2000})).unwrap()
    }

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn a_lifetime_counts_from_the_moment_of_asking_by_our_own_clock() {
        let mut held = Held::default();
        let first = held.begin();
        let token = held.keep(details("first"), first, at(50_000));
        assert_eq!(held.decide(None, true, at(50_999)), Decision::Serve(token));
        assert_eq!(held.decide(None, true, at(51_000)), Decision::Fetch);
    }

    #[test]
    fn a_refusal_of_an_old_token_does_not_discard_a_newer_one() {
        let mut held = Held::default();
        let first = held.begin();
        held.keep(details("first"), first, at(0));
        let second = held.begin();
        let newer = held.keep(details("second"), second, at(0));
        assert_eq!(held.decide(Some(first), true, at(1)), Decision::Serve(newer));
        assert_eq!(held.decide(Some(second), true, at(1)), Decision::Fetch);
    }

    #[test]
    fn a_slow_fetch_does_not_displace_what_a_later_one_brought() {
        let mut held = Held::default();
        let (slow, fast) = (held.begin(), held.begin());
        let newer = held.keep(details("fast"), fast, at(0));
        held.keep(details("slow"), slow, at(0));
        assert_eq!(held.token(), Some(&newer));
    }

    #[test]
    fn a_token_that_cannot_be_renewed_is_used_until_it_is_refused() {
        let held = Held::given(details("given"));
        assert!(matches!(held.decide(None, false, at(u64::MAX)), Decision::Serve(_)));
        assert_eq!(held.decide(Some(Generation(1)), false, at(0)), Decision::GiveUp);
    }
}
