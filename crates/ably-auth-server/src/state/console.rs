//! The console's own state, which outlives a reset of the service.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ably_auth_core::Token;
use tokio::sync::{Mutex, Semaphore};

use crate::clock::Stopwatch;
use crate::limits::Rate;
use crate::limits::rate_limiter::Buckets;

/// The rate of requests without the token of the admin console from one address. More get another refusal.
const REFUSALS: Rate = Rate { per_second: 1, burst: 10 };

/// The state that all requests to the console share.
pub(crate) struct Console {
    /// True if the service itself serves the console. It must be a sandbox.
    pub(crate) is_served: bool,
    /// The token of the console on the admin address, if there is one.
    pub(crate) admin_token: Option<Token>,
    /// The permits of streams.
    pub(crate) streams: Arc<Semaphore>,
    /// The refusals of requests without the token.
    refusals: Buckets,
    stopwatch: Stopwatch,
    /// Held by the request that asks connections for their state.
    pub(crate) inquiry: Mutex<()>,
}

impl Console {
    pub(crate) fn new(is_served: bool, admin_token: Option<Token>, max_streams: usize) -> Self {
        Self {
            is_served,
            admin_token,
            streams: Arc::new(Semaphore::new(max_streams.min(Semaphore::MAX_PERMITS))),
            refusals: Buckets::new(REFUSALS),
            stopwatch: Stopwatch::start(),
            inquiry: Mutex::default(),
        }
    }

    /// Counts a request without the token from an address. Returns the time to wait if there are too many.
    pub(crate) fn count_refusal(&self, site: u128) -> Result<(), Duration> {
        self.refusals.take(&site, self.stopwatch.elapsed())
    }
}

impl fmt::Debug for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Console").field("is_served", &self.is_served).finish_non_exhaustive()
    }
}
