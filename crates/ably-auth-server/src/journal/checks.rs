//! The checks that the service performs on a request, in the order in which it performed them.

use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use serde::Serialize;

/// A check of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[repr(u8)]
pub(crate) enum Check {
    /// The service accepts requests for this host, of this size, at this time.
    Accepted,
    /// The request has a credential that can be read.
    Credential,
    /// The key in the body is the one in the path.
    SameKey,
    KeyKnown,
    Secret,
    /// A native token was sealed by this service.
    Sealed,
    /// A JWT is signed with its key, and its claims are valid.
    Jwt,
    KeyInForce,
    NotExpired,
    NotInFuture,
    NotRevoked,
    /// The outer JWT does not outlive the token in it.
    Outer,
    Identity,
    Rate,
    /// The mac is that of the token request.
    Mac,
    /// The sender of a token request without a mac holds the key, or a token of it.
    Proof,
    Timestamp,
    Nonce,
    /// The lifetime, the clientId and the capability may be granted.
    Grant,
    /// The capability permits the operation.
    Permitted,
    /// The path, the method and the content of the request are valid.
    #[cfg(feature = "console")]
    Request,
}

/// All checks, by their numbers.
#[cfg(feature = "console")]
const ALL: [Check; 21] = [
    Check::Accepted,
    Check::Credential,
    Check::SameKey,
    Check::KeyKnown,
    Check::Secret,
    Check::Sealed,
    Check::Jwt,
    Check::KeyInForce,
    Check::NotExpired,
    Check::NotInFuture,
    Check::NotRevoked,
    Check::Outer,
    Check::Identity,
    Check::Rate,
    Check::Mac,
    Check::Proof,
    Check::Timestamp,
    Check::Nonce,
    Check::Grant,
    Check::Permitted,
    Check::Request,
];

/// The maximum number of checks that are remembered of one request.
const MAX_CHECKS: usize = 24;

/// Added to the number of a check that failed.
const FAILED: u8 = 0x80;

/// The checks of one request. To remember one costs two writes, so it is done for each request.
#[derive(Debug, Default)]
pub(crate) struct Checks {
    count: AtomicUsize,
    list: [AtomicU8; MAX_CHECKS],
}

impl Checks {
    /// Remembers that a check passed or failed, and returns its result.
    pub(crate) fn record<T, E>(&self, check: Check, result: Result<T, E>) -> Result<T, E> {
        let at = self.count.fetch_add(1, Ordering::Relaxed);
        if let Some(slot) = self.list.get(at) {
            slot.store(check as u8 | if result.is_err() { FAILED } else { 0 }, Ordering::Relaxed);
        }
        result
    }

    /// Forgets all checks, because they are about to be performed again.
    pub(crate) fn restart_from(&self, count: usize) {
        self.count.store(count, Ordering::Relaxed);
    }

    /// Returns how many checks were performed.
    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Returns the numbers of the checks in their order.
    #[cfg(feature = "console")]
    pub(crate) fn numbers(&self) -> Vec<u8> {
        self.list.iter().take(self.count()).map(|slot| slot.load(Ordering::Relaxed)).collect()
    }
}

impl Check {
    /// Returns the number of a check that failed.
    #[cfg(feature = "console")]
    pub(crate) const fn failed(self) -> u8 {
        self as u8 | FAILED
    }

    /// Returns the checks with these numbers, each with whether it passed. Merges consecutive steps of the same check.
    #[cfg(feature = "console")]
    pub(crate) fn list(numbers: &[u8]) -> Vec<(Self, bool)> {
        let known = numbers.iter().filter_map(|number| {
            // The numbers of passed checks are those of the list.
            let check = ALL.get(usize::from(number & !FAILED))?;
            Some((*check, number & FAILED == 0))
        });
        let mut list: Vec<_> = known.collect();
        list.dedup_by(|later, earlier| {
            let is_same = later.0 == earlier.0;
            earlier.1 &= !is_same || later.1;
            is_same
        });
        list
    }

    /// Returns the check that failed, if one did.
    #[cfg(feature = "console")]
    pub(crate) fn failed_one(numbers: &[u8]) -> Option<Self> {
        Self::list(numbers).into_iter().find(|(_, passed)| !passed).map(|(check, _)| check)
    }
}

#[cfg(all(test, feature = "console"))]
mod tests {
    use super::*;

    #[test]
    fn checks_keep_their_order_and_results() {
        let checks = Checks::default();
        assert_eq!(checks.record(Check::KeyKnown, Ok::<_, ()>(1)), Ok(1));
        assert_eq!(checks.record(Check::Proof, Err::<(), _>(2)), Err(2));
        assert_eq!(Check::list(&checks.numbers()), [(Check::KeyKnown, true), (Check::Proof, false)]);
        assert_eq!(checks.record(Check::Proof, Ok::<_, ()>(())), Ok(()));
        assert_eq!(Check::list(&checks.numbers()), [(Check::KeyKnown, true), (Check::Proof, false)]);
        for (number, check) in ALL.into_iter().enumerate() {
            assert_eq!(check as usize, number);
        }
        for nth in 0..100 {
            let check = if nth % 2 == 0 { Check::Rate } else { Check::Grant };
            assert_eq!(checks.record(check, Ok::<_, ()>(nth)), Ok(nth));
        }
        assert_eq!(Check::list(&checks.numbers()).len(), MAX_CHECKS - 1);
    }
}
