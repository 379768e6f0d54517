//! The Control API: creates, changes and deletes apps and keys at run time. Changes are in effect when the call
//! returns.

use std::sync::Arc;

use ably_auth_core::{Capability, ErrorCode, Timestamp};

use crate::apps::{self, App, Key};
use crate::error::Error;
use crate::refusal::Refusal;
use crate::state::State;
use crate::state::records;
use crate::state::registry::{RunningApp, unknown_app};
use crate::sync::lock;

/// The maximum number of keys of an app, including revoked ones.
const MAX_KEYS: usize = 1_000;

/// The maximum length of a display name, in characters.
const MAX_NAME_CHARS: usize = 256;

/// New settings of a key. `None` leaves a setting unchanged.
#[derive(Debug, Default)]
pub(crate) struct KeyChanges {
    pub(crate) name: Option<String>,
    pub(crate) capability: Option<Capability>,
    pub(crate) revocable_tokens: Option<bool>,
}

impl KeyChanges {
    fn check(&self) -> Result<(), Refusal> {
        self.name.as_deref().map_or(Ok(()), check_name)
    }

    fn apply(&self, mut key: Key) -> Key {
        if let Some(name) = &self.name {
            key = key.with_label(name);
        }
        if let Some(capability) = &self.capability {
            key = key.with_capability(capability.clone());
        }
        if let Some(revocable) = self.revocable_tokens {
            key = key.with_revocable_tokens(revocable);
        }
        key
    }
}

/// Refuses an invalid display name.
pub(crate) fn check_name(name: &str) -> Result<(), Refusal> {
    if name.is_empty() || name.chars().count() > MAX_NAME_CHARS || name.chars().any(char::is_control) {
        let message = format!(
            "invalid name: it must have 1 to {MAX_NAME_CHARS} characters and no control characters; use another"
        );
        return Err(Refusal::new(ErrorCode::BAD_REQUEST, message));
    }
    Ok(())
}

pub(crate) async fn create_app(state: &State, account_id: &str, name: &str, now: Timestamp) -> Result<App, Refusal> {
    check_name(account_id)?;
    check_name(name)?;
    let app = App::new(&apps::random_id().map_err(failed)?).map_err(failed)?;
    let app = app.with_account_id(account_id).with_label(name).created_at(now);
    add_app(state, &app, now).await?;
    Ok(app)
}

/// Creates an app with its keys.
pub(crate) async fn add_app(state: &State, app: &App, now: Timestamp) -> Result<(), Refusal> {
    let plan = || {
        state.registry.check_room()?;
        state.registry.check_memory(app.size_of_settings().saturating_add(app.size_of_run_time_keys()))?;
        let keys = app.keys().map(records::key);
        Ok((std::iter::once(records::app(app)).chain(keys).collect::<Result<_, _>>()?, ()))
    };
    state.change(now, plan).await
}

/// Deletes an app with its keys. Ignores an unknown app.
pub(crate) async fn remove_app(state: &State, app_id: &str, now: Timestamp) -> Result<(), Refusal> {
    let plan = || match state.registry.app(app_id) {
        Some(running) => {
            // An app from run time may have been added to the configuration later.
            let is_listed = running.memory.is_listed || lock(&state.registry.listed).apps.get(app_id).is_some();
            Ok((records::deleted_app(&running.app, is_listed)?, ()))
        }
        None => Ok((Vec::new(), ())),
    };
    state.change(now, plan).await
}

/// Returns the apps of an account, ordered by id.
pub(crate) async fn apps(state: &State, account_id: &str, now: Timestamp) -> Result<Vec<Arc<RunningApp>>, Refusal> {
    state.catch_up(now).await?;
    Ok(state.registry.apps_of(account_id))
}

/// Deletes an app with its keys. Refuses an unknown app.
pub(crate) async fn delete_app(state: &State, app_id: &str, now: Timestamp) -> Result<(), Refusal> {
    state.catch_up(now).await?;
    app(state, app_id)?;
    remove_app(state, app_id, now).await
}

pub(crate) async fn keys(state: &State, app_id: &str, now: Timestamp) -> Result<Vec<Key>, Refusal> {
    state.catch_up(now).await?;
    Ok(app(state, app_id)?.app.keys().cloned().collect())
}

pub(crate) async fn create_key(
    state: &State,
    app_id: &str,
    changes: KeyChanges,
    now: Timestamp,
) -> Result<Arc<Key>, Refusal> {
    changes.check()?;
    let plan = || {
        if app(state, app_id)?.app.keys().len() >= MAX_KEYS {
            return Err(too_many_keys());
        }
        let key = changes.apply(Key::new(apps::random_key(app_id).map_err(failed)?)).created_at(now);
        state.registry.check_memory(key.size())?;
        Ok((vec![records::key(&key)?], Arc::new(key)))
    };
    state.change(now, plan).await
}

pub(crate) async fn change_key(
    state: &State,
    names: (&str, &str),
    changes: KeyChanges,
    now: Timestamp,
) -> Result<Arc<Key>, Refusal> {
    changes.check()?;
    replace(state, names, |key| changes.apply(key).modified_at(now), now).await
}

/// Revokes a key permanently, and with it all of its tokens.
pub(crate) async fn revoke_key(state: &State, names: (&str, &str), now: Timestamp) -> Result<Arc<Key>, Refusal> {
    replace(state, names, |key| key.with_enabled(false).modified_at(now), now).await
}

/// Replaces a key by a new one with the same rights. The old one is revoked, and with it all of its tokens.
#[cfg(feature = "console")]
pub(crate) async fn rotate_key(state: &State, names: (&str, &str), now: Timestamp) -> Result<Arc<Key>, Refusal> {
    let (app_id, _) = names;
    let plan = || {
        let (running, old) = find(state, names)?;
        if !old.is_enabled() {
            return Err(Refusal::new(ErrorCode::KEY_REVOKED, "the key was revoked already; rotate another key"));
        }
        if running.app.keys().len() >= MAX_KEYS {
            return Err(too_many_keys());
        }
        let new = old.renewed(apps::random_key(app_id).map_err(failed)?).created_at(now);
        state.registry.check_memory(new.size())?;
        let old = Key::clone(&old).with_enabled(false).modified_at(now);
        Ok((vec![records::key(&new)?, records::key(&old)?], Arc::new(new)))
    };
    state.change(now, plan).await
}

async fn replace(
    state: &State,
    names: (&str, &str),
    change: impl Fn(Key) -> Key + Send + Sync,
    now: Timestamp,
) -> Result<Arc<Key>, Refusal> {
    let plan = || {
        let (_, key) = find(state, names)?;
        let (before, key) = (key.size(), Arc::new(change(Key::clone(&key))));
        // A change that needs no more memory is always accepted, so that a key can always be revoked.
        if key.size() > before {
            state.registry.check_memory(key.size())?;
        }
        Ok((vec![records::key(&key)?], key))
    };
    state.change(now, plan).await
}

/// Returns a key and its app.
fn find(state: &State, (app_id, key_id): (&str, &str)) -> Result<(Arc<RunningApp>, Arc<Key>), Refusal> {
    let running = app(state, app_id)?;
    let key = running.app.key(key_id).cloned().ok_or_else(|| {
        let message = format!("app `{app_id}` has no key `{}`; check the key id", key_id.escape_debug());
        Refusal::new(ErrorCode::NOT_FOUND, message)
    })?;
    Ok((running, key))
}

fn too_many_keys() -> Refusal {
    Refusal::new(ErrorCode::RATE_LIMITED, format!("the app has {MAX_KEYS} keys already; change one of them"))
}

fn app(state: &State, app_id: &str) -> Result<Arc<RunningApp>, Refusal> {
    state.registry.app(app_id).ok_or_else(|| unknown_app(&app_id.escape_debug().to_string()))
}

fn failed(_: Error) -> Refusal {
    Refusal::internal()
}
