//! Nonces: each one makes a token request usable only once.

#[cfg(feature = "alloc")]
use core::fmt;

use crate::error::{Error, ErrorKind};
use crate::text;

#[cfg(feature = "alloc")]
use alloc::{boxed::Box, string::String};

/// The minimum length of a nonce in characters, as the service requires.
const MIN_CHARACTERS: usize = 16;

/// Refuses a nonce that the service would refuse, and control characters, which could give two different token requests
/// the same signed text.
pub(crate) fn check(text: &str) -> Result<(), Error> {
    let advice = "give at least 16 random characters, none of them a control character";
    if text.len() >= MIN_CHARACTERS && text::is_printable_ascii(text) {
        return Ok(());
    }
    // Count the bytes that begin a character. `chars().count()` is optimized for long texts, and too large for
    // firmware.
    if text.bytes().filter(|byte| byte & 0xc0 != 0x80).count() < MIN_CHARACTERS {
        return Err(Error::new(ErrorKind::Nonce, "nonce has fewer than 16 characters", advice));
    }
    match text::control_character(text) {
        Some(at) => Err(Error::new(ErrorKind::Nonce, "nonce has a control character", advice).at(at)),
        None => Ok(()),
    }
}

/// A nonce: a random text of at least 16 characters that is used only once.
///
/// ```
/// use ably_auth_core::Nonce;
///
/// // In production, take the bytes from the system's cryptographic source.
/// let nonce = Nonce::from_random(&[7; 16]);
/// assert_eq!(nonce.as_str(), "07070707070707070707070707070707");
/// assert!(Nonce::parse("too short").is_err());
/// # Ok::<(), ably_auth_core::Error>(())
/// ```
#[cfg(feature = "alloc")]
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Nonce(Box<str>);

#[cfg(feature = "alloc")]
impl Nonce {
    /// Parses a nonce.
    ///
    /// # Errors
    /// [`ErrorKind::Nonce`] if it has fewer than 16 characters or a control character.
    pub fn parse(text: &str) -> Result<Self, Error> {
        check(text)?;
        Ok(Self(text.into()))
    }

    /// Creates a nonce from 128 bits of a cryptographic random source, as 32 hexadecimal digits.
    #[must_use]
    pub fn from_random(bytes: &[u8; 16]) -> Self {
        let text = bytes.map(|byte| [byte >> 4, byte].map(text::hex_digit));
        // The digits are ASCII, so this is always valid UTF-8.
        Self(core::str::from_utf8(text.as_flattened()).unwrap_or_default().into())
    }

    /// Returns the nonce as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn into_string(self) -> String {
        self.0.into()
    }
}

#[cfg(feature = "alloc")]
impl core::str::FromStr for Nonce {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

#[cfg(feature = "alloc")]
text::conversions::try_from_text!(Nonce);

#[cfg(feature = "alloc")]
impl AsRef<str> for Nonce {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

#[cfg(feature = "alloc")]
impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(feature = "alloc")]
impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Nonce({:?})", self.0)
    }
}
