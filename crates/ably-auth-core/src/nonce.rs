//! What makes a token request usable once.

#[cfg(feature = "alloc")]
use core::fmt;

use crate::canonical;
use crate::error::{Error, ErrorKind};

#[cfg(feature = "alloc")]
use alloc::{boxed::Box, string::String};

/// The shortest nonce that the service takes, in characters.
const MIN_CHARACTERS: usize = 16;

/// Refuses what the service would, and what would let two different token requests sign the same text.
pub(crate) fn check(text: &str) -> Result<(), Error> {
    let advice = "give at least 16 random characters, none of them a control character";
    if text.len() >= MIN_CHARACTERS && canonical::is_printable_ascii(text) {
        return Ok(());
    }
    // Bytes that begin a character. `chars().count()` is tuned for long texts, which is code that firmware pays for.
    if text.bytes().filter(|byte| byte & 0xc0 != 0x80).count() < MIN_CHARACTERS {
        return Err(Error::new(ErrorKind::Nonce, "nonce has fewer than 16 characters", advice));
    }
    match canonical::control_character(text) {
        Some(at) => Err(Error::new(ErrorKind::Nonce, "nonce has a control character", advice).at(at)),
        None => Ok(()),
    }
}

/// A nonce: at least 16 characters, random, never used twice.
///
/// ```
/// use ably_auth_core::Nonce;
///
/// // In earnest the bytes come from the system's cryptographic source.
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
    /// Takes text for a nonce.
    ///
    /// # Errors
    /// [`ErrorKind::Nonce`] if it has fewer than 16 characters or a control character.
    pub fn parse(text: &str) -> Result<Self, Error> {
        check(text)?;
        Ok(Self(text.into()))
    }

    /// Writes 128 bits, which the caller drew from a cryptographic source, as 32 hexadecimal digits.
    #[must_use]
    pub fn from_random(bytes: &[u8; 16]) -> Self {
        let digit = |value: u8| if value < 10 { b'0' | value } else { b'W'.wrapping_add(value) };
        let text = bytes.map(|byte| [byte >> 4, byte & 0xf].map(digit));
        // Digits are ASCII, so that this is always text.
        Self(core::str::from_utf8(text.as_flattened()).unwrap_or_default().into())
    }

    /// The nonce as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn into_string(self) -> String {
        self.0.into()
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
