//! The settings of a cache.

use std::sync::Arc;
use std::time::Duration;

use super::TOKEN_TIMEOUT;
use super::policy::{CachePolicy, Jitter};
use super::validity::Now;
use crate::clock::Clock;
use crate::random::{Random, SystemRandom};
use crate::time_offset::TimeOffset;

pub(super) struct Settings {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) random: Arc<dyn Random>,
    pub(super) policy: CachePolicy,
    pub(super) offset: Option<Arc<TimeOffset>>,
    pub(super) timeout: Duration,
}

impl Settings {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, random: Arc::new(SystemRandom), policy: CachePolicy::new(), offset: None, timeout: TOKEN_TIMEOUT }
    }

    pub(super) fn now(&self) -> Now {
        let here = self.clock.moment();
        Now { here, service: self.offset.as_ref().and_then(|offset| offset.service_time(here)) }
    }

    pub(super) fn jitter(&self) -> Jitter {
        Jitter::from(&*self.random)
    }
}
