//! The service's clock, as far as it is known here.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ably_auth_core::Timestamp;

use crate::clock::{Moment, millis};

/// By how much the wall clock may run ahead of the steady one before the two are taken to disagree.
const TOLERANCE: Duration = Duration::from_secs(5);

/// The service's clock as it was measured once (`RSA10k`), shared by whoever signs requests or judges tokens.
///
/// It is carried on from the measurement by the clocks here, which may disagree:
///
/// - The wall clock falls behind the steady one: somebody has set it back, for the steady one never runs ahead of the time.
///   The steady one is believed.
/// - The wall clock is up to 5 s ahead: the steady one is believed.
/// - The wall clock is further ahead: either somebody has set it, or the machine has slept, and nothing here tells which. Then
///   the service's time is not known until it is measured again: a guess could be wrong by hours, and would have
///   requests refused for their timestamp.
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
    /// Not measured yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// The service's clock showed `service_time` at that moment: best the one half-way between the question and the answer.
    pub fn set(&self, service_time: Timestamp, at: Moment) {
        *self.lock() = Some(Measured { service_time, at });
    }

    /// What the service's clock shows now, if that is known.
    #[must_use]
    pub fn service_time(&self, now: Moment) -> Option<Timestamp> {
        let Measured { service_time, at } = (*self.lock())?;
        let by_steady = now.steady().saturating_sub(at.steady());
        let by_wall = Duration::from_millis(now.wall().millis_since(at.wall()));
        let agree = by_wall <= by_steady.saturating_add(TOLERANCE);
        agree.then(|| Timestamp::from_millis(service_time.as_millis().saturating_add(millis(by_steady))))
    }

    /// Forgets what was measured.
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
        let mut shown = f.debug_struct("TimeOffset");
        match measured {
            Some(Measured { service_time, at }) => shown.field("service_time", &service_time).field("at", &at),
            None => &mut shown,
        };
        shown.finish()
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
    fn a_wall_clock_that_is_set_back_changes_nothing() {
        let offset = measured();
        for wall in [0, 50_000, 52_000, 57_000] {
            assert_eq!(offset.service_time(at(wall, 9_000)), Some(Timestamp::from_millis(1_002_000)), "{wall}");
        }
    }

    #[test]
    fn a_wall_clock_that_has_run_ahead_makes_it_unknown_until_it_is_measured_again() {
        let offset = measured();
        assert_eq!(offset.service_time(at(57_001, 9_000)), None);
        offset.set(Timestamp::from_millis(2_000_000), at(57_001, 9_000));
        assert_eq!(offset.service_time(at(57_002, 9_001)), Some(Timestamp::from_millis(2_000_001)));
        offset.forget();
        assert_eq!(offset.service_time(at(57_002, 9_001)), None);
    }
}
