//! The clocks of the service: the time of day, and elapsed time.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;
#[cfg(not(simulation))]
use std::time::Instant;

use ably_auth_core::Timestamp;
#[cfg(simulation)]
use tokio::time::Instant;

/// A source of the current time, which is read once for each request.
#[derive(Clone)]
pub(crate) struct Clock {
    time: ably_auth_backend::Clock,
    /// A steady clock, if there is one.
    pub(crate) steady: Option<Steady>,
}

impl Clock {
    pub(crate) fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self { time: ably_auth_backend::Clock::new(now), steady: None }
    }

    pub(crate) fn system() -> Self {
        let stopwatch = Stopwatch::start();
        let steady = Steady::new(move || stopwatch.elapsed());
        Self { time: ably_auth_backend::Clock::system(), steady: Some(steady) }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.time.now()
    }
}

/// A clock that measures elapsed time and that changes of the system's clock do not affect.
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

/// A stopwatch that runs from its creation and that changes of the system's clock do not affect.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "the only source of elapsed time")]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}
