//! The only source of the current time.

use std::fmt;
use std::sync::Arc;

use ably_auth_core::Timestamp;

/// A source of the current time. Clones share it.
///
/// ```
/// use ably_auth_backend::{Clock, Timestamp};
///
/// assert!(Clock::system().now() > Timestamp::from_millis(1_700_000_000_000));
/// let fixed = Clock::new(|| Timestamp::from_millis(1_767_225_600_000)); // for tests
/// assert_eq!(fixed.now().as_millis(), 1_767_225_600_000);
/// ```
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// Creates a clock from a function. It is called once for each request.
    #[must_use]
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// Creates a clock that reads the operating system's.
    #[must_use]
    #[allow(clippy::disallowed_methods, reason = "the only place that reads the system's clock")]
    pub fn system() -> Self {
        Self::new(Timestamp::now)
    }

    /// Returns the current time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}
