//! The emulated state of a sandbox: the service that responds, the clock of its clients, and injected faults.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use ably_auth_core::Timestamp;

use crate::apps::Apps;
use crate::error::Error;
use crate::state::faults::Faults;
use crate::sync::{read, write};

/// The role of a service in a sandbox. `S` is the state of a service.
pub(crate) enum Emulation<S> {
    /// The server was started with this service, which has no apps. The service of another state responds to the
    /// requests, and can be replaced while connections stay open.
    Front(RwLock<Arc<S>>),
    /// The service responds to requests, except for those that are to fail.
    Back(Back),
}

/// The emulation of a service that responds.
pub(crate) struct Back {
    pub(crate) faults: Faults,
    /// The parts that need a store in memory; `None` if the store outlives the process.
    renewal: Option<Renewal>,
}

struct Renewal {
    /// The milliseconds by which the service's clock is ahead of its clients'.
    ahead: Arc<AtomicU64>,
    recipe: Arc<dyn Recipe>,
}

/// The configuration from which a sandbox is built again.
pub(crate) trait Recipe: Send + Sync {
    /// Replaces the service that responds with a new one.
    fn reset(&self) -> Result<(), Error>;

    /// Sets the apps that the next service has.
    fn set_apps(&self, apps: Apps);
}

impl<S> Emulation<S> {
    pub(crate) const fn front(back: Arc<S>) -> Self {
        Self::Front(RwLock::new(back))
    }

    /// Returns the role of a service that can be reset.
    pub(crate) fn back(ahead: Arc<AtomicU64>, recipe: Arc<dyn Recipe>) -> Self {
        Self::Back(Back { faults: Faults::default(), renewal: Some(Renewal { ahead, recipe }) })
    }

    /// Returns the role of a service whose store outlives the process, so that it can neither be reset nor have its
    /// clock moved.
    pub(crate) fn lasting() -> Self {
        Self::Back(Back { faults: Faults::default(), renewal: None })
    }

    /// Returns the state of the service that responds to the next request, if that is another service.
    pub(crate) fn current(&self) -> Option<Arc<S>> {
        match self {
            Self::Front(current) => Some(Arc::clone(&read(current))),
            Self::Back(_) => None,
        }
    }

    pub(crate) fn replace(&self, back: Arc<S>) {
        if let Self::Front(current) = self {
            *write(current) = back;
        }
    }

    pub(crate) const fn as_back(&self) -> Option<&Back> {
        match self {
            Self::Front(_) => None,
            Self::Back(back) => Some(back),
        }
    }
}

impl Back {
    /// Returns the configuration from which the service is built again; `None` if it cannot be reset.
    pub(crate) fn recipe(&self) -> Option<&Arc<dyn Recipe>> {
        self.renewal.as_ref().map(|renewal| &renewal.recipe)
    }

    /// Moves the clock forward. Returns `false` if it cannot be moved.
    pub(crate) fn advance_clock(&self, by: Duration) -> bool {
        let Some(Renewal { ahead, .. }) = &self.renewal else {
            return false;
        };
        let millis = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        // The closure always returns a value, so the update does not fail.
        let _ = ahead.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |before| Some(before.saturating_add(millis)));
        true
    }

    /// Returns the milliseconds by which the clock was advanced.
    pub(crate) fn ahead(&self) -> u64 {
        self.renewal.as_ref().map_or(0, |renewal| renewal.ahead.load(Ordering::SeqCst))
    }

    /// Returns the time of the clients' clocks, which were not advanced.
    pub(crate) fn before_advances(&self, now: Timestamp) -> Timestamp {
        Timestamp::from_millis(now.as_millis().saturating_sub(self.ahead()))
    }
}

impl<S> fmt::Debug for Emulation<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Emulation")
    }
}
