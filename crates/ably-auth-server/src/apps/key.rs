//! A key as the service knows it.

use ably_auth_core::{ApiKey, Capability, ErrorCode, KeyName, Signer, Timestamp, Ttl};

use crate::refusal::Refusal;

/// What a key may do if nothing else is said: everything on every channel.
fn capability_of_new_key() -> Capability {
    Capability::parse_strict(r#"{"*":["*"]}"#).unwrap_or_default()
}

/// A key, and what its holder may do.
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
    /// Keyed once, so that no request pays for it.
    signer: Signer,
    capability: Capability,
    revocable_tokens: bool,
    enabled: bool,
    expires: Option<Timestamp>,
    /// What people call it.
    label: Option<Box<str>>,
    created: Option<Timestamp>,
    modified: Option<Timestamp>,
    /// Whether the service is told of it whenever it starts.
    listed: bool,
    /// Whether the service was told of it once, and is not any more.
    withheld: bool,
}

impl Key {
    /// An enabled key that may do everything on every channel (`{"*":["*"]}`), does not expire, and whose tokens cannot be
    /// revoked.
    #[must_use]
    pub fn new(api_key: ApiKey) -> Self {
        Self {
            signer: api_key.signer(),
            api_key,
            capability: capability_of_new_key(),
            revocable_tokens: false,
            enabled: true,
            expires: None,
            label: None,
            created: None,
            modified: None,
            listed: false,
            withheld: false,
        }
    }

    /// What the key and its tokens may do at most.
    #[must_use]
    pub fn with_capability(mut self, capability: Capability) -> Self {
        self.capability = capability;
        self
    }

    /// Whether its tokens can be revoked; they then live for an hour at most.
    #[must_use]
    pub const fn with_revocable_tokens(mut self, revocable: bool) -> Self {
        self.revocable_tokens = revocable;
        self
    }

    /// Whether it is in force; one that is not is a revoked key, and ends the tokens that were made from it.
    #[must_use]
    pub const fn with_enabled(mut self, enabled: bool) -> Self {
        self.enabled = enabled;
        self
    }

    /// When it expires, and at the latest every token made from it.
    #[must_use]
    pub const fn with_expiry(mut self, expires: Timestamp) -> Self {
        self.expires = Some(expires);
        self
    }

    /// What people call it: its id, unless said so.
    #[must_use]
    pub(crate) fn with_label(mut self, label: &str) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Says when it was made, if that was not said before.
    #[must_use]
    pub(crate) fn created_at(mut self, now: Timestamp) -> Self {
        self.created.get_or_insert(now);
        self
    }

    /// Says when it was last changed.
    #[must_use]
    pub(crate) const fn modified_at(mut self, now: Timestamp) -> Self {
        self.modified = Some(now);
        self
    }

    /// One of which the service is told whenever it starts.
    #[must_use]
    pub(crate) const fn listed(mut self) -> Self {
        self.listed = true;
        self.withheld = false;
        self
    }

    /// One that is not in force, whatever was said, for as long as the service is not told of it.
    #[must_use]
    pub(crate) const fn withheld(mut self) -> Self {
        self.withheld = true;
        self
    }

    /// Whether it is the same key, and may do the same, whatever it is called and whenever it was made.
    pub(crate) fn is_as(&self, other: &Self) -> bool {
        self.name() == other.name()
            && self.api_key.secret() == other.api_key.secret()
            && (self.revocable_tokens, self.enabled, self.expires)
                == (other.revocable_tokens, other.enabled, other.expires)
            && self.capability == other.capability
    }

    /// The key's public name.
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

    pub(crate) const fn capability(&self) -> &Capability {
        &self.capability
    }

    pub(crate) const fn revocable_tokens(&self) -> bool {
        self.revocable_tokens
    }

    pub(crate) const fn is_enabled(&self) -> bool {
        self.enabled && !self.withheld
    }

    /// Whether it is in force for as long as the service is told of it.
    pub(crate) const fn given_enabled(&self) -> bool {
        self.enabled
    }

    pub(crate) const fn is_listed(&self) -> bool {
        self.listed
    }

    pub(crate) const fn is_withheld(&self) -> bool {
        self.withheld
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
        let entries = self.capability.iter().map(|(resource, _)| resource.as_str().len().saturating_add(ENTRY));
        let label = self.label.as_deref().map_or(0, str::len);
        entries.fold(size_of::<Self>().saturating_add(label), usize::saturating_add)
    }

    pub(crate) fn given_label(&self) -> Option<&str> {
        self.label.as_deref()
    }

    pub(crate) const fn given_times(&self) -> (Option<Timestamp>, Option<Timestamp>) {
        (self.created, self.modified)
    }

    pub(crate) fn label(&self) -> &str {
        self.label.as_deref().unwrap_or_else(|| self.name().key_id())
    }

    /// When it was made, and when it was last changed.
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

    /// Whether its holder, who has shown to be that, may use it now.
    pub(crate) fn check_in_force(&self, now: Timestamp) -> Result<(), Refusal> {
        if !self.is_enabled() {
            return Err(Refusal::new(ErrorCode::KEY_REVOKED, "the key was revoked; use another key"));
        }
        if self.is_expired(now) {
            return Err(Refusal::new(ErrorCode::KEY_EXPIRED, "the key has expired; use another key"));
        }
        Ok(())
    }

    /// Refuses a key that a sender has shown if it is not this one. Secrets are compared in constant time.
    pub(crate) fn check_shown(&self, shown: &ApiKey) -> Result<(), Refusal> {
        if shown.key_name() != self.name() {
            let message = "the key in the header is not the one that the request is about; use that key";
            return Err(Refusal::new(ErrorCode::INVALID_CREDENTIALS, message));
        }
        if shown.secret() != self.api_key().secret() {
            let message = "the key's secret is wrong; check that it is whole";
            return Err(Refusal::new(ErrorCode::INVALID_CREDENTIALS, message));
        }
        Ok(())
    }
}
