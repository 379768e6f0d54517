//! The state of a sandbox: a service that is replaced when the sandbox is reset, its clock, and the failures to come.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use ably_auth_core::{ErrorCode, Timestamp};
use http::Method;

use crate::apps::{App, Apps};
use crate::clock::Clock;
use crate::error::Error;
use crate::limits::Limits;
use crate::refusal::{OVERLOADED, Refusal};
use crate::service::Service;
use crate::state::State;
use crate::store::lock;

/// The part that a service has in a sandbox.
pub(crate) enum Emulation {
    /// The server was started with this service, which knows no app. Another service answers the requests, and can be
    /// replaced while connections stay open.
    Front(RwLock<Service>),
    /// The service answers requests, except for those that are to fail.
    Back { ahead: Arc<AtomicU64>, failures: Mutex<Failures> },
}

impl Emulation {
    /// Returns the time of the clocks of clients, which were not advanced.
    pub(crate) fn before_advances(&self, now: Timestamp) -> Timestamp {
        let ahead = match self {
            Self::Front(_) => 0,
            Self::Back { ahead, .. } => ahead.load(Ordering::SeqCst),
        };
        Timestamp::from_millis(now.as_millis().saturating_sub(ahead))
    }
}

impl fmt::Debug for Emulation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Emulation")
    }
}

/// Requests that are to be refused.
#[derive(Debug)]
pub(crate) struct Failures {
    left: u32,
    code: ErrorCode,
}

/// A service that can be reset.
pub(super) struct Emulator {
    front: Service,
    app: App,
    limits: Limits,
}

impl Emulator {
    pub(super) fn new(app: App, limits: Limits) -> Result<Self, Error> {
        let back = back(&app, &limits)?;
        let front = Service::builder().sandbox(true).limits(limits.clone());
        let front = front.emulation(Emulation::Front(RwLock::new(back))).build()?;
        Ok(Self { front, app, limits })
    }

    pub(super) fn front(&self) -> Service {
        self.front.clone()
    }

    pub(super) const fn app(&self) -> &App {
        &self.app
    }

    pub(super) fn reset(&self) -> Result<(), Error> {
        let fresh = back(&self.app, &self.limits)?;
        if let Some(Emulation::Front(current)) = &self.front.state().emulation {
            *current.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        }
        Ok(())
    }

    pub(super) fn advance_clock(&self, by: Duration) {
        let millis = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        if let Some(Emulation::Back { ahead, .. }) = &self.front.current().state().emulation {
            // The closure always returns a value, so the update does not fail.
            let _ =
                ahead.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |before| Some(before.saturating_add(millis)));
        }
    }

    pub(super) fn fail_next(&self, count: u32, code: ErrorCode) {
        if let Some(Emulation::Back { failures, .. }) = &self.front.current().state().emulation {
            *lock(failures) = Failures { left: count, code };
        }
    }
}

/// Makes a service that knows only the app, with a clock that can be moved.
fn back(app: &App, limits: &Limits) -> Result<Service, Error> {
    let ahead = Arc::new(AtomicU64::new(0));
    let (system, offset) = (Clock::system(), Arc::clone(&ahead));
    let now = move || Timestamp::from_millis(system.now().as_millis().saturating_add(offset.load(Ordering::SeqCst)));
    let failures = Mutex::new(Failures { left: 0, code: ErrorCode::INTERNAL });
    // Without a steady clock, by which a jump of more than a day would count as a wrong clock.
    Service::builder()
        .apps(Apps::new().with_app(app.clone())?)
        .sandbox(true)
        .limits(limits.clone())
        .clock(now)
        .emulation(Emulation::Back { ahead, failures })
        .build()
}

impl State {
    /// Refuses a request if [`Sandbox::fail_next`](super::Sandbox::fail_next) asked for it.
    pub(crate) fn check_failure(&self, method: &Method) -> Result<(), Refusal> {
        let Some(Emulation::Back { failures, .. }) = &self.emulation else {
            return Ok(());
        };
        let mut failures = lock(failures);
        // A page cannot read why its preflight failed.
        if failures.left == 0 || *method == Method::OPTIONS {
            return Ok(());
        }
        failures.left = failures.left.saturating_sub(1);
        let code = failures.code;
        let refusal = Refusal::new(code, "the test asked the sandbox to refuse this request (`fail_next`)");
        Err(if code == OVERLOADED { refusal.with_status(503) } else { refusal })
    }
}
