//! The decision of a cache for one caller, without I/O. Both caches use it.

use super::validity::Age;

/// The action of a cache for one caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// Serve the held token.
    Serve,
    /// Renew the held token, and serve the old one if the renewal fails.
    Refresh,
    /// Fetch a token, or wait for the fetch in flight.
    Fetch,
    /// Return the error of the last attempt.
    Fail,
    /// Return an error: there is no valid token and no means to get one.
    GiveUp,
}

/// The state of the token source.
#[derive(Clone, Copy, Debug)]
pub(super) struct SourceState {
    /// The source can give another token.
    pub(super) can_renew: bool,
    /// A fetch for the same query is in flight.
    pub(super) is_in_flight: bool,
    /// The source is in backoff after failed early renewals.
    pub(super) refresh_waits: bool,
    /// The source is in backoff after failures without a valid token.
    pub(super) initial_waits: bool,
}

/// Decides by the age of the held token, if there is one. `source` is called only if its result matters.
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
    fn good_token_is_served_without_asking_source() {
        assert_eq!(decide(Some(Age::Good), || panic!("the source state is not needed")), Decision::Serve);
    }

    #[test]
    fn due_token_is_renewed_by_one_caller_and_served_to_others() {
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
    fn missing_token_is_fetched_unless_source_failed_or_is_spent() {
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
