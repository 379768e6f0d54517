//! Client IDs: the identity that a credential gives its holder.

#[cfg(feature = "alloc")]
use alloc::boxed::Box;
#[cfg(feature = "alloc")]
use core::fmt;

use crate::error::{Error, ErrorKind};
use crate::text;

/// The clientId that stands for any identity.
#[cfg(feature = "alloc")]
const WILDCARD: &str = "*";

/// Refuses a clientId that is empty or has a control character. A control character could give two different token
/// requests the same signed text.
pub(crate) fn check(text: &str) -> Result<(), Error> {
    let advice = "leave the clientId out, give `*` for any identity, or give a name without control characters";
    if text.is_empty() {
        return Err(Error::new(ErrorKind::ClientId, "clientId is empty", advice));
    }
    match text::control_character(text) {
        Some(at) => Err(Error::new(ErrorKind::ClientId, "clientId has a control character", advice).at(at)),
        None => Ok(()),
    }
}

/// Checks the clientId of a token request from a peer. An empty clientId is valid: some peers send it for no clientId.
#[cfg(feature = "alloc")]
pub(crate) fn check_sent(text: Option<&str>) -> Result<(), Error> {
    text.filter(|text| !text.is_empty()).map_or(Ok(()), check)
}

/// The identity that a credential gives its holder (`TD6`, `RSA7`, `RSA15`).
///
/// ```
/// use ably_auth_core::ClientId;
///
/// let bob: ClientId = "bob".parse()?;
/// assert!(bob.permits("bob") && !bob.permits("alice"));
/// assert!(ClientId::parse("*")?.permits("alice"));
/// assert!(!ClientId::None.permits("alice"));
/// assert!(ClientId::parse("").is_err());
/// # Ok::<(), ably_auth_core::Error>(())
/// ```
#[cfg(feature = "alloc")]
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum ClientId {
    /// The holder may not assume an identity.
    #[default]
    None,
    /// The holder may assume any identity; `*` on the wire.
    Any,
    /// The holder may assume this identity only.
    Identified(Identity),
}

#[cfg(feature = "alloc")]
impl ClientId {
    /// Parses a clientId as it is on the wire: `*` is [`ClientId::Any`].
    ///
    /// # Errors
    /// [`ErrorKind::ClientId`] if it is empty or has a control character.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text == WILDCARD { Ok(Self::Any) } else { Identity::new(text).map(Self::Identified) }
    }

    /// Parses a clientId from a peer. An empty clientId is [`ClientId::None`]: some peers send it for no clientId.
    pub(crate) fn parse_sent(text: &str) -> Result<Self, Error> {
        if text.is_empty() { Ok(Self::None) } else { Self::parse(text) }
    }

    /// Returns the text on the wire, or `None` if there is no identity.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::None => None,
            Self::Any => Some(WILDCARD),
            Self::Identified(identity) => Some(identity.as_str()),
        }
    }

    /// Returns true if the holder may not assume an identity.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// Returns true if the holder may act as `client_id`.
    #[must_use]
    pub fn permits(&self, client_id: &str) -> bool {
        match self {
            Self::None => false,
            Self::Any => true,
            Self::Identified(identity) => identity.as_str() == client_id,
        }
    }
}

#[cfg(feature = "alloc")]
impl From<Identity> for ClientId {
    fn from(identity: Identity) -> Self {
        Self::Identified(identity)
    }
}

#[cfg(feature = "alloc")]
impl core::str::FromStr for ClientId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

/// A single clientId: not empty, not `*`, without control characters.
///
/// ```
/// use ably_auth_core::Identity;
///
/// let bob: Identity = "bob".parse()?;
/// assert_eq!(bob.as_str(), "bob");
/// assert!(Identity::new("*").is_err());
/// # Ok::<(), ably_auth_core::Error>(())
/// ```
#[cfg(feature = "alloc")]
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identity(Box<str>);

#[cfg(feature = "alloc")]
impl Identity {
    /// Parses an identity.
    ///
    /// # Errors
    /// [`ErrorKind::ClientId`] if it is empty, `*`, or has a control character.
    pub fn new(text: &str) -> Result<Self, Error> {
        check(text)?;
        if text == WILDCARD {
            return Err(Error::new(
                ErrorKind::ClientId,
                "clientId `*` means any identity, but one identity is needed",
                "give the identity to assume",
            ));
        }
        Ok(Self(text.into()))
    }

    /// Returns the identity as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(feature = "alloc")]
impl core::str::FromStr for Identity {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::new(text)
    }
}

#[cfg(feature = "alloc")]
text::conversions::try_from_text!(ClientId, Identity);

#[cfg(feature = "alloc")]
impl AsRef<str> for Identity {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

#[cfg(feature = "alloc")]
impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(feature = "alloc")]
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}
