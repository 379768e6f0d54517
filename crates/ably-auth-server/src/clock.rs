//! The one place where the time comes from.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ably_auth_core::Timestamp;

/// Tells the time, once for each request.
#[derive(Clone)]
pub(crate) struct Clock {
    now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// What runs evenly beside it, if there is such a thing.
    pub(crate) steady: Option<Steady>,
}

impl Clock {
    pub(crate) fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self { now: Arc::new(now), steady: None }
    }

    pub(crate) fn system() -> Self {
        let clock = Self::new(|| {
            #[expect(clippy::disallowed_methods, reason = "this is where the time comes from")]
            let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            Timestamp::from_millis(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
        });
        let stopwatch = Stopwatch::start();
        Self { steady: Some(Steady::new(move || stopwatch.elapsed())), ..clock }
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.now)()
    }
}

/// Tells how much time has passed since some moment, whatever is done to the clock.
#[derive(Clone)]
pub(crate) struct Steady(Arc<dyn Fn() -> Duration + Send + Sync>);

impl Steady {
    pub(crate) fn new(elapsed: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        Self(Arc::new(elapsed))
    }

    pub(crate) fn elapsed(&self) -> Duration {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// Runs since it was made, evenly, whatever is done to the system's clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "this is where the time comes from")]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}
