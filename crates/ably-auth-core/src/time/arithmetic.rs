//! Conversions between times and durations, and arithmetic with them. All of it saturates.

use core::ops::{Add, AddAssign, Sub, SubAssign};
use core::time::Duration;

use super::{Timestamp, Ttl};
use crate::error::Error;

/// Returns `span` in whole milliseconds, at most `u64::MAX`.
pub(super) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// Adds whole milliseconds, at most up to the latest timestamp.
impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(millis(span)))
    }
}

impl AddAssign<Duration> for Timestamp {
    fn add_assign(&mut self, span: Duration) {
        self.0 = self.0.saturating_add(millis(span));
    }
}

/// Subtracts whole milliseconds, at most down to the epoch.
impl Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(millis(span)))
    }
}

impl SubAssign<Duration> for Timestamp {
    fn sub_assign(&mut self, span: Duration) {
        self.0 = self.0.saturating_sub(millis(span));
    }
}

/// Returns the time from `earlier` to this timestamp, or zero if `earlier` is later.
impl Sub for Timestamp {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        Duration::from_millis(self.millis_since(earlier))
    }
}

impl From<Ttl> for Duration {
    fn from(ttl: Ttl) -> Self {
        ttl.as_duration()
    }
}

/// Rounds down to whole milliseconds, and fails as [`Ttl::from_millis`] does.
impl TryFrom<Duration> for Ttl {
    type Error = Error;

    fn try_from(span: Duration) -> Result<Self, Error> {
        Self::from_millis(millis(span))
    }
}
