//! Limits how many entries a second are recorded, so that recording costs little under full load.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::Stopwatch;
use crate::limits::Rate;
use crate::limits::rate_limiter::Bucket;
use crate::sync::lock;

/// The maximum rate of granted requests and messages that are recorded. A reader of the page could not follow more.
const GRANTED: Rate = Rate { per_second: 1_000, burst: 10_000 };

/// The maximum rate of refusals that are recorded.
const REFUSED: Rate = Rate { per_second: 1_000, burst: 10_000 };

/// The maximum rate of refusals that are recorded with evidence. To find the cause of a wrong mac takes many trials.
const EXPLAINED: Rate = Rate { per_second: 20, burst: 200 };

/// The admission of entries. Granted requests do not use up the room of refusals.
#[derive(Debug)]
pub(crate) struct Admission {
    /// The time since the journal was created. The journal outlives the service when a sandbox is reset.
    stopwatch: Stopwatch,
    granted: Mutex<Bucket>,
    refused: Mutex<Bucket>,
    explained: Mutex<Bucket>,
    left_out: AtomicU64,
}

impl Admission {
    pub(super) fn new() -> Self {
        Self {
            stopwatch: Stopwatch::start(),
            granted: Mutex::default(),
            refused: Mutex::default(),
            explained: Mutex::default(),
            left_out: AtomicU64::default(),
        }
    }

    /// Returns true if what is granted now is recorded.
    pub(crate) fn admits_granted(&self) -> bool {
        self.admits(&self.granted, self.stopwatch.elapsed(), GRANTED)
    }

    /// Returns true if a refusal is recorded now.
    pub(crate) fn admits_refused(&self) -> bool {
        self.admits(&self.refused, self.stopwatch.elapsed(), REFUSED)
    }

    /// Returns true if the reason of a refusal is looked for now.
    pub(crate) fn admits_evidence(&self) -> bool {
        lock(&self.explained).take(self.stopwatch.elapsed(), EXPLAINED)
    }

    fn admits(&self, bucket: &Mutex<Bucket>, now: Duration, rate: Rate) -> bool {
        let is_admitted = lock(bucket).take(now, rate);
        if !is_admitted {
            self.left_out.fetch_add(1, Ordering::Relaxed);
        }
        is_admitted
    }

    /// Returns how many entries were not recorded because there were too many a second.
    pub(crate) fn left_out(&self) -> u64 {
        self.left_out.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn granted_requests_leave_room_for_refusals() {
        let admission = Admission::new();
        let second = Duration::from_secs(1);
        let granted = (0..50_000).filter(|_| admission.admits(&admission.granted, second, GRANTED)).count();
        assert!((10_000..=10_001).contains(&granted), "{granted}");
        assert!(admission.admits_refused() && admission.admits_evidence());
        assert_eq!(admission.left_out(), 50_000 - granted as u64);
        assert!(!admission.admits(&admission.granted, second, GRANTED));
        assert!(admission.admits(&admission.granted, second * 2, GRANTED));
    }
}
