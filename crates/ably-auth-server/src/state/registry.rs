//! The apps of a running service, each with its state in memory.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, RwLock};

use ably_auth_core::{ErrorCode, KeyName};
use zeroize::Zeroizing;

use crate::apps::{App, Apps, Key};
use crate::channels::{Channels, Run};
use crate::error::{Error, ErrorKind};
use crate::limits::Limits;
use crate::limits::budget::{Budget, Share};
use crate::live::relay::{AppOutbox, Outbox};
use crate::random;
use crate::refusal::Refusal;
use crate::state::app_memory::AppMemory;
use crate::sync;
use crate::sync::lock;
use crate::token::Sealer;

/// The maximum number of apps, because in a sandbox every caller may create one.
pub(crate) const MAX_APPS: usize = 1_000;

/// The divisor for an app's share of the bytes of responses in flight and of realtime connections, so that no app can use
/// them all.
const APP_SHARES: usize = 4;

/// An immutable snapshot of an app. A change creates a new snapshot; requests that hold this one finish with it.
#[derive(Clone, Debug)]
pub(crate) struct RunningApp {
    pub(crate) app: App,
    pub(crate) memory: Arc<AppMemory>,
}

pub(crate) struct Registry {
    pub(crate) apps: RwLock<HashMap<Box<str>, Arc<RunningApp>>>,
    pub(crate) listed: Mutex<Listed>,
    secrets: RwLock<ServiceSecrets>,
    /// The memory budget for the history of all channels.
    history: Arc<Budget>,
    /// The maximum bytes of large responses in flight for one app.
    answers_per_app: usize,
    /// The maximum bytes of the realtime connections of one app.
    realtime_per_app: usize,
    /// The maximum memory, in bytes, for apps and keys that are created or changed at run time.
    run_time_bytes: usize,
    outbox: Option<Arc<Outbox>>,
}

/// The app configuration, and which of its parts were changed at run time.
#[derive(Debug, Default)]
pub(crate) struct Listed {
    /// The configuration as it was last loaded.
    pub(crate) apps: Apps,
    /// Apps that were created at run time, or whose settings were changed.
    pub(crate) changed_apps: HashSet<Box<str>>,
    /// Deleted apps that are, or were, part of the configuration. Only these could reappear with a reload.
    pub(crate) deleted_apps: HashSet<Box<str>>,
    /// Keys that were created or changed at run time.
    pub(crate) changed_keys: HashSet<KeyName>,
    /// Changed keys that were removed from the configuration, as the store has them. They are disabled, and their
    /// revocation is not yet written.
    pub(crate) removed_keys: HashMap<KeyName, Arc<Key>>,
}

/// The secrets from which the keys that seal tokens are derived: the current one and earlier ones.
#[derive(Clone, Default)]
pub(crate) struct ServiceSecrets {
    pub(crate) current: Option<Zeroizing<[u8; 32]>>,
    pub(crate) earlier: Vec<Zeroizing<[u8; 32]>>,
    /// True if the secrets come from the store.
    pub(crate) are_of_store: bool,
}

impl ServiceSecrets {
    /// Refuses a secret of only zero bytes: it is a buffer that was never filled.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let is_unset = |secret: &Zeroizing<[u8; 32]>| secret.iter().all(|byte| *byte == 0);
        if self.current.iter().chain(&self.earlier).any(is_unset) {
            let message = "invalid service secret: all of its bytes are zero; use 32 bytes from a cryptographic source of random \
                           numbers";
            return Err(Error::new(ErrorKind::ServiceSecret, message));
        }
        Ok(())
    }

    fn sealer(&self, app_id: &str) -> Result<Sealer, Refusal> {
        let current = self.current.as_deref().ok_or_else(Refusal::internal)?;
        Sealer::new(current, self.earlier.iter().map(|secret| &**secret), app_id)
    }

    /// Adds a secret. Returns true if that changes anything.
    fn add(&mut self, secret: Zeroizing<[u8; 32]>, is_current: bool) -> bool {
        let is_known = self.current.as_ref() == Some(&secret) || !is_current && self.earlier.contains(&secret);
        if is_known {
            return false;
        }
        let earlier = if is_current { self.current.replace(secret) } else { Some(secret) };
        self.earlier.extend(earlier);
        true
    }
}

impl std::fmt::Debug for ServiceSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ServiceSecrets([redacted])")
    }
}

impl Registry {
    pub(crate) fn new(secrets: ServiceSecrets, limits: &Limits, outbox: Option<Arc<Outbox>>) -> Self {
        Self {
            apps: RwLock::default(),
            listed: Mutex::default(),
            secrets: RwLock::new(secrets),
            history: Budget::new(limits.history_bytes),
            answers_per_app: limits.answers_bytes / APP_SHARES,
            realtime_per_app: limits.realtime_bytes / APP_SHARES,
            run_time_bytes: limits.run_time_bytes,
            outbox,
        }
    }

    /// Drops messages of the app with the most history, oldest first, until all history is within the budget.
    pub(crate) fn make_room_for_history(&self) {
        loop {
            let excess = self.history.excess();
            if excess == 0 {
                return;
            }
            let apps = sync::read(&self.apps);
            let largest = apps.values().max_by_key(|running| running.memory.history.used()).cloned();
            drop(apps);
            if !largest.is_some_and(|running| running.memory.drop_oldest_messages(excess)) {
                return;
            }
        }
    }

    /// Adds an app of the app configuration when the service starts.
    pub(crate) fn list(&self, app: App) -> Result<(), Refusal> {
        self.check_room()?;
        let mut listed = lock(&self.listed);
        listed.apps = std::mem::take(&mut listed.apps).with_app(app.clone()).unwrap_or_default();
        self.insert(app.listed(), true)
    }

    /// Refuses another app if the maximum number exists.
    pub(crate) fn check_room(&self) -> Result<(), Refusal> {
        if sync::read(&self.apps).len() >= MAX_APPS {
            return Err(too_many_apps());
        }
        Ok(())
    }

    /// Refuses to add `bytes` if apps and keys created or changed at run time would then exceed their memory limit.
    pub(crate) fn check_memory(&self, bytes: usize) -> Result<(), Refusal> {
        let apps = sync::read(&self.apps);
        let size = |running: &Arc<RunningApp>| {
            let settings = if running.memory.is_listed { 0 } else { running.app.size_of_settings() };
            settings.saturating_add(running.app.size_of_run_time_keys())
        };
        if apps.values().map(size).fold(bytes, usize::saturating_add) <= self.run_time_bytes {
            return Ok(());
        }
        let message =
            "apps and keys created at run time use too much memory; delete some, or give keys smaller capabilities";
        Err(Refusal::new(ErrorCode::RATE_LIMITED, message))
    }

    /// Replaces an app's settings and keeps its keys, or adds the app if it is new.
    pub(crate) fn set_app(&self, app: App) -> Result<(), Refusal> {
        let mut listed = lock(&self.listed);
        listed.changed_apps.insert(app.id().into());
        listed.deleted_apps.remove(app.id());
        let mut apps = sync::write(&self.apps);
        match apps.get_mut(app.id()) {
            Some(running) => {
                let app = app.with_keys_of(&running.app);
                *running = Arc::new(RunningApp { app, memory: Arc::clone(&running.memory) });
                Ok(())
            }
            None => {
                drop(apps);
                self.insert(app, false)
            }
        }
    }

    fn insert(&self, app: App, is_listed: bool) -> Result<(), Refusal> {
        let running = self.running(app, is_listed)?;
        sync::write(&self.apps).insert(running.app.id().into(), running);
        Ok(())
    }

    /// Creates the snapshot and the memory of a new app.
    pub(crate) fn running(&self, app: App, is_listed: bool) -> Result<Arc<RunningApp>, Refusal> {
        let secrets = sync::read(&self.secrets);
        let sealer = RwLock::new(Arc::new(secrets.sealer(app.id())?));
        let run = Run::new(random::bytes().map_err(|_| Refusal::internal())?);
        let memory = Arc::new(AppMemory {
            is_listed,
            sealer,
            channels: Mutex::new(Channels::of_run(run)),
            attachments: Mutex::default(),
            realtime: Budget::new(self.realtime_per_app),
            history: Share::of(Arc::clone(&self.history)),
            answers: Budget::new(self.answers_per_app),
            stats: Mutex::default(),
            outbox: self.outbox.clone().map(|outbox| AppOutbox { outbox, app: app.id().into() }),
        });
        Ok(Arc::new(RunningApp { app, memory }))
    }

    /// Applies a secret from the store: the current one, or one with which another service sealed tokens. Known secrets
    /// still open tokens.
    pub(crate) fn set_secret(&self, secret: Zeroizing<[u8; 32]>, is_current: bool) -> Result<(), Refusal> {
        let mut secrets = sync::write(&self.secrets);
        if !secrets.are_of_store || !secrets.add(secret, is_current) {
            return Ok(());
        }
        for running in sync::read(&self.apps).values() {
            let sealer = Arc::new(secrets.sealer(running.app.id())?);
            *sync::write(&running.memory.sealer) = sealer;
        }
        Ok(())
    }

    /// Returns the number of apps and of their keys.
    pub(crate) fn count(&self) -> (usize, usize) {
        let apps = sync::read(&self.apps);
        (apps.len(), apps.values().map(|running| running.app.keys().len()).sum())
    }

    /// Sets a key of an app; ignores it if the app is unknown. A key that was removed from the app configuration while
    /// the service did not run is disabled.
    pub(crate) fn set_key(&self, mut key: Key) {
        let mut listed = lock(&self.listed);
        listed.changed_keys.insert(key.name().clone());
        if let Some(removed) = listed.removed_keys.get_mut(key.name()) {
            *removed = Arc::new(key.clone());
            key = key.with_enabled(false);
        }
        let (app_id, key_id) = (key.name().app_id(), key.name().key_id());
        let is_configured = listed.apps.get(app_id).is_some_and(|app| app.key(key_id).is_some());
        if key.is_listed() && !is_configured {
            key = key.delisted();
        }
        let mut apps = sync::write(&self.apps);
        if let Some(running) = apps.get_mut(key.name().app_id()) {
            let app = running.app.clone().with_key_set(key);
            *running = Arc::new(RunningApp { app, memory: Arc::clone(&running.memory) });
        }
    }

    /// Removes a deleted app. `is_listed` is true if the app configuration may contain it again.
    pub(crate) fn remove(&self, app_id: &str, is_listed: bool) {
        let mut listed = lock(&self.listed);
        listed.changed_apps.remove(app_id);
        listed.changed_keys.retain(|name| name.app_id() != app_id);
        listed.removed_keys.retain(|name, _| name.app_id() != app_id);
        if is_listed || listed.apps.get(app_id).is_some() {
            listed.deleted_apps.insert(app_id.into());
        }
        sync::write(&self.apps).remove(app_id);
    }

    /// Returns all apps.
    pub(crate) fn all(&self) -> Vec<Arc<RunningApp>> {
        sync::read(&self.apps).values().cloned().collect()
    }

    pub(crate) fn app(&self, app_id: &str) -> Option<Arc<RunningApp>> {
        sync::read(&self.apps).get(app_id).cloned()
    }

    /// Returns the apps of an account, ordered by id.
    pub(crate) fn apps_of(&self, account_id: &str) -> Vec<Arc<RunningApp>> {
        let apps = sync::read(&self.apps);
        let mut of_account: Vec<_> =
            apps.values().filter(|running| running.app.account_id() == account_id).cloned().collect();
        drop(apps);
        of_account.sort_unstable_by(|a, b| a.app.id().cmp(b.app.id()));
        of_account
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

pub(crate) fn too_many_apps() -> Refusal {
    Refusal::new(ErrorCode::RATE_LIMITED, "there are 1000 apps already; delete unused apps")
}

pub(crate) fn unknown_app(app_id: &str) -> Refusal {
    Refusal::new(ErrorCode::NOT_FOUND, format!("unknown app `{app_id}`; check the app id and the host"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deleted_apps_leave_nothing_behind() {
        let secrets =
            ServiceSecrets { current: Some(Zeroizing::new([1; 32])), earlier: Vec::new(), are_of_store: false };
        let registry = Registry::new(secrets, &Limits::default(), None);
        registry.list(App::new("listed").unwrap()).unwrap();
        for nth in 0..10 {
            let app_id = format!("app{nth}");
            registry.set_app(App::new(&app_id).unwrap()).unwrap();
            registry.set_key(Key::new(format!("{app_id}.key:hush").parse().unwrap()));
            registry.remove(&app_id, false);
        }
        registry.remove("listed", false);
        registry.remove("listed before", true);
        let listed = lock(&registry.listed);
        let mut removed: Vec<_> = listed.deleted_apps.iter().map(|app_id| &**app_id).collect();
        removed.sort_unstable();
        assert_eq!(removed, ["listed", "listed before"]);
        assert!(listed.changed_apps.is_empty() && listed.changed_keys.is_empty());
        assert_eq!(registry.count(), (0, 0));
    }
}
