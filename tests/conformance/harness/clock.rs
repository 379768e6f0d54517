//! A clock that only moves on command.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ably_auth::{Clock, Timestamp};

/// The clock of the clients under test. Network operations take real time.
#[derive(Clone)]
pub(crate) struct TestClock(Arc<Readings>);

struct Readings {
    wall: AtomicU64,
    steady: AtomicU64,
}

impl TestClock {
    /// Noon of some day, in ms since the epoch.
    pub(crate) const START: u64 = 1_780_315_200_000;

    pub(super) fn new() -> Self {
        Self(Arc::new(Readings { wall: AtomicU64::new(Self::START), steady: AtomicU64::new(1_000) }))
    }

    pub(crate) fn millis(&self) -> u64 {
        self.0.wall.load(Ordering::SeqCst)
    }

    /// Advances both clocks.
    pub(crate) fn advance(&self, span: Duration) {
        let millis = u64::try_from(span.as_millis()).unwrap();
        self.0.steady.fetch_add(millis, Ordering::SeqCst);
        self.0.wall.fetch_add(millis, Ordering::SeqCst);
    }

    /// Advances the wall clock only, as if the machine was suspended.
    pub(crate) fn suspend(&self, span: Duration) {
        self.0.wall.fetch_add(u64::try_from(span.as_millis()).unwrap(), Ordering::SeqCst);
    }

    /// Moves the wall clock by some milliseconds, as if somebody set it.
    pub(crate) fn set_wall_by(&self, millis: i64) {
        self.0.wall.store(self.millis().saturating_add_signed(millis), Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.millis())
    }

    fn steady(&self) -> Duration {
        Duration::from_millis(self.0.steady.load(Ordering::SeqCst))
    }
}
