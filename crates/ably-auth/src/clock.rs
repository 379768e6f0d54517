//! The clocks that the crate reads the time from.

use std::time::Duration;

use ably_auth_core::Timestamp;

/// A source of the current time. Closures are clocks too, so that tests can control the time.
///
/// ```
/// use ably_auth::{Clock, Timestamp};
///
/// let standing = || Timestamp::from_millis(1_449_746_287_318);
/// assert_eq!(standing.now().as_millis(), 1_449_746_287_318);
/// ```
pub trait Clock: Send + Sync {
    /// Returns the time of the wall clock. A user or NTP may set it forward or back.
    fn now(&self) -> Timestamp;

    /// Returns the time since a fixed moment, by a monotonic clock. It may stop while the machine is suspended.
    ///
    /// The default implementation returns the wall clock's time.
    fn steady(&self) -> Duration {
        Duration::from_millis(self.now().as_millis())
    }

    /// Returns the readings of both clocks.
    fn moment(&self) -> Moment {
        Moment::new(self.now(), self.steady())
    }
}

impl<F: Fn() -> Timestamp + Send + Sync> Clock for F {
    fn now(&self) -> Timestamp {
        self()
    }
}

/// A moment, by the wall clock and by the monotonic clock.
///
/// Neither clock alone tells how much time has passed: the wall clock may be set back, and the monotonic clock may stop
/// while the machine sleeps. So a deadline is reached as soon as either clock reaches it.
///
/// ```
/// use std::time::Duration;
/// use ably_auth::{Moment, Timestamp};
///
/// let asked = Moment::new(Timestamp::from_millis(50_000), Duration::from_millis(7));
/// let deadline = asked.saturating_add(Duration::from_millis(1_000));
/// let set_back = Moment::new(Timestamp::from_millis(0), Duration::from_millis(1_007));
/// let slept = Moment::new(Timestamp::from_millis(51_000), Duration::from_millis(8));
/// assert!(set_back.has_reached(deadline) && slept.has_reached(deadline) && !asked.has_reached(deadline));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Moment {
    wall: Timestamp,
    steady: Duration,
}

impl Moment {
    pub(crate) const NEVER: Self = Self::new(Timestamp::from_millis(u64::MAX), Duration::MAX);

    /// Creates a moment from the readings of both clocks.
    #[must_use]
    pub const fn new(wall: Timestamp, steady: Duration) -> Self {
        Self { wall, steady }
    }

    /// Returns the time of the wall clock.
    #[must_use]
    pub const fn wall(self) -> Timestamp {
        self.wall
    }

    /// Returns the time of the monotonic clock.
    #[must_use]
    pub const fn steady(self) -> Duration {
        self.steady
    }

    /// Returns the moment `span` later, by both clocks.
    #[must_use]
    pub fn saturating_add(self, span: Duration) -> Self {
        let wall = self.wall.as_millis().saturating_add(millis(span));
        Self::new(Timestamp::from_millis(wall), self.steady.saturating_add(span))
    }

    /// Returns the moment `span` earlier, by both clocks.
    pub(crate) fn saturating_sub(self, span: Duration) -> Self {
        let wall = self.wall.as_millis().saturating_sub(millis(span));
        Self::new(Timestamp::from_millis(wall), self.steady.saturating_sub(span))
    }

    /// Returns true if either clock has reached `deadline`.
    #[must_use]
    pub fn has_reached(self, deadline: Self) -> bool {
        self.wall >= deadline.wall || self.steady >= deadline.steady
    }

    /// Returns the time until `deadline`, by the clock that reaches it first.
    pub(crate) fn until(self, deadline: Self) -> Duration {
        let by_wall = Duration::from_millis(deadline.wall.millis_since(self.wall));
        by_wall.min(deadline.steady.saturating_sub(self.steady))
    }
}

/// Returns `span` in whole milliseconds, at most `u64::MAX`.
pub(crate) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// The operating system's clocks.
///
/// On Linux it reads the coarse clocks, which are faster to read and a few milliseconds behind.
///
/// ```
/// use ably_auth::{Clock, SystemClock};
///
/// assert!(SystemClock.now().as_millis() > 1_449_746_287_318);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

#[cfg(target_os = "linux")]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since_epoch = coarse(rustix::time::ClockId::RealtimeCoarse);
        Timestamp::from_millis(millis(since_epoch))
    }

    fn steady(&self) -> Duration {
        coarse(rustix::time::ClockId::MonotonicCoarse)
    }
}

#[cfg(target_os = "linux")]
fn coarse(clock: rustix::time::ClockId) -> Duration {
    // A time before the epoch counts as the epoch.
    Duration::try_from(rustix::time::clock_gettime(clock)).unwrap_or_default()
}

#[cfg(not(target_os = "linux"))]
#[allow(clippy::disallowed_methods, reason = "the only code that reads the clock")]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let now = std::time::SystemTime::now();
        Timestamp::from_millis(millis(now.duration_since(std::time::UNIX_EPOCH).unwrap_or_default()))
    }

    fn steady(&self) -> Duration {
        static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
        START.get_or_init(std::time::Instant::now).elapsed()
    }
}
