//! Apps told anew to a service that runs.

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

/// What was different when a service was told its apps anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Relisted {
    /// Keys that were not there before.
    pub keys_added: usize,
    /// Keys that are now as they were not before.
    pub keys_changed: usize,
    /// Keys that are gone, or revoked since they were changed at run time.
    pub keys_removed: usize,
}

pub(crate) async fn reload_apps(state: &State, apps: Apps) -> Result<Relisted, Error> {
    let now = state.clock.now();
    // What others have changed meanwhile is theirs.
    state.catch_up(now).await.map_err(|refusal| unavailable("it is not known what was changed meanwhile", &refusal))?;
    let swapped = swap(state, apps, now);
    // Those of before too, for which the store did not answer then.
    let revoked = revoke_gone(state, now).await?;
    let mut relisted = swapped?;
    relisted.keys_removed = relisted.keys_removed.saturating_add(revoked);
    Ok(relisted)
}

/// Has the store know of every key that is disabled here since it is not told of any more. Gives how many that were.
async fn revoke_gone(state: &State, now: Timestamp) -> Result<usize, Error> {
    let gone: Vec<_> = lock(&state.registry.listed).gone_keys.keys().cloned().collect();
    let mut revoked = 0_usize;
    for name in gone {
        // By now somebody else may have revoked it, or an answer that did not come in time have held.
        let is_to_be_written = lock(&state.registry.listed).gone_keys.get(&name).is_some_and(|key| key.is_enabled());
        if is_to_be_written {
            control::revoke_key(state, (name.app_id(), name.key_id()), now)
                .await
                .map_err(|refusal| unavailable("a key could not be revoked", &refusal))?;
        }
        if lock(&state.registry.listed).gone_keys.remove(&name).is_some() {
            revoked = revoked.saturating_add(1);
        }
    }
    Ok(revoked)
}

fn unavailable(what: &str, refusal: &Refusal) -> Error {
    Error::new(ErrorKind::Store, format!("{what}: {}", refusal.info().message()))
}

/// All at once, so that no request sees one app as it was and another as it is. A key that was changed at run time and is not
/// told of any more is disabled with it, and noted down to be revoked.
fn swap(state: &State, apps: Apps, now: Timestamp) -> Result<Relisted, Error> {
    let registry = &state.registry;
    let mut listed = lock(&registry.listed);
    let mut running = sync::write(&registry.apps);
    let mut next = running.clone();
    let mut relisted = Relisted::default();
    for app in apps.iter().filter(|app| !listed.gone_apps.contains(app.id())) {
        let before = running.get(app.id());
        let app = merge(app, before.map(|before| &before.app), &listed, now, &mut relisted);
        let entry = match before {
            Some(before) => Arc::new(RunningApp { app, memory: Arc::clone(&before.memory) }),
            None => registry.running(app, true).map_err(|_| Error::new(ErrorKind::Apps, "an app cannot be set up"))?,
        };
        next.insert(entry.app.id().into(), entry);
    }
    unlist(&mut next, &apps, &listed, &mut relisted);
    if next.len() > MAX_APPS {
        return Err(Error::new(ErrorKind::Apps, too_many_apps().info().message()));
    }
    let is_there = |name: &KeyName| apps.get(name.app_id()).is_some_and(|app| app.key(name.key_id()).is_some());
    let back: Vec<_> = listed.gone_keys.keys().filter(|name| is_there(name)).cloned().collect();
    for key in back.iter().filter_map(|name| listed.gone_keys.remove(name)) {
        put(&mut next, &key);
    }
    let before = listed.apps.iter().flat_map(App::keys).map(Key::name);
    let gone: Vec<_> = before.filter(|name| !is_there(name) && listed.changed_keys.contains(*name)).cloned().collect();
    for name in gone {
        let key = next.get(name.app_id()).and_then(|running| running.app.key(name.key_id())).cloned();
        if let Some(key) = key.filter(|key| key.is_enabled()) {
            put(&mut next, &Arc::new(Key::clone(&key).with_enabled(false)));
            listed.gone_keys.insert(name, key);
        }
    }
    *running = next;
    listed.apps = apps;
    Ok(relisted)
}

fn put(apps: &mut HashMap<Box<str>, Arc<RunningApp>>, key: &Arc<Key>) {
    if let Some(running) = apps.get_mut(key.name().app_id()) {
        let app = running.app.clone().with_key_set(Key::clone(key));
        *running = Arc::new(RunningApp { app, memory: Arc::clone(&running.memory) });
    }
}

/// The app as it is told, but for what is of run time.
fn merge(told: &App, before: Option<&App>, listed: &Listed, now: Timestamp, relisted: &mut Relisted) -> App {
    let is_changed = |key: &Key| listed.changed_keys.contains(key.name());
    let known = |key: &Key| before.and_then(|before| before.key(key.name().key_id()));
    let mut keys: Vec<Arc<Key>> = Vec::new();
    for key in told.shared_keys() {
        keys.push(match known(key) {
            // It is told of again.
            Some(known) if known.is_withheld() => Arc::new(Key::clone(known).listed()),
            Some(known) if is_changed(known) => {
                warn_of_ignored(key, known);
                Arc::clone(known)
            }
            Some(known) if known.is_as(key) => Arc::clone(known),
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
    for key in kept.iter().filter(|key| told.key(key.name().key_id()).is_none()) {
        if is_changed(key) {
            keys.push(Arc::clone(key));
        } else {
            relisted.keys_removed = relisted.keys_removed.saturating_add(1);
        }
    }
    let settings = before.filter(|before| listed.changed_apps.contains(before.id())).unwrap_or(told);
    let created = before.and_then(App::given_created).unwrap_or(now);
    settings.clone().with_keys(keys).created_at(created)
}

/// What is of run time goes before what is told; where that keeps up what somebody wanted to end, they are to know.
fn warn_of_ignored(told: &Key, known: &Key) {
    let (secret, ended) =
        (told.api_key().secret() != known.api_key().secret(), !told.given_enabled() && known.is_enabled());
    if secret || ended {
        tracing::warn!(
            key = known.name().as_str(),
            "the key was changed at run time and stays as it is, though the apps have another secret for it or disable it; \
             revoke it over the Control API, or take it out of the apps"
        );
    }
}

/// Takes out the apps that are not told of any more, but for what is of run time.
fn unlist(next: &mut HashMap<Box<str>, Arc<RunningApp>>, apps: &Apps, listed: &Listed, relisted: &mut Relisted) {
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
