//! The difference between the service's clock and the local clocks.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ably_auth_core::Timestamp;

use crate::clock::{Moment, millis};

/// The maximum time that the wall clock may run ahead of the monotonic clock before the two count as different: 5 s.
const TOLERANCE: Duration = Duration::from_secs(5);

/// The service's time as it was measured once (`RSA10k`). All code that signs requests or checks tokens shares it.
///
/// The time since the measurement comes from the local clocks, which may disagree:
///
/// - The wall clock is behind the monotonic clock: it was set back, because the monotonic clock never runs ahead. The
///   monotonic clock is used.
/// - The wall clock is up to 5 s ahead: the monotonic clock is used.
/// - The wall clock is further ahead: it was set forward, or the machine was suspended, and the program cannot tell
///   which. Then the service's time is unknown until it is measured again. A guess could be wrong by hours, and
///   requests would be refused for their timestamp.
///
/// ```
/// use std::time::Duration;
/// use ably_auth::{Moment, TimeOffset, Timestamp};
///
/// let offset = TimeOffset::new();
/// let asked = Moment::new(Timestamp::from_millis(5_000), Duration::ZERO);
/// assert_eq!(offset.service_time(asked), None);
/// offset.set(Timestamp::from_millis(1_449_746_287_318), asked);
/// let later = asked.saturating_add(Duration::from_secs(1));
/// assert_eq!(offset.service_time(later), Some(Timestamp::from_millis(1_449_746_288_318)));
/// ```
#[derive(Default)]
pub struct TimeOffset(Mutex<Option<Measured>>);

#[derive(Clone, Copy)]
struct Measured {
    service_time: Timestamp,
    at: Moment,
}

impl TimeOffset {
    /// Creates an offset that has not been measured.
    #[must_use]
    pub const fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// Stores that the service's time was `service_time` at the moment `at`. The best moment is half-way between
    /// request and response.
    pub fn set(&self, service_time: Timestamp, at: Moment) {
        *self.lock() = Some(Measured { service_time, at });
    }

    /// Returns the service's time at `now`, if it is known.
    #[must_use]
    pub fn service_time(&self, now: Moment) -> Option<Timestamp> {
        let Measured { service_time, at } = (*self.lock())?;
        let by_steady = now.steady().saturating_sub(at.steady());
        let by_wall = Duration::from_millis(now.wall().millis_since(at.wall()));
        let agree = by_wall <= by_steady.saturating_add(TOLERANCE);
        agree.then(|| Timestamp::from_millis(service_time.as_millis().saturating_add(millis(by_steady))))
    }

    /// Removes the measurement.
    pub fn forget(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> MutexGuard<'_, Option<Measured>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for TimeOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let measured = *self.lock();
        let mut debug = f.debug_struct("TimeOffset");
        match measured {
            Some(Measured { service_time, at }) => debug.field("service_time", &service_time).field("at", &at),
            None => &mut debug,
        };
        debug.finish()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::TimeOffset;
    use crate::clock::Moment;
    use ably_auth_core::Timestamp;

    fn at(wall: u64, steady: u64) -> Moment {
        Moment::new(Timestamp::from_millis(wall), Duration::from_millis(steady))
    }

    fn measured() -> TimeOffset {
        let offset = TimeOffset::new();
        offset.set(Timestamp::from_millis(1_000_000), at(50_000, 7_000));
        offset
    }

    #[test]
    fn wall_clock_set_back_changes_nothing() {
        let offset = measured();
        for wall in [0, 50_000, 52_000, 57_000] {
            assert_eq!(offset.service_time(at(wall, 9_000)), Some(Timestamp::from_millis(1_002_000)), "{wall}");
        }
    }

    #[test]
    fn wall_clock_set_forward_makes_time_unknown() {
        let offset = measured();
        assert_eq!(offset.service_time(at(57_001, 9_000)), None);
        offset.set(Timestamp::from_millis(2_000_000), at(57_001, 9_000));
        assert_eq!(offset.service_time(at(57_002, 9_001)), Some(Timestamp::from_millis(2_000_001)));
        offset.forget();
        assert_eq!(offset.service_time(at(57_002, 9_001)), None);
    }
}
