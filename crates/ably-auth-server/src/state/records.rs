//! The records of a store: apps and keys that were created or changed at run time, and revocations.
//!
//! An app's settings are one record and each of its keys is another, so that two services can change two keys of an app
//! at the same time. Records override the app configuration.

use std::borrow::Cow;

use ably_auth_core::{ApiKey, Capability, KeyName, Timestamp, TokenRevocationTargetSpecifier as Target};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::apps::{App, Key};
use crate::raw::RawList;
use crate::refusal::Refusal;
use crate::state::cutoffs::Cutoff;
use crate::store::{EARLIER_SECRET_PREFIX, Record, SECRET};

const APP_PREFIX: &str = "app/";
const KEY_PREFIX: &str = "key/";
const REVOCATION_PREFIX: &str = "revoked/";

/// The contents of a record.
#[derive(Debug)]
pub(crate) enum Change {
    /// The app has these settings. It is created if it does not exist.
    App(App),
    /// The app was deleted. The flag is true if the app configuration may contain it.
    AppDeleted(Box<str>, bool),
    /// The app has this key.
    Key(Box<Key>),
    /// The target's tokens are revoked by these cutoffs.
    Revoked(KeyName, Target, Vec<Cutoff>),
    /// The secret that seals tokens. The flag is false for an earlier secret or one of another service.
    Secret(Zeroizing<[u8; 32]>, bool),
    /// No change.
    Nothing,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AppRecord<'a> {
    /// True for a deleted app of the app configuration.
    #[serde(default)]
    deleted: bool,
    /// A `Cow`, because text with escapes cannot be borrowed.
    #[serde(borrow)]
    account_id: Cow<'a, str>,
    /// Missing in records of earlier versions, as is `created`.
    #[serde(default)]
    label: Option<Cow<'a, str>>,
    #[serde(default)]
    created: Option<Timestamp>,
    namespaces: RawList,
    channels: RawList,
    revocation_by_channel: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeyRecord<'a> {
    #[serde(borrow)]
    secret: Cow<'a, str>,
    capability: String,
    revocable_tokens: bool,
    enabled: bool,
    expires: Option<Timestamp>,
    label: Option<String>,
    created: Option<Timestamp>,
    modified: Option<Timestamp>,
    #[serde(default)]
    listed: bool,
}

/// A cutoff as a tuple: `issued_before`, `applies_at`, and `jwts_before` if it differs from `issued_before`.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum CutoffTuple {
    Same((Timestamp, Timestamp)),
    Different((Timestamp, Timestamp, Timestamp)),
}

impl CutoffTuple {
    fn of(cutoff: &Cutoff) -> Self {
        let Cutoff { issued_before, jwts_before, applies_at } = *cutoff;
        if jwts_before == issued_before {
            Self::Same((issued_before, applies_at))
        } else {
            Self::Different((issued_before, applies_at, jwts_before))
        }
    }

    const fn cutoff(self) -> Cutoff {
        match self {
            Self::Same((issued_before, applies_at)) => Cutoff { issued_before, jwts_before: issued_before, applies_at },
            Self::Different((issued_before, applies_at, jwts_before)) => {
                Cutoff { issued_before, jwts_before, applies_at }
            }
        }
    }
}

pub(crate) fn app(app: &App) -> Result<Record, Refusal> {
    app_record(app, false)
}

/// Returns the records that delete an app. `listed` is true if the app is part of the app configuration.
pub(crate) fn deleted_app(app: &App, listed: bool) -> Result<Vec<Record>, Refusal> {
    let deletion = |name: String| Record { name: name.into(), value: None, expires: None };
    let keys = app.keys().map(|key| deletion(format!("{KEY_PREFIX}{}", key.name())));
    let itself = if listed { app_record(app, true)? } else { deletion(format!("{APP_PREFIX}{}", app.id())) };
    Ok(std::iter::once(itself).chain(keys).collect())
}

fn app_record(app: &App, deleted: bool) -> Result<Record, Refusal> {
    let (namespaces, channels) = app.settings();
    let stored = AppRecord {
        deleted,
        account_id: app.account_id().into(),
        label: app.custom_label().map(Cow::from),
        created: app.given_created(),
        namespaces: RawList(namespaces.clone()),
        channels: RawList(channels.clone()),
        revocation_by_channel: app.revocation_by_channel(),
    };
    record(format!("{APP_PREFIX}{}", app.id()), &stored, None)
}

pub(crate) fn key(key: &Key) -> Result<Record, Refusal> {
    let (created, modified) = key.known_times();
    let stored = KeyRecord {
        secret: key.api_key().secret().expose().into(),
        capability: key.capability().to_string(),
        revocable_tokens: key.revocable_tokens(),
        enabled: key.enabled_setting(),
        expires: key.expires(),
        label: key.custom_label().map(str::to_owned),
        created,
        modified,
        listed: key.is_listed(),
    };
    record(format!("{KEY_PREFIX}{}", key.name()), &stored, None)
}

pub(crate) fn revocation(key: &KeyName, target: &Target, cutoffs: &[Cutoff]) -> Result<Record, Refusal> {
    let stored: Vec<_> = cutoffs.iter().map(CutoffTuple::of).collect();
    let expires = cutoffs.iter().map(|cutoff| cutoff.expires()).max();
    record(format!("{REVOCATION_PREFIX}{key}/{target}"), &stored, expires)
}

fn record<T: Serialize>(name: String, stored: &T, expires: Option<Timestamp>) -> Result<Record, Refusal> {
    let value = serde_json::to_vec(stored).map_err(|_| Refusal::internal())?;
    let record = Record { name: name.into(), value: Some(Zeroizing::new(value)), expires };
    // A record that cannot be decoded would stop the service, now and at each start.
    if read(&record).is_some() { Ok(record) } else { Err(Refusal::internal()) }
}

/// Decodes a record. Returns `None` if that is not possible.
pub(crate) fn read(record: &Record) -> Option<Change> {
    let value = record.value.as_ref().map(|value| value.as_slice());
    if let Some(app_id) = record.name.strip_prefix(APP_PREFIX) {
        return read_app(app_id, value);
    }
    if let Some(name) = record.name.strip_prefix(KEY_PREFIX) {
        // Keys are only deleted together with their app.
        return value.map_or(Some(Change::Nothing), |value| read_key(name, value));
    }
    if &*record.name == SECRET || record.name.starts_with(EARLIER_SECRET_PREFIX) {
        let secret = |value: &[u8]| <[u8; 32]>::try_from(value).ok().map(Zeroizing::new);
        let secret = value.map(|value| secret(value).map(|secret| Change::Secret(secret, &*record.name == SECRET)));
        return secret.unwrap_or(Some(Change::Nothing));
    }
    let (key, target) = record.name.strip_prefix(REVOCATION_PREFIX)?.split_once('/')?;
    let cutoffs: Vec<CutoffTuple> = value.map_or(Some(Vec::new()), |value| serde_json::from_slice(value).ok())?;
    let cutoffs = cutoffs.into_iter().map(CutoffTuple::cutoff).collect();
    Some(Change::Revoked(KeyName::parse(key).ok()?, Target::parse(target).ok()?, cutoffs))
}

fn read_app(app_id: &str, value: Option<&[u8]>) -> Option<Change> {
    let Some(value) = value else {
        return Some(Change::AppDeleted(app_id.into(), false));
    };
    let stored: AppRecord<'_> = serde_json::from_slice(value).ok()?;
    if stored.deleted {
        return Some(Change::AppDeleted(app_id.into(), true));
    }
    let mut app = App::new(app_id).ok()?.with_account_id(&stored.account_id);
    if let Some(label) = &stored.label {
        app = app.with_label(label);
    }
    if let Some(created) = stored.created {
        app = app.created_at(created);
    }
    let app = app.with_settings(stored.namespaces.0, stored.channels.0);
    Some(Change::App(app.with_revocation_by_channel(stored.revocation_by_channel)))
}

fn read_key(name: &str, value: &[u8]) -> Option<Change> {
    let stored: KeyRecord<'_> = serde_json::from_slice(value).ok()?;
    let secret = Zeroizing::new(stored.secret.into_owned());
    let mut key = Key::new(ApiKey::from_parts(KeyName::parse(name).ok()?, &secret).ok()?)
        .with_capability(Capability::parse_lenient(&stored.capability).ok()?)
        .with_revocable_tokens(stored.revocable_tokens)
        .with_enabled(stored.enabled);
    if let Some(expires) = stored.expires {
        key = key.with_expiry(expires);
    }
    if let Some(label) = &stored.label {
        key = key.with_label(label);
    }
    if let Some(created) = stored.created {
        key = key.created_at(created);
    }
    if let Some(modified) = stored.modified {
        key = key.modified_at(modified);
    }
    if stored.listed {
        key = key.listed();
    }
    Some(Change::Key(Box::new(key)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn key_record_round_trips() {
        let whole = Key::new("app.key:hush".parse().unwrap())
            .with_capability(r#"{"chät\"":["publish"]}"#.parse().unwrap())
            .with_revocable_tokens(true)
            .with_enabled(false)
            .with_expiry(at(5))
            .with_label("a \"display\" name")
            .created_at(at(1))
            .modified_at(at(2))
            .listed();
        let quoted = Key::new("app.key:h\"u\\s/h".parse().unwrap());
        for of in [whole, quoted, Key::new("app.key:hush".parse().unwrap())] {
            let Some(Change::Key(read)) = read(&key(&of).unwrap()) else { panic!("no key") };
            assert_eq!(read.api_key().secret(), of.api_key().secret());
            assert_eq!((read.name(), read.capability(), read.label()), (of.name(), of.capability(), of.label()));
            assert_eq!((read.revocable_tokens(), read.is_enabled()), (of.revocable_tokens(), of.is_enabled()));
            assert_eq!((read.expires(), read.times(), read.is_listed()), (of.expires(), of.times(), of.is_listed()));
        }
    }

    #[test]
    fn app_record_round_trips_with_any_account_id() {
        for account_id in ["mine", "a\"b", "a\\b", "ä/b"] {
            let whole = App::new("app").unwrap().with_account_id(account_id).with_label(account_id).created_at(at(5));
            let Some(Change::App(app)) = read(&app(&whole).unwrap()) else { panic!("no app of {account_id}") };
            assert_eq!((app.account_id(), app.label(), app.given_created()), (account_id, account_id, Some(at(5))));
        }
    }

    #[test]
    fn app_record_of_earlier_version_is_read() {
        let value = br#"{"accountId":"mine","namespaces":[],"channels":[],"revocationByChannel":true}"#;
        let record = Record { name: "app/shop".into(), value: Some(Zeroizing::new(value.to_vec())), expires: None };
        let Some(Change::App(app)) = read(&record) else { panic!("no app") };
        assert_eq!((app.account_id(), app.label(), app.given_created()), ("mine", "shop", None));
    }

    #[test]
    fn revocation_record_round_trips() {
        let bob = Target::client_id("a/b:c");
        let given = Cutoff { issued_before: at(1), jwts_before: at(1), applies_at: at(2) };
        let cutoffs = vec![given, Cutoff { jwts_before: at(3), ..given }];
        let record = revocation(&KeyName::parse("app.key").unwrap(), &bob, &cutoffs).unwrap();
        assert_eq!(record.expires, Some(at(3).saturating_add(ably_auth_core::Ttl::MAX)));
        let Some(Change::Revoked(key, target, back)) = read(&record) else { panic!("no revocation") };
        assert_eq!((key.as_str(), target, back), ("app.key", bob, cutoffs));
    }

    #[test]
    fn repeated_margins_write_linearly_many_bytes() {
        let (key, bob, start) = (KeyName::parse("app.key").unwrap(), Target::client_id("bob"), 1_449_746_287_318);
        let (mut cutoffs, mut bytes) = (Vec::new(), 0);
        for now in start..start + 10_000 {
            let new = Cutoff { issued_before: at(now + 1), jwts_before: at(now + 2_001), applies_at: at(now + 30_000) };
            if let Some(changed) = crate::state::cutoffs::add(&cutoffs, new, at(now)).cutoffs {
                bytes += revocation(&key, &bob, &changed).unwrap().value.unwrap().len();
                cutoffs = changed;
            }
        }
        assert!(bytes < 10_000 * 1_024, "{bytes} bytes");
    }

    #[test]
    fn undecodable_record_is_not_written() {
        assert!(record("planet/mars".into(), &1, None).is_err());
    }

    #[test]
    fn malformed_records_are_rejected() {
        let record = |name: &str, value: &str| Record {
            name: name.into(),
            value: Some(Zeroizing::new(value.into())),
            expires: None,
        };
        for (name, value) in [
            ("planet/mars", "{}"),
            ("app/a", "{}"),
            ("app/a:b", "null"),
            ("key/app.key", "{}"),
            ("secret/current", "short"),
            ("secret/earlier/one", "short"),
            ("revoked/app.key", "[]"),
            ("revoked/app.key/bob", "[]"),
            ("revoked/app.key/clientId:bob", "[[1]]"),
        ] {
            assert!(read(&record(name, value)).is_none(), "{name} {value}");
        }
    }
}
