//! A clock that stands until it is moved.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ably_auth::{Clock, Timestamp};

/// The time of the clients under test. What the network does takes real time all the same.
#[derive(Clone)]
pub(crate) struct TestClock(Arc<Readings>);

struct Readings {
    wall: AtomicU64,
    steady: AtomicU64,
}

impl TestClock {
    /// Noon of some day, in milliseconds.
    pub(crate) const START: u64 = 1_780_315_200_000;

    pub(super) fn new() -> Self {
        Self(Arc::new(Readings { wall: AtomicU64::new(Self::START), steady: AtomicU64::new(1_000) }))
    }

    pub(crate) fn millis(&self) -> u64 {
        self.0.wall.load(Ordering::SeqCst)
    }

    /// Time passes.
    pub(crate) fn advance(&self, span: Duration) {
        let millis = u64::try_from(span.as_millis()).unwrap();
        self.0.steady.fetch_add(millis, Ordering::SeqCst);
        self.0.wall.fetch_add(millis, Ordering::SeqCst);
    }

    /// The machine is suspended: its steady clock stands.
    pub(crate) fn suspend(&self, span: Duration) {
        self.0.wall.fetch_add(u64::try_from(span.as_millis()).unwrap(), Ordering::SeqCst);
    }

    /// Somebody sets the wall clock, by that many milliseconds.
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
