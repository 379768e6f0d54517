//! What to do with the token at hand: pure, and the same for both caches.

use ably_auth_core::{Timestamp, TokenDetails, TokenParams};

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

/// The token at hand, what to ask of the next one, and how many were fetched before.
#[derive(Debug)]
pub(super) struct Held {
    token: Option<CachedToken>,
    params: TokenParams,
    fetches: Generation,
}

/// A fetch that has begun.
#[derive(Clone, Debug)]
pub(super) struct Begun {
    pub(super) generation: Generation,
    pub(super) params: TokenParams,
    asked_at: Timestamp,
}

impl Held {
    /// Starts without a token, or with one that was not fetched: how long that has lived already is not known.
    pub(super) fn new(params: TokenParams, given: Option<TokenDetails>) -> Self {
        let fetches = Generation(u64::from(given.is_some()));
        let token = given.map(|details| CachedToken { details, generation: fetches, good_until: None });
        Self { token, params, fetches }
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

    /// Begins a fetch of what is asked, or of what was asked before.
    pub(super) fn begin(&mut self, params: Option<TokenParams>, now: Timestamp) -> Begun {
        self.fetches = Generation(self.fetches.0.saturating_add(1));
        Begun { generation: self.fetches, params: params.unwrap_or_else(|| self.params.clone()), asked_at: now }
    }

    /// Keeps what a fetch brought, and what it asked but for timestamp and nonce (`RSA10g`), unless a later fetch was faster.
    pub(super) fn keep(&mut self, details: TokenDetails, begun: Begun) -> CachedToken {
        let Begun { generation, params, asked_at } = begun;
        let lifetime = match (details.issued(), details.expires()) {
            (Some(issued), Some(expires)) => Some(expires.millis_since(issued)),
            _ => None,
        };
        let good_until = lifetime.map(|millis| Timestamp::from_millis(asked_at.as_millis().saturating_add(millis)));
        let token = CachedToken { details, generation, good_until };
        if self.token.as_ref().is_none_or(|held| held.generation < generation) {
            self.token = Some(token.clone());
            self.params = TokenParams { timestamp: None, nonce: None, ..params };
        }
        token
    }
}

#[cfg(test)]
mod tests {
    use super::{Begun, Decision, Generation, Held};
    use ably_auth_core::{Timestamp, Token, TokenDetails, TokenParams, Ttl};

    fn details(text: &str) -> TokenDetails {
        let token = Token::new(text).unwrap();
        serde_json::from_value(serde_json::json!({"token": token.expose(), "issued": 1000, "expires": 2000})).unwrap()
    }

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn empty() -> Held {
        Held::new(TokenParams::new(), None)
    }

    fn begin(held: &mut Held, millis: u64) -> Begun {
        held.begin(None, at(millis))
    }

    #[test]
    fn a_lifetime_counts_from_the_moment_of_asking_by_our_own_clock() {
        let mut held = empty();
        let first = begin(&mut held, 50_000);
        let token = held.keep(details("first"), first);
        assert_eq!(held.decide(None, true, at(50_999)), Decision::Serve(token));
        assert_eq!(held.decide(None, true, at(51_000)), Decision::Fetch);
    }

    #[test]
    fn a_refusal_of_an_old_token_does_not_discard_a_newer_one() {
        let mut held = empty();
        let first = begin(&mut held, 0);
        held.keep(details("first"), first.clone());
        let second = begin(&mut held, 0);
        let newer = held.keep(details("second"), second.clone());
        assert_eq!(held.decide(Some(first.generation), true, at(1)), Decision::Serve(newer));
        assert_eq!(held.decide(Some(second.generation), true, at(1)), Decision::Fetch);
    }

    #[test]
    fn a_slow_fetch_displaces_neither_the_token_nor_the_params_of_a_later_one() {
        let mut held = empty();
        let asked = |millis| Some(TokenParams::new().ttl(Ttl::from_millis(millis).unwrap()));
        let (slow, fast) = (held.begin(asked(1), at(0)), held.begin(asked(2), at(0)));
        let newer = held.keep(details("fast"), fast);
        held.keep(details("slow"), slow);
        assert_eq!(held.token(), Some(&newer));
        assert_eq!(Some(begin(&mut held, 0).params), asked(2));
    }

    #[test]
    fn what_a_failed_fetch_asked_is_forgotten() {
        let mut held = empty();
        held.begin(Some(TokenParams::new().ttl(Ttl::MAX)), at(0));
        assert_eq!(begin(&mut held, 0).params, TokenParams::new());
    }

    #[test]
    fn a_token_that_cannot_be_renewed_is_used_until_it_is_refused() {
        let held = Held::new(TokenParams::new(), Some(details("given")));
        assert!(matches!(held.decide(None, false, at(u64::MAX)), Decision::Serve(_)));
        assert_eq!(held.decide(Some(Generation(1)), false, at(0)), Decision::GiveUp);
    }
}
