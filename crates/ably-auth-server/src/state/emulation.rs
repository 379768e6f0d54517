//! The emulated state of a `Sandbox`: the service that responds, the clock of its clients, and requests that are to
//! fail.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use ably_auth_core::{ErrorCode, Timestamp};
use http::Method;

use crate::refusal::{OVERLOADED, Refusal};
use crate::sync::{lock, read, write};

/// The role of a service in a sandbox. `S` is the state of a service.
pub(crate) enum Emulation<S> {
    /// The server was started with this service, which has no apps. The service of another state responds to the
    /// requests, and can be replaced while connections stay open.
    Front(RwLock<Arc<S>>),
    /// The service responds to requests, except for those that are to fail.
    Back { ahead: Arc<AtomicU64>, failures: Mutex<Failures> },
}

/// Requests that are to be refused.
#[derive(Debug)]
pub(crate) struct Failures {
    left: u32,
    code: ErrorCode,
}

impl<S> Emulation<S> {
    pub(crate) const fn front(back: Arc<S>) -> Self {
        Self::Front(RwLock::new(back))
    }

    /// Takes the milliseconds by which the service's clock is ahead of its clients'.
    pub(crate) const fn back(ahead: Arc<AtomicU64>) -> Self {
        Self::Back { ahead, failures: Mutex::new(Failures { left: 0, code: ErrorCode::INTERNAL }) }
    }

    /// Returns the state of the service that responds to the next request, if that is another service.
    pub(crate) fn current(&self) -> Option<Arc<S>> {
        match self {
            Self::Front(current) => Some(Arc::clone(&read(current))),
            Self::Back { .. } => None,
        }
    }

    pub(crate) fn replace(&self, back: Arc<S>) {
        if let Self::Front(current) = self {
            *write(current) = back;
        }
    }

    pub(crate) fn advance_clock(&self, by: Duration) {
        let millis = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        if let Self::Back { ahead, .. } = self {
            // The closure always returns a value, so the update does not fail.
            let _ =
                ahead.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |before| Some(before.saturating_add(millis)));
        }
    }

    pub(crate) fn fail_next(&self, count: u32, code: ErrorCode) {
        if let Self::Back { failures, .. } = self {
            *lock(failures) = Failures { left: count, code };
        }
    }

    /// Returns the time of the clients' clocks, which were not advanced.
    pub(crate) fn before_advances(&self, now: Timestamp) -> Timestamp {
        let ahead = match self {
            Self::Front(_) => 0,
            Self::Back { ahead, .. } => ahead.load(Ordering::SeqCst),
        };
        Timestamp::from_millis(now.as_millis().saturating_sub(ahead))
    }

    /// Refuses a request if the test asked for it.
    pub(crate) fn check_failure(&self, method: &Method) -> Result<(), Refusal> {
        let Self::Back { failures, .. } = self else {
            return Ok(());
        };
        let mut failures = lock(failures);
        // A page cannot read why its preflight failed.
        if failures.left == 0 || *method == Method::OPTIONS {
            return Ok(());
        }
        failures.left = failures.left.saturating_sub(1);
        let code = failures.code;
        let refusal = Refusal::new(code, "the test asked the sandbox to refuse this request (`fail_next`)");
        Err(if code == OVERLOADED { refusal.with_status(503) } else { refusal })
    }
}

impl<S> fmt::Debug for Emulation<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Emulation")
    }
}
