//! The Control API: apps and keys made, changed and revoked while the service runs. Whatever changes does so at once.

use std::sync::Arc;

use ably_auth_core::{Capability, ErrorCode, Timestamp};

use crate::apps::{self, App, Key};
use crate::error::Error;
use crate::refusal::Refusal;
use crate::registry::{Registry, unknown_app};

/// The most keys that an app may have, revoked ones among them.
const MAX_KEYS: usize = 1_000;

const MAX_NAME_CHARS: usize = 256;

/// What a key is to have; none leaves it as it is.
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

    fn apply(self, mut key: Key) -> Key {
        if let Some(name) = &self.name {
            key = key.with_label(name);
        }
        if let Some(capability) = self.capability {
            key = key.with_capability(capability);
        }
        if let Some(revocable) = self.revocable_tokens {
            key = key.with_revocable_tokens(revocable);
        }
        key
    }
}

/// Refuses what is not fit to be called by.
pub(crate) fn check_name(name: &str) -> Result<(), Refusal> {
    if name.is_empty() || name.chars().count() > MAX_NAME_CHARS || name.chars().any(char::is_control) {
        let message =
            format!("a name has 1 to {MAX_NAME_CHARS} characters, none of them a control character; give such a one");
        return Err(Refusal::new(ErrorCode::BAD_REQUEST, message));
    }
    Ok(())
}

pub(crate) fn create_app(registry: &Registry, account_id: &str, name: &str) -> Result<App, Refusal> {
    check_name(account_id)?;
    check_name(name)?;
    let app = App::new(&apps::random_id().map_err(failed)?).map_err(failed)?.with_account_id(account_id);
    registry.add(app.clone())?;
    Ok(app)
}

pub(crate) fn keys(registry: &Registry, app_id: &str) -> Result<Vec<Key>, Refusal> {
    let running = registry.app(app_id).ok_or_else(|| unknown_app(&app_id.escape_debug().to_string()))?;
    Ok(running.app.keys().cloned().collect())
}

pub(crate) fn create_key(
    registry: &Registry,
    app_id: &str,
    asked: KeyChanges,
    now: Timestamp,
) -> Result<Arc<Key>, Refusal> {
    asked.check()?;
    registry.change(app_id, |app| {
        if app.keys().len() >= MAX_KEYS {
            let message = format!("the app has {MAX_KEYS} keys already; change one of them");
            return Err(Refusal::new(ErrorCode::RATE_LIMITED, message));
        }
        let key = asked.apply(Key::new(apps::random_key(app_id).map_err(failed)?)).created_at(now);
        Ok((app.with_key(key.clone()).map_err(failed)?, Arc::new(key)))
    })
}

pub(crate) fn change_key(
    registry: &Registry,
    (app_id, key_id): (&str, &str),
    asked: KeyChanges,
    now: Timestamp,
) -> Result<Arc<Key>, Refusal> {
    asked.check()?;
    replace(registry, (app_id, key_id), |key| asked.apply(key).modified_at(now))
}

/// Takes a key out of force for good, and with it every token made from it.
pub(crate) fn revoke_key(
    registry: &Registry,
    (app_id, key_id): (&str, &str),
    now: Timestamp,
) -> Result<Arc<Key>, Refusal> {
    replace(registry, (app_id, key_id), |key| key.with_enabled(false).modified_at(now))
}

fn replace(
    registry: &Registry,
    (app_id, key_id): (&str, &str),
    change: impl FnOnce(Key) -> Key,
) -> Result<Arc<Key>, Refusal> {
    registry.change(app_id, |app| {
        let key = app.key(key_id).ok_or_else(|| {
            let message = format!("app `{app_id}` has no key `{}`; check the key id", key_id.escape_debug());
            Refusal::new(ErrorCode::NOT_FOUND, message)
        })?;
        let key = Arc::new(change(Key::clone(key)));
        Ok((app.with_key_changed(&key), key))
    })
}

fn failed(_: Error) -> Refusal {
    Refusal::internal()
}
