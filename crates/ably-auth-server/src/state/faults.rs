//! Faults that a sandbox injects: requests that it refuses, answers late, or does not answer.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ably_auth_core::{ErrorCode, ErrorInfo};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::refusal::{OVERLOADED, Refusal};
use crate::sync::lock;

/// The maximum number of responses that are held back at the same time. More are sent at once.
const MAX_HELD: usize = 1_000;

/// A fault: the request is not served as usual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is refused before any other check. Without a status, the response has that of the code.
    Refuse { code: ErrorCode, status: Option<u16> },
    /// Its response is held back for this time.
    Delay(Duration),
    /// It is not processed, and its connection is closed without a response.
    Drop,
}

impl Fault {
    /// The longest time for which a response can be held back.
    pub(crate) const MAX_DELAY: Duration = Duration::from_secs(60);

    /// Returns the status of a refusal with that code.
    pub(crate) fn usual_status(code: ErrorCode) -> u16 {
        if code == OVERLOADED { 503 } else { ErrorInfo::new(code, "").status_code() }
    }

    /// Returns the refusal of a request that must not be processed; `None` if it is processed.
    fn refusal(self) -> Option<Refusal> {
        match self {
            Self::Refuse { code, status } => {
                let refusal = Refusal::new(
                    code,
                    "the sandbox was asked to refuse this request (`fail_next`, or a fault of the console); remove the fault",
                );
                Some(refusal.with_status(status.unwrap_or_else(|| Self::usual_status(code))))
            }
            Self::Delay(_) => None,
            // Only a caller without a socket gets this response.
            Self::Drop => Some(Refusal::new(
                ErrorCode::TIMEOUT,
                "the sandbox was asked to close this connection without a response (`drop_next`, or a fault of the console); remove \
                 the fault",
            )),
        }
    }
}

/// A fault, and the number of requests that it still concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PendingFault {
    pub(crate) fault: Fault,
    pub(crate) left: u32,
}

/// A fault that concerns a request.
#[derive(Debug)]
pub(crate) enum InjectedFault {
    Refused(Refusal),
    /// The response is held back for this time, with the permit for it.
    Held(Duration, OwnedSemaphorePermit),
    Dropped(Refusal),
}

/// The faults of a service.
#[derive(Debug)]
pub(crate) struct Faults {
    pending: Mutex<Option<PendingFault>>,
    held: Arc<Semaphore>,
}

impl Default for Faults {
    fn default() -> Self {
        Self { pending: Mutex::default(), held: Arc::new(Semaphore::new(MAX_HELD)) }
    }
}

impl Faults {
    /// Replaces the faults that are left of an earlier call. A `count` of 0 removes them.
    pub(crate) fn set(&self, fault: Fault, count: u32) {
        *lock(&self.pending) = (count > 0).then_some(PendingFault { fault, left: count });
    }

    #[cfg(feature = "console")]
    pub(crate) fn clear(&self) {
        *lock(&self.pending) = None;
    }

    #[cfg(any(feature = "console", test))]
    pub(crate) fn pending(&self) -> Option<PendingFault> {
        *lock(&self.pending)
    }

    /// Counts a request. Returns the fault that concerns it.
    pub(crate) fn inject(&self) -> Option<InjectedFault> {
        let mut pending = lock(&self.pending);
        let PendingFault { fault, left } = pending.as_mut()?;
        let fault = *fault;
        *left = left.saturating_sub(1);
        if *left == 0 {
            *pending = None;
        }
        drop(pending);
        match (fault, fault.refusal()) {
            (Fault::Delay(time), _) => {
                Arc::clone(&self.held).try_acquire_owned().ok().map(|permit| InjectedFault::Held(time, permit))
            }
            (Fault::Drop, Some(refusal)) => Some(InjectedFault::Dropped(refusal)),
            (_, refusal) => refusal.map(InjectedFault::Refused),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn held_responses_have_a_limit() {
        let faults = Faults::default();
        faults.set(Fault::Delay(Duration::from_secs(1)), u32::MAX);
        let held: Vec<_> = (0..MAX_HELD).map(|_| faults.inject()).collect();
        assert!(held.iter().all(|fault| matches!(fault, Some(InjectedFault::Held(..)))));
        assert!(faults.inject().is_none(), "there is no room for another");
        drop(held);
        assert!(faults.inject().is_some());
    }

    #[test]
    fn fault_concerns_count_requests() {
        let faults = Faults::default();
        faults.set(Fault::Drop, 2);
        assert!(matches!(faults.inject(), Some(InjectedFault::Dropped(_))));
        assert_eq!(faults.pending(), Some(PendingFault { fault: Fault::Drop, left: 1 }));
        assert!(faults.inject().is_some() && faults.inject().is_none() && faults.pending().is_none());
        faults.set(Fault::Drop, 2);
        faults.set(Fault::Drop, 0);
        assert!(faults.inject().is_none());
    }
}
