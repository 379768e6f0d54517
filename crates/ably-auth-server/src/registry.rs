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

#[derive(Debug)]
pub(crate) struct RunningApp {
    pub(crate) app: App,
    pub(crate) sealer: Sealer,
    pub(crate) channels: Mutex<Channels>,
    pub(crate) stats: Mutex<Stats>,
}

pub(crate) struct Registry {
    apps: RwLock<HashMap<Box<str>, Arc<RunningApp>>>,
    service_secret: ServiceSecret,
}

/// What all keys that seal tokens derive from.
pub(crate) struct ServiceSecret(pub(crate) Zeroizing<[u8; 32]>);

impl std::fmt::Debug for ServiceSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ServiceSecret([redacted])")
    }
}

impl Registry {
    pub(crate) fn new(service_secret: ServiceSecret) -> Self {
        Self { apps: RwLock::default(), service_secret }
    }

    pub(crate) fn add(&self, app: App) -> Result<(), Refusal> {
        let sealer = Sealer::new(&self.service_secret.0, app.id())?;
        let id = app.id().into();
        let running = Arc::new(RunningApp { app, sealer, channels: Mutex::default(), stats: Mutex::default() });
        let mut apps = self.apps.write().unwrap_or_else(PoisonError::into_inner);
        if apps.len() >= MAX_APPS {
            return Err(Refusal::new(
                ErrorCode::RATE_LIMITED,
                "there are 1000 apps already; delete those that are done with",
            ));
        }
        apps.insert(id, running);
        Ok(())
    }

    pub(crate) fn remove(&self, app_id: &str) {
        self.apps.write().unwrap_or_else(PoisonError::into_inner).remove(app_id);
    }

    pub(crate) fn app(&self, app_id: &str) -> Option<Arc<RunningApp>> {
        self.apps.read().unwrap_or_else(PoisonError::into_inner).get(app_id).cloned()
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
