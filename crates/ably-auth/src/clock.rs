//! The time, which everything else is told.

use std::time::{SystemTime, UNIX_EPOCH};

use ably_auth_core::Timestamp;

/// Tells the time. Closures are clocks too, so that tests can move it.
///
/// ```
/// use ably_auth::{Clock, Timestamp};
///
/// let standing = || Timestamp::from_millis(1_449_746_287_318);
/// assert_eq!(standing.now().as_millis(), 1_449_746_287_318);
/// ```
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

impl<F: Fn() -> Timestamp + Send + Sync> Clock for F {
    fn now(&self) -> Timestamp {
        self()
    }
}

/// The operating system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
    }
}
