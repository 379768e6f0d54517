//! The JSON form of apps.

use ably_auth_core::{ApiKey, Capability, Timestamp};
use serde::de::{Deserialize, Deserializer, IgnoredAny};
use zeroize::Zeroizing;

use super::app::{App, Apps, key_name};
use super::key::Key;
use crate::decode_error;
use crate::error::{Error, ErrorKind};
use crate::raw::RawList;

const FORM: &str = r#"write an app as `{"appId":"…","keys":[{"id":"…","secret":"…"}]}`"#;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    apps: Vec<Entry>,
}

/// A probe for the form of the input. The input is then read as that form, so that each error has a place.
#[derive(serde::Deserialize)]
struct Form {
    apps: Option<IgnoredAny>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Entry {
    app_id: String,
    account_id: Option<String>,
    keys: Vec<KeyEntry>,
    #[serde(default)]
    namespaces: RawList,
    #[serde(default)]
    channels: RawList,
    #[serde(default)]
    revocation_by_channel: bool,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct KeyEntry {
    id: String,
    secret: Secret,
    capability: Option<String>,
    #[serde(default)]
    revocable_tokens: bool,
    #[serde(default = "yes")]
    enabled: bool,
    expires: Option<Timestamp>,
}

const fn yes() -> bool {
    true
}

struct Secret(Zeroizing<String>);

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|secret| Self(Zeroizing::new(secret)))
    }
}

impl Apps {
    /// Parses JSON: `{"apps": [app, …]}`, `[app, …]`, or a single app. An app has these fields:
    ///
    /// ```json
    /// {
    ///   "appId": "app1",
    ///   "accountId": "mine",
    ///   "keys": [
    ///     { "id": "key1", "secret": "…" },
    ///     { "id": "key2", "secret": "…", "capability": "{\"chat:*\":[\"subscribe\"]}",
    ///       "revocableTokens": true, "enabled": true, "expires": 1999999999999 }
    ///   ],
    ///   "namespaces": [],
    ///   "channels": [],
    ///   "revocationByChannel": false
    /// }
    /// ```
    ///
    /// Required are `appId`, `keys`, and the `id` and `secret` of each key. The default capability is `{"*":["*"]}`;
    /// `expires` is in milliseconds since the epoch.
    ///
    /// # Errors
    /// Returns [`ErrorKind::Apps`] if the text is not JSON of this form, has an unknown field, a malformed id or
    /// capability, or a duplicate app or key. The message names the place and contains no secret.
    pub fn from_json(text: &str) -> Result<Self, Error> {
        read(text)
    }
}

fn read(text: &str) -> Result<Apps, Error> {
    entries(text)
        .map_err(|error| Error::new(ErrorKind::Apps, format!("apps: {}; {FORM}", decode_error::explain_json(&error))))?
        .into_iter()
        .try_fold(Apps::new(), |apps, entry| apps.with_app(entry.into_app()?))
}

fn entries(text: &str) -> Result<Vec<Entry>, serde_json::Error> {
    if text.trim_start().starts_with('[') {
        return serde_json::from_str(text);
    }
    let form: Form = serde_json::from_str(text)?;
    if form.apps.is_some() {
        serde_json::from_str(text).map(|listed: Listed| listed.apps)
    } else {
        serde_json::from_str(text).map(|entry| vec![entry])
    }
}

impl Entry {
    fn into_app(self) -> Result<App, Error> {
        let mut app = App::new(&self.app_id)?
            .with_settings(self.namespaces.0, self.channels.0)
            .with_revocation_by_channel(self.revocation_by_channel);
        if let Some(account_id) = &self.account_id {
            app = app.with_account_id(account_id);
        }
        self.keys.into_iter().try_fold(app, |app, key| {
            let key = key.into_key(&self.app_id)?;
            app.with_key(key)
        })
    }
}

impl KeyEntry {
    fn into_key(self, app_id: &str) -> Result<Key, Error> {
        let name = key_name(app_id, &self.id)?;
        let invalid =
            |error: ably_auth_core::Error| Error::new(ErrorKind::Apps, format!("key `{name}`: {error}")).because(error);
        let api_key = ApiKey::from_parts(name.clone(), &self.secret.0).map_err(invalid)?;
        let mut key = Key::new(api_key).with_revocable_tokens(self.revocable_tokens).with_enabled(self.enabled);
        if let Some(capability) = &self.capability {
            key = key.with_capability(Capability::parse_strict(capability).map_err(invalid)?);
        }
        Ok(match self.expires {
            Some(expires) => key.with_expiry(expires),
            None => key,
        })
    }
}
