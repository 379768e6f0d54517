//! The time, which everything else is told.

use std::time::Duration;

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
    /// The wall clock: somebody may set it, forward or back.
    fn now(&self) -> Timestamp;

    /// How long it is since some moment of the clock's own choice, by a clock that nobody sets. It may stand while the machine
    /// is suspended.
    ///
    /// A clock that does not say takes its wall clock for steady.
    fn steady(&self) -> Duration {
        Duration::from_millis(self.now().as_millis())
    }

    /// Both readings.
    fn moment(&self) -> Moment {
        Moment::new(self.now(), self.steady())
    }
}

impl<F: Fn() -> Timestamp + Send + Sync> Clock for F {
    fn now(&self) -> Timestamp {
        self()
    }
}

/// A moment as both clocks here show it.
///
/// Neither is enough to know how long ago something was: the wall clock is set back now and then, and the steady one stands
/// while a laptop sleeps. A time is over as soon as either of them says so.
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

    /// The moment of these two readings.
    #[must_use]
    pub const fn new(wall: Timestamp, steady: Duration) -> Self {
        Self { wall, steady }
    }

    /// What the wall clock shows.
    #[must_use]
    pub const fn wall(self) -> Timestamp {
        self.wall
    }

    /// What the steady clock shows.
    #[must_use]
    pub const fn steady(self) -> Duration {
        self.steady
    }

    /// The moment that much later, by both clocks.
    #[must_use]
    pub fn saturating_add(self, span: Duration) -> Self {
        let wall = self.wall.as_millis().saturating_add(millis(span));
        Self::new(Timestamp::from_millis(wall), self.steady.saturating_add(span))
    }

    /// The moment that much earlier, by both clocks.
    pub(crate) fn saturating_sub(self, span: Duration) -> Self {
        let wall = self.wall.as_millis().saturating_sub(millis(span));
        Self::new(Timestamp::from_millis(wall), self.steady.saturating_sub(span))
    }

    /// Whether either clock says that it is `deadline` or later.
    #[must_use]
    pub fn has_reached(self, deadline: Self) -> bool {
        self.wall >= deadline.wall || self.steady >= deadline.steady
    }

    /// How long it is until `deadline`, by the clock that gets there first.
    pub(crate) fn until(self, deadline: Self) -> Duration {
        let by_wall = Duration::from_millis(deadline.wall.millis_since(self.wall));
        by_wall.min(deadline.steady.saturating_sub(self.steady))
    }
}

/// Whole milliseconds.
pub(crate) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// The operating system's clocks.
///
/// On Linux they are the coarse ones, which are some milliseconds behind and take a fraction of the time to read.
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
    // A clock from before the epoch shows the epoch.
    Duration::try_from(rustix::time::clock_gettime(clock)).unwrap_or_default()
}

#[cfg(not(target_os = "linux"))]
#[allow(clippy::disallowed_methods, reason = "the one place that reads the clock")]
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
