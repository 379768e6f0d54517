//! The parameters of a token request.

use alloc::boxed::Box;
use alloc::string::ToString as _;
use core::fmt;

use crate::capability::Capability;
use crate::credentials::{ClientId, Nonce};
use crate::error::Error;
use crate::time::{Timestamp, Ttl};

/// The requested properties of a token (`TK1`). All of them are optional.
///
/// Setters take a value, or text that is parsed. Invalid text is reported by [`check`](Self::check), which everything
/// that uses the params calls: [`jwt::mint`](crate::jwt::mint), [`TokenRequest::sign`](crate::TokenRequest::sign), the
/// clients.
///
/// ```
/// use ably_auth_core::TokenParams;
///
/// let params = TokenParams::new().client_id("bob").ttl("10m").capability(r#"{"chat":["publish"]}"#);
/// assert!(params.check().is_ok());
/// let error = TokenParams::new().ttl("25h").check().unwrap_err();
/// assert_eq!(error.to_string(), "ttl is not between 1 ms and 24 h; give whole milliseconds from 1 to 86400000");
/// # Ok::<(), ably_auth_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, rename_all = "camelCase", deny_unknown_fields)
)]
pub struct TokenParams {
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    ttl: Option<Ttl>,
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    capability: Option<WrittenCapability>,
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "ClientId::is_none"))]
    client_id: ClientId,
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    timestamp: Option<Timestamp>,
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    nonce: Option<Nonce>,
    /// The error of the first setter that got an invalid value.
    #[cfg_attr(
        feature = "serde",
        serde(skip_deserializing, skip_serializing_if = "Option::is_none", serialize_with = "refuse")
    )]
    invalid: Option<Box<Error>>,
}

impl TokenParams {
    /// Creates parameters that request no particular property.
    #[must_use]
    pub const fn new() -> Self {
        Self { ttl: None, capability: None, client_id: ClientId::None, timestamp: None, nonce: None, invalid: None }
    }

    /// Sets the lifetime: a [`Ttl`], a [`Duration`](core::time::Duration), or text such as `1h`. The service's default
    /// is 60 minutes (`TK2a`).
    #[must_use]
    pub fn ttl(mut self, ttl: impl TryInto<Ttl, Error: Into<Error>>) -> Self {
        self.ttl = self.checked(ttl);
        self
    }

    /// Sets the capability, or parses its JSON [strictly](Capability::parse_strict). The default is the capability of
    /// the key (`TK2b`).
    #[must_use]
    pub fn capability(mut self, capability: impl TryInto<Capability, Error: Into<Error>>) -> Self {
        // Without a capability, a token has all rights of its key. So an invalid one is replaced by the empty one.
        let capability: Capability = self.checked(capability).unwrap_or_default();
        self.capability = Some(capability.into());
        self
    }

    /// Sets the identity: a [`ClientId`], an [`Identity`](crate::Identity), or text, in which `*` means any identity
    /// (`TK2c`).
    #[must_use]
    pub fn client_id(mut self, client_id: impl TryInto<ClientId, Error: Into<Error>>) -> Self {
        self.client_id = self.checked(client_id).unwrap_or_default();
        self
    }

    /// Sets the time of the request. The default is the time of signing (`TK2d`).
    #[must_use]
    pub fn timestamp(mut self, timestamp: impl Into<Timestamp>) -> Self {
        self.timestamp = Some(timestamp.into());
        self
    }

    /// Sets the nonce, a text that makes the request unique. The default is random (`TK2e`).
    #[must_use]
    pub fn nonce(mut self, nonce: impl TryInto<Nonce, Error: Into<Error>>) -> Self {
        self.nonce = self.checked(nonce);
        self
    }

    /// Returns the params without timestamp and nonce, which apply to one request only (`RSA10g`).
    #[must_use]
    pub fn without_one_shot(mut self) -> Self {
        self.timestamp = None;
        self.nonce = None;
        self
    }

    /// Returns the error of the first setter that got an invalid value.
    ///
    /// # Errors
    /// The error of that value.
    pub fn check(&self) -> Result<(), Error> {
        self.invalid.as_deref().map_or(Ok(()), |error| Err(error.clone()))
    }

    /// Returns the lifetime, if it was set.
    #[must_use]
    pub const fn get_ttl(&self) -> Option<Ttl> {
        self.ttl
    }

    /// Returns the capability, if it was set.
    #[must_use]
    pub const fn get_capability(&self) -> Option<&Capability> {
        match &self.capability {
            Some(written) => Some(&written.capability),
            None => None,
        }
    }

    /// Returns the canonical text of the capability, if it was set.
    pub(crate) fn capability_text(&self) -> Option<&str> {
        self.capability.as_ref().map(|written| &*written.text)
    }

    /// Returns the identity.
    #[must_use]
    pub const fn get_client_id(&self) -> &ClientId {
        &self.client_id
    }

    /// Returns the time of the request, if it was set.
    #[must_use]
    pub const fn get_timestamp(&self) -> Option<Timestamp> {
        self.timestamp
    }

    /// Returns the nonce, if it was set.
    #[must_use]
    pub const fn get_nonce(&self) -> Option<&Nonce> {
        self.nonce.as_ref()
    }

    fn checked<T>(&mut self, value: impl TryInto<T, Error: Into<Error>>) -> Option<T> {
        match value.try_into() {
            Ok(value) => Some(value),
            Err(error) => {
                self.invalid.get_or_insert_with(|| Box::new(error.into()));
                None
            }
        }
    }
}

/// A capability with its canonical text. It is written once, although the same params sign many requests.
#[derive(Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize), serde(from = "Capability"))]
struct WrittenCapability {
    capability: Capability,
    text: Box<str>,
}

impl From<Capability> for WrittenCapability {
    fn from(capability: Capability) -> Self {
        Self { text: capability.to_string().into(), capability }
    }
}

impl fmt::Debug for WrittenCapability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.capability.fmt(f)
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for WrittenCapability {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

/// Fails, because params with an invalid value must not be sent.
#[cfg(feature = "serde")]
fn refuse<S: serde::Serializer>(invalid: &Option<Box<Error>>, serializer: S) -> Result<S::Ok, S::Error> {
    match invalid {
        Some(error) => Err(serde::ser::Error::custom(error)),
        None => serializer.serialize_none(),
    }
}
