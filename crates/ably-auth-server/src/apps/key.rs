//! A key of an app, with its settings.

use std::sync::Arc;

use ably_auth_core::{ApiKey, Capability, ErrorCode, KeyName, Signer, Timestamp, Ttl};

use crate::refusal::Refusal;

/// Returns the default capability of a key: every operation on every channel.
fn default_capability() -> Capability {
    Capability::parse_strict(r#"{"*":["*"]}"#).unwrap_or_default()
}

/// A key and what it permits.
///
/// `Debug` does not show the secret.
///
/// ```
/// use ably_auth_core::Timestamp;
/// use ably_auth_server::Key;
///
/// let key = Key::new("app1.key1:secret".parse()?)
///     .with_capability(r#"{"chat:*":["publish","subscribe"]}"#.parse()?)
///     .with_revocable_tokens(true)
///     .with_expiry(Timestamp::from_millis(1_999_999_999_999));
/// assert_eq!(key.name().as_str(), "app1.key1");
/// # Ok::<(), ably_auth_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Key {
    api_key: ApiKey,
    /// The prepared signer, so that requests do not have to derive it.
    signer: Signer,
    /// Shared with the JWTs that have all rights of the key.
    capability: Arc<Capability>,
    revocable_tokens: bool,
    enabled: bool,
    expires: Option<Timestamp>,
    /// The display name.
    label: Option<Box<str>>,
    created: Option<Timestamp>,
    modified: Option<Timestamp>,
    /// True if the key comes from the app configuration, which is read at each start and reload.
    listed: bool,
    /// True if the key was removed from the app configuration.
    delisted: bool,
}

impl Key {
    /// Creates an enabled key that permits every operation on every channel (`{"*":["*"]}`) and does not expire. Its
    /// tokens cannot be revoked.
    #[must_use]
    pub fn new(api_key: ApiKey) -> Self {
        Self {
            signer: api_key.signer(),
            api_key,
            capability: Arc::new(default_capability()),
            revocable_tokens: false,
            enabled: true,
            expires: None,
            label: None,
            created: None,
            modified: None,
            listed: false,
            delisted: false,
        }
    }

    /// Sets the maximum capability of the key and its tokens.
    #[must_use]
    pub fn with_capability(mut self, capability: Capability) -> Self {
        self.capability = Arc::new(capability);
        self
    }

    /// Permits or forbids the revocation of the key's tokens. Revocable tokens live for at most 1 hour.
    #[must_use]
    pub const fn with_revocable_tokens(mut self, revocable: bool) -> Self {
        self.revocable_tokens = revocable;
        self
    }

    /// Enables or disables the key. A disabled key counts as revoked, and its tokens are refused.
    #[must_use]
    pub const fn with_enabled(mut self, enabled: bool) -> Self {
        self.enabled = enabled;
        self
    }

    /// Sets when the key expires. Its tokens expire at that time at the latest.
    #[must_use]
    pub const fn with_expiry(mut self, expires: Timestamp) -> Self {
        self.expires = Some(expires);
        self
    }

    /// Sets the display name. The key's id by default.
    #[must_use]
    pub(crate) fn with_label(mut self, label: &str) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Sets the time of creation, unless it is known already.
    #[must_use]
    pub(crate) fn created_at(mut self, now: Timestamp) -> Self {
        self.created.get_or_insert(now);
        self
    }

    /// Sets the time of the last change.
    #[must_use]
    pub(crate) const fn modified_at(mut self, now: Timestamp) -> Self {
        self.modified = Some(now);
        self
    }

    /// Marks the key as one of the app configuration.
    #[must_use]
    pub(crate) const fn listed(mut self) -> Self {
        self.listed = true;
        self.delisted = false;
        self
    }

    /// Marks the key as removed from the app configuration. It is disabled until it is listed again.
    #[must_use]
    pub(crate) const fn delisted(mut self) -> Self {
        self.delisted = true;
        self
    }

    /// Returns whether both keys have the same name, secret and permissions. Labels and times are not compared.
    pub(crate) fn has_same_settings(&self, other: &Self) -> bool {
        self.name() == other.name()
            && self.api_key.secret() == other.api_key.secret()
            && (self.revocable_tokens, self.enabled, self.expires)
                == (other.revocable_tokens, other.enabled, other.expires)
            && self.capability == other.capability
    }

    /// Returns the key's public name.
    #[must_use]
    pub const fn name(&self) -> &KeyName {
        self.api_key.key_name()
    }

    pub(crate) const fn api_key(&self) -> &ApiKey {
        &self.api_key
    }

    pub(crate) const fn signer(&self) -> &Signer {
        &self.signer
    }

    pub(crate) fn capability(&self) -> &Capability {
        &self.capability
    }

    pub(crate) const fn shared_capability(&self) -> &Arc<Capability> {
        &self.capability
    }

    pub(crate) const fn revocable_tokens(&self) -> bool {
        self.revocable_tokens
    }

    pub(crate) const fn is_enabled(&self) -> bool {
        self.enabled && !self.delisted
    }

    /// Returns the `enabled` setting, which also holds for a delisted key that is listed again.
    pub(crate) const fn enabled_setting(&self) -> bool {
        self.enabled
    }

    pub(crate) const fn is_listed(&self) -> bool {
        self.listed
    }

    /// Returns a new key with the same rights.
    #[cfg(feature = "console")]
    pub(crate) fn renewed(&self, api_key: ApiKey) -> Self {
        Self {
            capability: Arc::clone(&self.capability),
            revocable_tokens: self.revocable_tokens,
            expires: self.expires,
            label: self.label.clone(),
            ..Self::new(api_key)
        }
    }

    pub(crate) const fn is_delisted(&self) -> bool {
        self.delisted
    }

    pub(crate) const fn expires(&self) -> Option<Timestamp> {
        self.expires
    }

    /// Returns whether the key was made or changed at run time.
    pub(crate) const fn is_of_run_time(&self) -> bool {
        !self.listed || self.modified.is_some()
    }

    /// Returns approximately how many bytes of memory the key uses.
    pub(crate) fn size(&self) -> usize {
        /// The bytes that a capability entry uses in addition to its resource's text.
        const ENTRY: usize = 128;
        let entries = self.capability.iter().map(|entry| entry.resource.as_str().len().saturating_add(ENTRY));
        let label = self.label.as_deref().map_or(0, str::len);
        let own = size_of::<Self>().saturating_add(size_of::<Capability>());
        entries.fold(own.saturating_add(label), usize::saturating_add)
    }

    pub(crate) fn custom_label(&self) -> Option<&str> {
        self.label.as_deref()
    }

    pub(crate) const fn known_times(&self) -> (Option<Timestamp>, Option<Timestamp>) {
        (self.created, self.modified)
    }

    pub(crate) fn label(&self) -> &str {
        self.label.as_deref().unwrap_or_else(|| self.name().key_id())
    }

    /// Returns the times of creation and of the last change.
    pub(crate) fn times(&self) -> (Timestamp, Timestamp) {
        let created = self.created.unwrap_or(Timestamp::from_millis(0));
        (created, self.modified.unwrap_or(created))
    }

    pub(crate) fn is_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }

    pub(crate) const fn max_ttl(&self) -> Ttl {
        if self.revocable_tokens { Ttl::MAX_REVOCABLE } else { Ttl::MAX }
    }

    /// Refuses a key that is disabled or expired. Call it only after the caller proved that it holds the key.
    pub(crate) fn check_in_force(&self, now: Timestamp) -> Result<(), Refusal> {
        if !self.is_enabled() {
            return Err(Refusal::new(ErrorCode::KEY_REVOKED, "the key was revoked; use another key"));
        }
        if self.is_expired(now) {
            return Err(Refusal::new(ErrorCode::KEY_EXPIRED, "the key has expired; use another key"));
        }
        Ok(())
    }

    /// Refuses a presented key that is not this one. Secrets are compared in constant time.
    pub(crate) fn check_presented(&self, presented: &ApiKey) -> Result<(), Refusal> {
        if presented.key_name() != self.name() {
            let message = "the key in the header is not the key of the request; use the key that the request names";
            return Err(Refusal::new(ErrorCode::INVALID_CREDENTIALS, message));
        }
        if presented.secret() != self.api_key().secret() {
            let message = "the key's secret is wrong; check that it is whole";
            return Err(Refusal::new(ErrorCode::INVALID_CREDENTIALS, message));
        }
        Ok(())
    }
}
