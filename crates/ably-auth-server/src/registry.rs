//! The apps of a running service, each with what it keeps in memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use ably_auth_core::{ErrorCode, KeyName};
use zeroize::Zeroizing;

use crate::apps::{App, Key};
use crate::channels::Channels;
use crate::refusal::Refusal;
use crate::stats::Stats;
use crate::token::Sealer;

/// The most apps that may be there, since in a sandbox anybody may make one.
const MAX_APPS: usize = 1_000;

/// An app as it is at some moment. A change makes another of these, and whoever has this one goes on with it.
#[derive(Clone, Debug)]
pub(crate) struct RunningApp {
    pub(crate) app: App,
    pub(crate) memory: Arc<AppMemory>,
}

/// What stays with an app when its keys change.
#[derive(Debug)]
pub(crate) struct AppMemory {
    pub(crate) sealer: Sealer,
    pub(crate) channels: Mutex<Channels>,
    pub(crate) stats: Mutex<Stats>,
}

pub(crate) struct Registry {
    apps: RwLock<HashMap<Box<str>, Arc<RunningApp>>>,
    secrets: ServiceSecrets,
}

/// What all keys that seal tokens derive from: the one under which tokens are sealed, and those from before.
#[derive(Default)]
pub(crate) struct ServiceSecrets {
    pub(crate) current: Option<Zeroizing<[u8; 32]>>,
    pub(crate) earlier: Vec<Zeroizing<[u8; 32]>>,
}

impl std::fmt::Debug for ServiceSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ServiceSecrets([redacted])")
    }
}

impl Registry {
    pub(crate) fn new(secrets: ServiceSecrets) -> Self {
        Self { apps: RwLock::default(), secrets }
    }

    pub(crate) fn add(&self, app: App) -> Result<(), Refusal> {
        let current = self.secrets.current.as_deref().ok_or_else(Refusal::internal)?;
        let sealer = Sealer::new(current, self.secrets.earlier.iter().map(|secret| &**secret), app.id())?;
        let memory = Arc::new(AppMemory { sealer, channels: Mutex::default(), stats: Mutex::default() });
        let mut apps = self.apps.write().unwrap_or_else(PoisonError::into_inner);
        if apps.len() >= MAX_APPS {
            return Err(Refusal::new(
                ErrorCode::RATE_LIMITED,
                "there are 1000 apps already; delete those that are done with",
            ));
        }
        apps.insert(app.id().into(), Arc::new(RunningApp { app, memory }));
        Ok(())
    }

    /// How many apps there are, and how many keys they have.
    pub(crate) fn count(&self) -> (usize, usize) {
        let apps = self.apps.read().unwrap_or_else(PoisonError::into_inner);
        (apps.len(), apps.values().map(|running| running.app.keys().len()).sum())
    }

    pub(crate) fn remove(&self, app_id: &str) {
        self.apps.write().unwrap_or_else(PoisonError::into_inner).remove(app_id);
    }

    pub(crate) fn app(&self, app_id: &str) -> Option<Arc<RunningApp>> {
        self.apps.read().unwrap_or_else(PoisonError::into_inner).get(app_id).cloned()
    }

    /// Changes an app as it is now, for all requests that come after; gives what `change` gives.
    pub(crate) fn change<T>(
        &self,
        app_id: &str,
        change: impl FnOnce(App) -> Result<(App, T), Refusal>,
    ) -> Result<T, Refusal> {
        let mut apps = self.apps.write().unwrap_or_else(PoisonError::into_inner);
        let running = apps.get_mut(app_id).ok_or_else(|| unknown_app(&app_id.escape_debug().to_string()))?;
        let (app, given) = change(running.app.clone())?;
        *running = Arc::new(RunningApp { app, memory: Arc::clone(&running.memory) });
        Ok(given)
    }

    pub(crate) fn key(&self, name: &KeyName) -> Result<(Arc<RunningApp>, Arc<Key>), Refusal> {
        let app = self.app(name.app_id()).ok_or_else(|| unknown_app(name.app_id()))?;
        match app.app.key(name.key_id()).cloned() {
            Some(key) => Ok((app, key)),
            None => {
                let message = format!("app `{}` has no key `{}`; check the key id", name.app_id(), name.key_id());
                Err(Refusal::new(ErrorCode::NOT_FOUND, message).with_status(401))
            }
        }
    }
}

pub(crate) fn unknown_app(app_id: &str) -> Refusal {
    Refusal::new(ErrorCode::NOT_FOUND, format!("there is no app `{app_id}` here; check the app id and the host"))
}
