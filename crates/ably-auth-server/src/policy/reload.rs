//! Reloads the app configuration.

use std::collections::HashMap;
use std::sync::Arc;

use ably_auth_core::{KeyName, Timestamp};

use crate::apps::{App, Apps, Key};
use crate::error::{Error, ErrorKind};
use crate::policy::control;
use crate::refusal::Refusal;
use crate::state::State;
use crate::state::registry::{Listed, MAX_APPS, RunningApp, too_many_apps};
use crate::sync;
use crate::sync::lock;

/// The changes that a reload of the app configuration made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Relisted {
    /// The number of keys that are new.
    pub keys_added: usize,
    /// The number of keys with changed settings.
    pub keys_changed: usize,
    /// The number of keys that were removed, or revoked because they were changed at run time.
    pub keys_removed: usize,
}

pub(crate) async fn reload_apps(state: &State, apps: Apps) -> Result<Relisted, Error> {
    let now = state.clock.now();
    // Catch up first: changes by other services at run time override the configuration.
    state.catch_up(now).await.map_err(|refusal| unavailable("the changes of other services are unknown", &refusal))?;
    let applied = apply(state, apps, now);
    // This includes keys of earlier reloads, for which the store did not respond.
    let revoked = revoke_removed(state, now).await?;
    let mut relisted = applied?;
    relisted.keys_removed = relisted.keys_removed.saturating_add(revoked);
    Ok(relisted)
}

/// Writes the revocation of each removed key that is only disabled in memory. Returns the number of revoked keys.
async fn revoke_removed(state: &State, now: Timestamp) -> Result<usize, Error> {
    let removed: Vec<_> = lock(&state.registry.listed).removed_keys.keys().cloned().collect();
    let mut revoked = 0_usize;
    for name in removed {
        // Another service may have revoked it, or an earlier write that timed out may have succeeded.
        let is_pending = lock(&state.registry.listed).removed_keys.get(&name).is_some_and(|key| key.is_enabled());
        if is_pending {
            control::revoke_key(state, (name.app_id(), name.key_id()), now)
                .await
                .map_err(|refusal| unavailable("a key could not be revoked", &refusal))?;
        }
        if lock(&state.registry.listed).removed_keys.remove(&name).is_some() {
            revoked = revoked.saturating_add(1);
        }
    }
    Ok(revoked)
}

fn unavailable(what: &str, refusal: &Refusal) -> Error {
    Error::new(ErrorKind::Store, format!("{what}: {}", refusal.info().message()))
}

/// Applies the configuration at once, so that each request sees either the old or the new state of all apps. A key that
/// was changed at run time and is no longer configured is disabled, and recorded for revocation.
fn apply(state: &State, apps: Apps, now: Timestamp) -> Result<Relisted, Error> {
    let registry = &state.registry;
    let mut listed = lock(&registry.listed);
    let mut running = sync::write(&registry.apps);
    let mut next = running.clone();
    let mut relisted = Relisted::default();
    for app in apps.iter().filter(|app| !listed.deleted_apps.contains(app.id())) {
        let before = running.get(app.id());
        let app = merge(app, before.map(|before| &before.app), &listed, now, &mut relisted);
        let entry = match before {
            Some(before) => Arc::new(RunningApp { app, memory: Arc::clone(&before.memory) }),
            None => registry.running(app, true).map_err(|_| Error::new(ErrorKind::Apps, "cannot create an app"))?,
        };
        next.insert(entry.app.id().into(), entry);
    }
    remove_unlisted(&mut next, &apps, &listed, &mut relisted);
    if next.len() > MAX_APPS {
        return Err(Error::new(ErrorKind::Apps, too_many_apps().info().message()));
    }
    let is_there = |name: &KeyName| apps.get(name.app_id()).is_some_and(|app| app.key(name.key_id()).is_some());
    let restored: Vec<_> = listed.removed_keys.keys().filter(|name| is_there(name)).cloned().collect();
    for key in restored.iter().filter_map(|name| listed.removed_keys.remove(name)) {
        replace_key(&mut next, &key);
    }
    let before = listed.apps.iter().flat_map(App::keys).map(Key::name);
    let removed: Vec<_> =
        before.filter(|name| !is_there(name) && listed.changed_keys.contains(*name)).cloned().collect();
    for name in removed {
        let key = next.get(name.app_id()).and_then(|running| running.app.key(name.key_id())).cloned();
        if let Some(key) = key.filter(|key| key.is_enabled()) {
            replace_key(&mut next, &Arc::new(Key::clone(&key).with_enabled(false)));
            listed.removed_keys.insert(name, key);
        }
    }
    *running = next;
    listed.apps = apps;
    drop(running);
    // Settings of apps, such as which namespaces need an identity, concern connections too.
    state.connections.all_changed();
    Ok(relisted)
}

fn replace_key(apps: &mut HashMap<Box<str>, Arc<RunningApp>>, key: &Arc<Key>) {
    if let Some(running) = apps.get_mut(key.name().app_id()) {
        let app = running.app.clone().with_key_set(Key::clone(key));
        *running = Arc::new(RunningApp { app, memory: Arc::clone(&running.memory) });
    }
}

/// Merges the configured app with its changes at run time, which override the configuration.
fn merge(configured: &App, before: Option<&App>, listed: &Listed, now: Timestamp, relisted: &mut Relisted) -> App {
    let is_changed = |key: &Key| listed.changed_keys.contains(key.name());
    let known = |key: &Key| before.and_then(|before| before.key(key.name().key_id()));
    let mut keys: Vec<Arc<Key>> = Vec::new();
    for key in configured.shared_keys() {
        keys.push(match known(key) {
            // The key is configured again.
            Some(known) if known.is_delisted() => Arc::new(Key::clone(known).listed()),
            Some(known) if is_changed(known) => {
                warn_if_overridden(key, known);
                Arc::clone(known)
            }
            Some(known) if known.has_same_settings(key) => Arc::clone(known),
            Some(known) => {
                relisted.keys_changed = relisted.keys_changed.saturating_add(1);
                Arc::new(Key::clone(key).listed().created_at(known.times().0).modified_at(now))
            }
            None => {
                relisted.keys_added = relisted.keys_added.saturating_add(1);
                Arc::new(Key::clone(key).listed().created_at(now))
            }
        });
    }
    let kept = before.map(App::shared_keys).unwrap_or_default();
    for key in kept.iter().filter(|key| configured.key(key.name().key_id()).is_none()) {
        if is_changed(key) {
            keys.push(Arc::clone(key));
        } else {
            relisted.keys_removed = relisted.keys_removed.saturating_add(1);
        }
    }
    let settings = before.filter(|before| listed.changed_apps.contains(before.id())).unwrap_or(configured);
    let created = before.and_then(App::given_created).unwrap_or(now);
    settings.clone().with_keys(keys).created_at(created)
}

/// Warns if a change at run time overrides a configured change that should end access: another secret, or a disabled
/// key.
fn warn_if_overridden(configured: &Key, known: &Key) {
    let (secret, ended) = (
        configured.api_key().secret() != known.api_key().secret(),
        !configured.enabled_setting() && known.is_enabled(),
    );
    if secret || ended {
        tracing::warn!(
            key = known.name().as_str(),
            "the key was changed at run time, so the configured secret or `enabled` is ignored; revoke the key over the \
             Control API, or remove it from the configuration"
        );
    }
}

/// Removes apps that are no longer configured, except for what was created or changed at run time.
fn remove_unlisted(
    next: &mut HashMap<Box<str>, Arc<RunningApp>>,
    apps: &Apps,
    listed: &Listed,
    relisted: &mut Relisted,
) {
    for old in listed.apps.iter().filter(|old| apps.get(old.id()).is_none()) {
        let Some(running) = next.get(old.id()).cloned() else {
            continue;
        };
        let keys = running.app.shared_keys();
        let kept: Vec<_> = keys.iter().filter(|key| listed.changed_keys.contains(key.name())).cloned().collect();
        relisted.keys_removed = relisted.keys_removed.saturating_add(keys.len().saturating_sub(kept.len()));
        if kept.is_empty() && !listed.changed_apps.contains(old.id()) {
            next.remove(old.id());
        } else {
            let app = running.app.clone().with_keys(kept);
            next.insert(old.id().into(), Arc::new(RunningApp { app, memory: Arc::clone(&running.memory) }));
        }
    }
}
