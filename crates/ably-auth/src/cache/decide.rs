//! What to do for a caller: pure, and the same for both caches.

use super::validity::Age;

/// What to do for a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// Serve the token at hand.
    Serve,
    /// Renew the token at hand, and serve it if that fails.
    Refresh,
    /// Fetch a token, or wait for the fetch that is under way.
    Fetch,
    /// Tell the error of the last attempt again.
    Fail,
    /// There is no token that would do, and none to be had.
    GiveUp,
}

/// How things stand with the source.
#[derive(Clone, Copy, Debug)]
pub(super) struct SourceState {
    /// It has a token to give that it has not given before.
    pub(super) can_renew: bool,
    /// It is being asked already for what a caller would ask.
    pub(super) is_in_flight: bool,
    /// It is left alone for a while, after early renewals that failed.
    pub(super) refresh_waits: bool,
    /// It is left alone for a while, after failures without a token at hand.
    pub(super) initial_waits: bool,
}

/// What to do, given how old the token at hand is, if there is one. The means are looked at only if they matter.
pub(super) fn decide(age: Option<Age>, source: impl FnOnce() -> SourceState) -> Decision {
    let age = match age {
        Some(Age::Good) => return Decision::Serve,
        other => other,
    };
    let SourceState { can_renew, is_in_flight, refresh_waits, initial_waits } = source();
    match age {
        Some(Age::Due) if can_renew && !is_in_flight && !refresh_waits => Decision::Refresh,
        Some(Age::Due | Age::Good) => Decision::Serve,
        _ if !can_renew => Decision::GiveUp,
        _ if initial_waits && !is_in_flight => Decision::Fail,
        _ => Decision::Fetch,
    }
}

#[cfg(test)]
mod tests {
    use super::{Age, Decision, SourceState, decide};

    const READY: SourceState =
        SourceState { can_renew: true, is_in_flight: false, refresh_waits: false, initial_waits: false };

    #[test]
    fn a_good_token_is_served_whatever_the_means() {
        assert_eq!(decide(Some(Age::Good), || panic!("it is nobody's business")), Decision::Serve);
    }

    #[test]
    fn a_token_that_is_due_is_renewed_by_one_and_served_to_the_others() {
        assert_eq!(decide(Some(Age::Due), || READY), Decision::Refresh);
        for source in [
            SourceState { is_in_flight: true, ..READY },
            SourceState { refresh_waits: true, ..READY },
            SourceState { can_renew: false, ..READY },
        ] {
            assert_eq!(decide(Some(Age::Due), || source), Decision::Serve, "{source:?}");
        }
    }

    #[test]
    fn without_a_good_token_it_is_fetched_unless_that_failed_or_is_in_vain() {
        for age in [None, Some(Age::Expired)] {
            assert_eq!(decide(age, || READY), Decision::Fetch);
            assert_eq!(decide(age, || SourceState { refresh_waits: true, ..READY }), Decision::Fetch);
            assert_eq!(decide(age, || SourceState { initial_waits: true, ..READY }), Decision::Fail);
            assert_eq!(
                decide(age, || SourceState { initial_waits: true, is_in_flight: true, ..READY }),
                Decision::Fetch
            );
            assert_eq!(decide(age, || SourceState { can_renew: false, ..READY }), Decision::GiveUp);
        }
    }
}
