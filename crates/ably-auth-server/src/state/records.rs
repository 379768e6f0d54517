//! What the service must not forget, as a store's records: apps and keys made or changed at run time, and revocations.
//!
//! An app's settings are one record and each of its keys is another, so that two services that change two keys of an app do
//! not stand in each other's way. What comes from a record goes over what the service was told when it was started.

use std::borrow::Cow;

use ably_auth_core::{ApiKey, Capability, KeyName, Timestamp, TokenRevocationTargetSpecifier as Target};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::apps::{App, Key};
use crate::raw::RawList;
use crate::refusal::Refusal;
use crate::state::cutoffs::Cutoff;
use crate::store::{OF_EARLIER_SECRET, Record, SECRET};

const OF_APP: &str = "app/";
const OF_KEY: &str = "key/";
const OF_REVOCATION: &str = "revoked/";

/// What a record says.
#[derive(Debug)]
pub(crate) enum Change {
    /// The app has these settings; it is made if it is not there.
    App(App),
    /// The app is no more; whether the service may be told of it when it starts.
    AppGone(Box<str>, bool),
    /// The app has that key.
    Key(Box<Key>),
    /// The target's tokens are revoked by these cutoffs.
    Revoked(KeyName, Target, Vec<Cutoff>),
    /// Tokens are sealed under this secret; or were, by another service.
    Secret(Zeroizing<[u8; 32]>, bool),
    /// Nothing that is not so already.
    Nothing,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AppRecord<'a> {
    /// Of an app that the service is told of whenever it starts.
    #[serde(default)]
    deleted: bool,
    /// Text with escapes cannot be borrowed.
    #[serde(borrow)]
    account_id: Cow<'a, str>,
    /// Earlier versions wrote neither a label nor the time of creation.
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
enum SaidCutoff {
    Same((Timestamp, Timestamp)),
    Apart((Timestamp, Timestamp, Timestamp)),
}

impl SaidCutoff {
    fn of(cutoff: &Cutoff) -> Self {
        let Cutoff { issued_before, jwts_before, applies_at } = *cutoff;
        if jwts_before == issued_before {
            Self::Same((issued_before, applies_at))
        } else {
            Self::Apart((issued_before, applies_at, jwts_before))
        }
    }

    const fn cutoff(self) -> Cutoff {
        match self {
            Self::Same((issued_before, applies_at)) => Cutoff { issued_before, jwts_before: issued_before, applies_at },
            Self::Apart((issued_before, applies_at, jwts_before)) => Cutoff { issued_before, jwts_before, applies_at },
        }
    }
}

pub(crate) fn app(app: &App) -> Result<Record, Refusal> {
    app_record(app, false)
}

/// For an app that is no more; `listed` if the service is told of it whenever it starts.
pub(crate) fn no_app(app: &App, listed: bool) -> Result<Vec<Record>, Refusal> {
    let gone = |name: String| Record { name: name.into(), value: None, expires: None };
    let keys = app.keys().map(|key| gone(format!("{OF_KEY}{}", key.name())));
    let itself = if listed { app_record(app, true)? } else { gone(format!("{OF_APP}{}", app.id())) };
    Ok(std::iter::once(itself).chain(keys).collect())
}

fn app_record(app: &App, deleted: bool) -> Result<Record, Refusal> {
    let (namespaces, channels) = app.settings();
    let said = AppRecord {
        deleted,
        account_id: app.account_id().into(),
        label: app.given_label().map(Cow::from),
        created: app.given_created(),
        namespaces: RawList(namespaces.clone()),
        channels: RawList(channels.clone()),
        revocation_by_channel: app.revocation_by_channel(),
    };
    record(format!("{OF_APP}{}", app.id()), &said, None)
}

pub(crate) fn key(key: &Key) -> Result<Record, Refusal> {
    let (created, modified) = key.given_times();
    let said = KeyRecord {
        secret: key.api_key().secret().expose().into(),
        capability: key.capability().to_string(),
        revocable_tokens: key.revocable_tokens(),
        enabled: key.given_enabled(),
        expires: key.expires(),
        label: key.given_label().map(str::to_owned),
        created,
        modified,
        listed: key.is_listed(),
    };
    record(format!("{OF_KEY}{}", key.name()), &said, None)
}

pub(crate) fn revocation(key: &KeyName, target: &Target, cutoffs: &[Cutoff]) -> Result<Record, Refusal> {
    let said: Vec<_> = cutoffs.iter().map(SaidCutoff::of).collect();
    let expires = cutoffs.iter().map(|cutoff| cutoff.expires()).max();
    record(format!("{OF_REVOCATION}{key}/{target}"), &said, expires)
}

fn record<T: Serialize>(name: String, said: &T, expires: Option<Timestamp>) -> Result<Record, Refusal> {
    let value = serde_json::to_vec(said).map_err(|_| Refusal::internal())?;
    let record = Record { name: name.into(), value: Some(Zeroizing::new(value)), expires };
    // What cannot be read again would end the service, here and at every start.
    if read(&record).is_some() { Ok(record) } else { Err(Refusal::internal()) }
}

/// What the record says; none if it cannot be understood.
pub(crate) fn read(record: &Record) -> Option<Change> {
    let value = record.value.as_ref().map(|value| value.as_slice());
    if let Some(app_id) = record.name.strip_prefix(OF_APP) {
        return read_app(app_id, value);
    }
    if let Some(name) = record.name.strip_prefix(OF_KEY) {
        // A key that is gone has gone with its app.
        return value.map_or(Some(Change::Nothing), |value| read_key(name, value));
    }
    if &*record.name == SECRET || record.name.starts_with(OF_EARLIER_SECRET) {
        let secret = |value: &[u8]| <[u8; 32]>::try_from(value).ok().map(Zeroizing::new);
        let secret = value.map(|value| secret(value).map(|secret| Change::Secret(secret, &*record.name == SECRET)));
        return secret.unwrap_or(Some(Change::Nothing));
    }
    let (key, target) = record.name.strip_prefix(OF_REVOCATION)?.split_once('/')?;
    let cutoffs: Vec<SaidCutoff> = value.map_or(Some(Vec::new()), |value| serde_json::from_slice(value).ok())?;
    let cutoffs = cutoffs.into_iter().map(SaidCutoff::cutoff).collect();
    Some(Change::Revoked(KeyName::parse(key).ok()?, Target::parse(target).ok()?, cutoffs))
}

fn read_app(app_id: &str, value: Option<&[u8]>) -> Option<Change> {
    let Some(value) = value else {
        return Some(Change::AppGone(app_id.into(), false));
    };
    let said: AppRecord<'_> = serde_json::from_slice(value).ok()?;
    if said.deleted {
        return Some(Change::AppGone(app_id.into(), true));
    }
    let mut app = App::new(app_id).ok()?.with_account_id(&said.account_id);
    if let Some(label) = &said.label {
        app = app.with_label(label);
    }
    if let Some(created) = said.created {
        app = app.created_at(created);
    }
    let app = app.with_settings(said.namespaces.0, said.channels.0);
    Some(Change::App(app.with_revocation_by_channel(said.revocation_by_channel)))
}

fn read_key(name: &str, value: &[u8]) -> Option<Change> {
    let said: KeyRecord<'_> = serde_json::from_slice(value).ok()?;
    let secret = Zeroizing::new(said.secret.into_owned());
    let mut key = Key::new(ApiKey::from_parts(KeyName::parse(name).ok()?, &secret).ok()?)
        .with_capability(Capability::parse_lenient(&said.capability).ok()?)
        .with_revocable_tokens(said.revocable_tokens)
        .with_enabled(said.enabled);
    if let Some(expires) = said.expires {
        key = key.with_expiry(expires);
    }
    if let Some(label) = &said.label {
        key = key.with_label(label);
    }
    if let Some(created) = said.created {
        key = key.created_at(created);
    }
    if let Some(modified) = said.modified {
        key = key.modified_at(modified);
    }
    if said.listed {
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
    fn a_key_comes_back_as_it_was() {
        let whole = Key::new("app.key:hush".parse().unwrap())
            .with_capability(r#"{"chät\"":["publish"]}"#.parse().unwrap())
            .with_revocable_tokens(true)
            .with_enabled(false)
            .with_expiry(at(5))
            .with_label("what \"people\" call it")
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
    fn an_app_comes_back_whatever_its_account_is_called() {
        for account_id in ["mine", "a\"b", "a\\b", "ä/b"] {
            let whole = App::new("app").unwrap().with_account_id(account_id).with_label(account_id).created_at(at(5));
            let Some(Change::App(app)) = read(&app(&whole).unwrap()) else { panic!("no app of {account_id}") };
            assert_eq!((app.account_id(), app.label(), app.given_created()), (account_id, account_id, Some(at(5))));
        }
    }

    #[test]
    fn app_of_earlier_version_is_read() {
        let value = br#"{"accountId":"mine","namespaces":[],"channels":[],"revocationByChannel":true}"#;
        let record = Record { name: "app/shop".into(), value: Some(Zeroizing::new(value.to_vec())), expires: None };
        let Some(Change::App(app)) = read(&record) else { panic!("no app") };
        assert_eq!((app.account_id(), app.label(), app.given_created()), ("mine", "shop", None));
    }

    #[test]
    fn cutoffs_come_back_as_they_were() {
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
    fn what_cannot_be_read_again_is_not_written() {
        assert!(record("planet/mars".into(), &1, None).is_err());
    }

    #[test]
    fn what_cannot_be_understood_is_not_passed_over() {
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
