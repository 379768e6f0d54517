//! Limits how many entries a second are recorded, so that recording costs little under full load.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::limits::Rate;
use crate::limits::rate_limiter::Bucket;
use crate::sync::lock;

/// The maximum rate of granted requests and messages that are recorded. Nobody can read more.
const GRANTED: Rate = Rate { per_second: 1_000, burst: 10_000 };

/// The maximum rate of refusals that are recorded.
const REFUSED: Rate = Rate { per_second: 1_000, burst: 10_000 };

/// The maximum rate of refusals that are recorded with evidence. To find the cause of a wrong mac takes many trials.
const EXPLAINED: Rate = Rate { per_second: 50, burst: 1_000 };

/// The admission of entries. Granted requests do not use up the room of refusals.
#[derive(Debug, Default)]
pub(super) struct Admission {
    granted: Mutex<Bucket>,
    refused: Mutex<Bucket>,
    explained: Mutex<Bucket>,
    left_out: AtomicU64,
}

impl Admission {
    /// Returns true if what is granted at the moment `now` is recorded.
    pub(super) fn admits_granted(&self, now: Duration) -> bool {
        self.admits(&self.granted, now, GRANTED)
    }

    /// Returns true if a refusal at the moment `now` is recorded.
    pub(super) fn admits_refused(&self, now: Duration) -> bool {
        self.admits(&self.refused, now, REFUSED)
    }

    /// Returns true if the reason of a refusal at the moment `now` is looked for.
    pub(super) fn admits_evidence(&self, now: Duration) -> bool {
        lock(&self.explained).take(now, EXPLAINED)
    }

    fn admits(&self, bucket: &Mutex<Bucket>, now: Duration, rate: Rate) -> bool {
        let is_admitted = lock(bucket).take(now, rate);
        if !is_admitted {
            self.left_out.fetch_add(1, Ordering::Relaxed);
        }
        is_admitted
    }

    /// Returns how many entries were not recorded.
    pub(super) fn left_out(&self) -> u64 {
        self.left_out.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn granted_requests_leave_room_for_refusals() {
        let admission = Admission::default();
        let granted = (0..50_000).filter(|_| admission.admits_granted(Duration::from_secs(1))).count();
        assert!((10_000..=10_001).contains(&granted), "{granted}");
        assert!(admission.admits_refused(Duration::from_secs(1)) && admission.admits_evidence(Duration::from_secs(1)));
        assert_eq!(admission.left_out(), 50_000 - granted as u64);
        assert!(!admission.admits_granted(Duration::from_secs(1)) && admission.admits_granted(Duration::from_secs(2)));
    }
}
