//! A service that can be reset: each reset creates a new service behind it, which answers from then on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ably_auth_core::{ErrorCode, Timestamp};

use crate::apps::{App, Apps};
use crate::clock::Clock;
use crate::error::Error;
use crate::limits::Limits;
use crate::service::Service;
use crate::state::emulation::Emulation;

pub(super) struct Emulator {
    front: Service,
    app: App,
    limits: Limits,
}

impl Emulator {
    pub(super) fn new(app: App, limits: Limits) -> Result<Self, Error> {
        let back = back(&app, &limits)?;
        let front = Service::builder().sandbox(true).limits(limits.clone());
        let front = front.emulation(Emulation::front(back.shared_state())).build()?;
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
        let before = self.front.current().into_owned();
        if let Some(emulation) = &self.front.state().emulation {
            emulation.replace(fresh.shared_state());
        }
        before.state().connections.drop_all();
        Ok(())
    }

    pub(super) fn advance_clock(&self, by: Duration) {
        let current = self.front.current();
        if let Some(emulation) = &current.state().emulation {
            emulation.advance_clock(by);
            current.state().connections.all_changed();
        }
    }

    pub(super) fn fail_next(&self, count: u32, code: ErrorCode) {
        if let Some(emulation) = &self.front.current().state().emulation {
            emulation.fail_next(count, code);
        }
    }
}

/// Creates a service that has only the app, with a clock that can be moved.
fn back(app: &App, limits: &Limits) -> Result<Service, Error> {
    let ahead = Arc::new(AtomicU64::new(0));
    let (system, offset) = (Clock::system(), Arc::clone(&ahead));
    let now = move || Timestamp::from_millis(system.now().as_millis().saturating_add(offset.load(Ordering::SeqCst)));
    // No steady clock: with one, a jump of more than a day would count as a wrong clock.
    Service::builder()
        .apps(Apps::new().with_app(app.clone())?)
        .sandbox(true)
        .limits(limits.clone())
        .clock(now)
        .emulation(Emulation::back(ahead))
        .build()
}
