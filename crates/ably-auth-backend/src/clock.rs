//! The source of the current time.

use std::sync::Arc;

use ably_auth_core::Timestamp;

/// A function that returns the current time. It is called once for each request.
#[derive(Clone)]
pub(crate) struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    pub(crate) fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    #[allow(clippy::disallowed_methods, reason = "the only place that reads the system's clock")]
    pub(crate) fn system() -> Self {
        Self::new(Timestamp::now)
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.0)()
    }
}
