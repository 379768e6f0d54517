//! An app with its keys, and a list of apps.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use ably_auth_core::{ApiKey, KeyName, Timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::key::Key;
use crate::apps::namespaces::IdentifiedNamespaces;
use crate::error::{Error, ErrorKind};
use crate::random;
use crate::raw::RawValue;

/// An app: an id, and the keys whose names begin with it.
///
/// ```
/// use ably_auth_server::{App, Apps, Key};
///
/// let watcher = Key::new("app1.key2:hush".parse()?).with_capability(r#"{"chat:*":["subscribe"]}"#.parse()?);
/// let app = App::new("app1")?.with_key(Key::new("app1.key1:secret".parse()?))?.with_key(watcher)?;
/// let apps = Apps::new().with_app(app)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct App {
    id: Box<str>,
    account_id: Box<str>,
    label: Option<Box<str>>,
    created: Option<Timestamp>,
    keys: Vec<Arc<Key>>,
    /// The `namespaces` list as it was received.
    namespaces: RawValue,
    channels: RawValue,
    /// The namespaces of `namespaces` that only identified clients may use.
    identified: IdentifiedNamespaces,
    revocation_by_channel: bool,
}

impl App {
    /// Creates an app without keys.
    ///
    /// # Errors
    /// Returns [`ErrorKind::Apps`] if the id is empty or has characters other than `A-Z a-z 0-9 _ -`.
    pub fn new(app_id: &str) -> Result<Self, Error> {
        key_name(app_id, "any").map(|name| Self::without_keys(&name))
    }

    fn without_keys(of: &KeyName) -> Self {
        Self {
            id: of.app_id().into(),
            account_id: "local".into(),
            label: None,
            created: None,
            keys: Vec::new(),
            namespaces: RawValue::empty_list(),
            channels: RawValue::empty_list(),
            identified: IdentifiedNamespaces::default(),
            revocation_by_channel: false,
        }
    }

    /// Adds a key.
    ///
    /// # Errors
    /// Returns [`ErrorKind::Apps`] if the key belongs to another app, or if the app has a key with that id.
    pub fn with_key(mut self, key: Key) -> Result<Self, Error> {
        let name = key.name();
        if name.app_id() != &*self.id {
            let message =
                format!("invalid key `{name}`: it belongs to another app than `{}`; add it to its own", self.id);
            return Err(Error::new(ErrorKind::Apps, message));
        }
        if self.key(name.key_id()).is_some() {
            let message = format!("duplicate key `{name}`; give each key of an app its own id");
            return Err(Error::new(ErrorKind::Apps, message));
        }
        self.keys.push(Arc::new(key));
        Ok(self)
    }

    /// Permits or forbids the revocation of tokens by a channel of their capability. Forbidden by default.
    #[must_use]
    pub const fn with_revocation_by_channel(mut self, revocable: bool) -> Self {
        self.revocation_by_channel = revocable;
        self
    }

    /// Sets the id of the account to which the app belongs. `local` by default.
    #[must_use]
    pub fn with_account_id(mut self, account_id: &str) -> Self {
        self.account_id = account_id.into();
        self
    }

    /// Sets the display name.
    #[must_use]
    pub(crate) fn with_label(mut self, label: &str) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Sets the time of creation, unless it is known already.
    #[must_use]
    pub(crate) fn created_at(mut self, time: Timestamp) -> Self {
        self.created.get_or_insert(time);
        self
    }

    /// Stores `namespaces` and `channels` so that they can be returned on request. The service acts only on the
    /// `identified` fields of `namespaces`.
    #[must_use]
    pub(crate) fn with_settings(mut self, namespaces: RawValue, channels: RawValue) -> Self {
        self.identified = IdentifiedNamespaces::of(&namespaces);
        self.namespaces = namespaces;
        self.channels = channels;
        self
    }

    /// Sets the time of creation of the app and its keys, where it is not known already.
    #[must_use]
    pub(crate) fn created(mut self, now: Timestamp) -> Self {
        self = self.created_at(now);
        for key in &mut self.keys {
            *key = Arc::new(Key::clone(key).created_at(now));
        }
        self
    }

    /// Marks the app's keys as keys of the app configuration.
    #[must_use]
    pub(crate) fn listed(mut self) -> Self {
        for key in &mut self.keys {
            *key = Arc::new(Key::clone(key).listed());
        }
        self
    }

    /// Replaces the key that has the same name as `key`.
    #[must_use]
    pub(crate) fn with_key_changed(mut self, key: &Arc<Key>) -> Self {
        for known in self.keys.iter_mut().filter(|known| known.name() == key.name()) {
            *known = Arc::clone(key);
        }
        self
    }

    /// Adds a key, or replaces the key of the same name.
    #[must_use]
    pub(crate) fn with_key_set(mut self, key: Key) -> Self {
        let key = Arc::new(key);
        if self.key(key.name().key_id()).is_some() {
            return self.with_key_changed(&key);
        }
        self.keys.push(key);
        self
    }

    /// Replaces the keys with those of `other`.
    #[must_use]
    pub(crate) fn with_keys_of(mut self, other: &Self) -> Self {
        self.keys.clone_from(&other.keys);
        self
    }

    /// Replaces the keys.
    #[must_use]
    pub(crate) fn with_keys(mut self, keys: Vec<Arc<Key>>) -> Self {
        self.keys = keys;
        self
    }

    pub(crate) fn shared_keys(&self) -> &[Arc<Key>] {
        &self.keys
    }

    /// Returns the app's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the app's keys, in the order in which they were added.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &Key> {
        self.keys.iter().map(|key| &**key)
    }

    pub(crate) fn key(&self, key_id: &str) -> Option<&Arc<Key>> {
        self.keys.iter().find(|key| key.name().key_id() == key_id)
    }

    pub(crate) fn account_id(&self) -> &str {
        &self.account_id
    }

    /// Returns the display name: the app's id if none was set.
    pub(crate) fn label(&self) -> &str {
        self.label.as_deref().unwrap_or(&self.id)
    }

    pub(crate) fn custom_label(&self) -> Option<&str> {
        self.label.as_deref()
    }

    pub(crate) const fn given_created(&self) -> Option<Timestamp> {
        self.created
    }

    pub(crate) const fn settings(&self) -> (&RawValue, &RawValue) {
        (&self.namespaces, &self.channels)
    }

    /// Returns approximately how many bytes of memory the keys use that were created or changed at run time.
    pub(crate) fn size_of_run_time_keys(&self) -> usize {
        let keys = self.keys().filter(|key| key.is_of_run_time());
        keys.map(Key::size).fold(0, usize::saturating_add)
    }

    /// Returns approximately how many bytes of memory the app uses, not counting its keys.
    pub(crate) fn size_of_settings(&self) -> usize {
        let label = self.label.as_deref().map_or(0, str::len);
        let sizes = [label, self.namespaces.size(), self.channels.size(), self.identified.size()];
        sizes.into_iter().fold(size_of::<Self>(), usize::saturating_add)
    }

    /// Returns whether `channel` is in a namespace that only identified clients may use.
    pub(crate) fn needs_identity(&self, channel: &str) -> bool {
        self.identified.has(channel)
    }

    pub(crate) const fn revocation_by_channel(&self) -> bool {
        self.revocation_by_channel
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("id", &self.id).field("keys", &self.keys).finish_non_exhaustive()
    }
}

/// The apps that a service has when it starts.
///
/// ```
/// use ably_auth_server::Apps;
///
/// let apps = Apps::from_json(r#"{"apps": [{"appId": "app1", "keys": [{"id": "key1", "secret": "hush"}]}]}"#)?;
/// let names: Vec<_> = apps.iter().flat_map(|app| app.keys()).map(|key| key.name().to_string()).collect();
/// assert_eq!(names, ["app1.key1"]);
/// assert!(!format!("{apps:?}").contains("hush"));
/// # Ok::<(), ably_auth_server::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Apps(BTreeMap<Box<str>, App>);

impl Apps {
    /// Creates an empty list.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates a list of one app with one key, which permits every operation on every channel.
    ///
    /// ```
    /// use ably_auth_server::Apps;
    ///
    /// let apps = Apps::of_key("app1.key1:secret".parse()?);
    /// assert_eq!(apps.iter().next().map(|app| app.id()), Some("app1"));
    /// # Ok::<(), ably_auth_core::Error>(())
    /// ```
    #[must_use]
    pub fn of_key(key: ApiKey) -> Self {
        let mut app = App::without_keys(key.key_name());
        app.keys.push(Arc::new(Key::new(key)));
        Self(BTreeMap::from([(app.id.clone(), app)]))
    }

    /// Creates a list of one app with a random key, for experiments. The key permits the same as that of
    /// [`of_key`](Self::of_key).
    ///
    /// ```
    /// let (apps, key) = ably_auth_server::Apps::create()?;
    /// println!("the key's name is {}; only its holder should see {}", key.key_name(), key.secret().expose().len());
    /// # Ok::<(), ably_auth_server::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`ErrorKind::Random`] if the system's random number generator fails.
    pub fn create() -> Result<(Self, ApiKey), Error> {
        let key = random_key(&random_id()?)?;
        Ok((Self::of_key(key.clone()), key))
    }

    /// Adds an app.
    ///
    /// # Errors
    /// Returns [`ErrorKind::Apps`] if there is an app with that id.
    pub fn with_app(mut self, app: App) -> Result<Self, Error> {
        if self.0.contains_key(app.id()) {
            let message = format!("duplicate app `{}`; give each app its own id", app.id());
            return Err(Error::new(ErrorKind::Apps, message));
        }
        self.0.insert(app.id.clone(), app);
        Ok(self)
    }

    pub(crate) fn get(&self, app_id: &str) -> Option<&App> {
        self.0.get(app_id)
    }

    /// Returns the apps, in the order of their ids.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &App> {
        self.0.values()
    }
}

impl IntoIterator for Apps {
    type Item = App;
    type IntoIter = std::collections::btree_map::IntoValues<Box<str>, App>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_values()
    }
}

pub(super) fn key_name(app_id: &str, key_id: &str) -> Result<KeyName, Error> {
    KeyName::parse(&format!("{app_id}.{key_id}")).map_err(|error| {
        let app_id_is_good = KeyName::parse(&format!("{app_id}.any")).is_ok();
        let which = if app_id_is_good { format!("key id of app `{app_id}`") } else { "app id".into() };
        let message =
            format!("invalid {which}: it is empty or has other characters than `A-Z a-z 0-9 _ -`; use only these");
        Error::new(ErrorKind::Apps, message).because(error)
    })
}

/// Returns a unique id of 48 random bits. It does not begin with `-`: a command would take it for an option.
pub(crate) fn random_id() -> Result<String, Error> {
    loop {
        let id = URL_SAFE_NO_PAD.encode(random::bytes::<6>()?);
        if !id.starts_with('-') {
            return Ok(id);
        }
    }
}

/// Returns a new key of the app, whose secret has 256 random bits.
pub(crate) fn random_key(app_id: &str) -> Result<ApiKey, Error> {
    let secret = zeroize::Zeroizing::new(URL_SAFE_NO_PAD.encode(*zeroize::Zeroizing::new(random::bytes::<32>()?)));
    let name = key_name(app_id, &random_id()?)?;
    ApiKey::from_parts(name, &secret)
        .map_err(|error| Error::new(ErrorKind::Apps, "invalid new key; report this as a bug").because(error))
}

#[cfg(test)]
mod tests {
    use super::random_id;

    #[test]
    fn new_id_is_no_option_of_a_command() {
        for _ in 0..2_000 {
            let id = random_id().unwrap();
            assert!(id.len() == 8 && !id.starts_with('-'), "{id}");
        }
    }
}
