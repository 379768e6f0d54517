//! A service that can be reset: each reset creates a new service behind it, which answers from then on.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};

use ably_auth_core::Timestamp;

use crate::apps::Apps;
use crate::error::Error;
use crate::service::Service;
use crate::service::builder::ServiceBuilder;
use crate::state::State;
use crate::state::emulation::{Emulation, Recipe};
use crate::store::Memory;
use crate::sync::lock;

/// The configuration of a sandbox, and the service in front of those that are built from it.
struct Emulator {
    recipe: Mutex<ServiceBuilder>,
    /// Weak, since the service in front holds the one that holds this.
    front: OnceLock<Weak<State>>,
    myself: Weak<Self>,
}

/// Builds a service from `recipe`, whose store must be in memory. It can be reset, and its clock can be moved.
pub(super) fn build(recipe: ServiceBuilder) -> Result<Service, Error> {
    let front = recipe.front();
    let emulator = Arc::new_cyclic(|myself| Emulator {
        recipe: Mutex::new(recipe),
        front: OnceLock::new(),
        myself: myself.clone(),
    });
    let back = emulator.back()?;
    let front = front.emulation(Emulation::front(back.shared_state())).build_state()?;
    // The cell is empty, so this does not fail.
    let _ = emulator.front.set(Arc::downgrade(&front.shared_state()));
    Ok(front)
}

impl Emulator {
    /// Creates a service with a clock that can be moved.
    fn back(&self) -> Result<Service, Error> {
        let recipe = lock(&self.recipe).again();
        let Some(myself) = self.myself.upgrade() else {
            return recipe.build_state();
        };
        let ahead = Arc::new(AtomicU64::new(0));
        let (clock, offset) = (recipe.clock.clone(), Arc::clone(&ahead));
        let now = move || Timestamp::from_millis(clock.now().as_millis().saturating_add(offset.load(Ordering::SeqCst)));
        // No steady clock: with one, a jump of more than a day would count as a wrong clock.
        recipe.clock(now).emulation(Emulation::back(ahead, myself)).build_state()
    }
}

impl Recipe for Emulator {
    fn reset(&self) -> Result<(), Error> {
        let fresh = self.back()?;
        let Some(front) = self.front.get().and_then(Weak::upgrade) else {
            return Ok(());
        };
        let before = front.emulation.as_ref().and_then(Emulation::current);
        if let Some(emulation) = &front.emulation {
            emulation.replace(fresh.shared_state());
        }
        if let Some(before) = before {
            before.connections.drop_all();
        }
        Ok(())
    }

    fn set_apps(&self, apps: Apps) {
        lock(&self.recipe).apps = apps;
    }
}

impl ServiceBuilder {
    /// Returns the same configuration with an empty store in memory.
    pub(super) fn again(&self) -> Self {
        Self {
            apps: self.apps.clone(),
            clock: self.clock.clone(),
            secrets: self.secrets.clone(),
            control_tokens: self.control_tokens.clone(),
            memory_limits: self.memory_limits,
            #[cfg(feature = "console")]
            journal: self.journal.clone(),
            #[cfg(feature = "console")]
            console_state: self.console_state.clone(),
            store: Box::new(Memory::with_limits(self.memory_limits.unwrap_or_default())),
            ..self.front()
        }
    }

    /// Returns the configuration of the service in front of the one that responds. It has no apps and no secrets.
    pub(super) fn front(&self) -> Self {
        Self {
            sandbox: self.sandbox,
            sandbox_access: self.sandbox_access.clone(),
            metrics: Arc::clone(&self.metrics),
            channels: self.channels,
            limits: self.limits.clone(),
            ..Service::builder()
        }
    }
}
