//! Text that is never shown: key secrets and tokens.

use alloc::boxed::Box;
use core::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind};

/// The private part of an API key.
///
/// Wiped when dropped, compared in constant time, absent from `Debug`; it has neither `Display` nor `Serialize`.
///
/// ```
/// let key = ably_auth_core::ApiKey::parse("app.key:hush")?;
/// assert_eq!(format!("{:?}", key.secret()), "KeySecret([redacted])");
/// assert_eq!(key.secret().expose(), "hush");
/// # Ok::<(), ably_auth_core::Error>(())
/// ```
#[derive(Clone)]
pub struct KeySecret(Zeroizing<Box<str>>);

impl KeySecret {
    pub(crate) fn from_checked(secret: &str) -> Self {
        Self(Zeroizing::new(secret.into()))
    }

    /// The secret itself, for the one place that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for KeySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeySecret([redacted])")
    }
}

impl PartialEq for KeySecret {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for KeySecret {}

/// A token string: an Ably token or a JWT, opaque to whoever holds it.
///
/// Whoever has it has its rights, so it is wiped when dropped, compared in constant time and absent from `Debug`. It does
/// serialise, since the wire carries it.
///
/// ```
/// let token = ably_auth_core::Token::new("xVLyHw.Dtxd9tuz")?;
/// assert_eq!(format!("{token:?}"), "Token([redacted])");
/// assert_eq!(token.expose(), "xVLyHw.Dtxd9tuz");
/// # Ok::<(), ably_auth_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Token(Zeroizing<Box<str>>);

impl Token {
    /// The longest text taken for a token, in bytes: what an auth callback or URL may return (`RSA4f`).
    pub const MAX_BYTES: usize = 128 * 1024;

    /// Takes text for a token, after checking that a header can carry it.
    ///
    /// # Errors
    /// [`ErrorKind::Token`] if it is empty, longer than [`Token::MAX_BYTES`], or has anything but visible ASCII.
    pub fn new(text: &str) -> Result<Self, Error> {
        let advice = "pass on the token exactly as it was issued";
        if text.is_empty() {
            return Err(Error::new(ErrorKind::Token, "token is empty", advice));
        }
        if text.len() > Self::MAX_BYTES {
            return Err(Error::new(ErrorKind::Token, "token is longer than 128 KiB", advice));
        }
        match text.bytes().position(|b| !b.is_ascii_graphic()) {
            Some(at) => {
                Err(Error::new(ErrorKind::Token, "token has a character that a header cannot carry", advice).at(at))
            }
            None => Ok(Self(Zeroizing::new(text.into()))),
        }
    }

    /// Takes over a token that was just made, of visible ASCII.
    pub(crate) fn from_minted(text: alloc::string::String) -> Self {
        Self(Zeroizing::new(text.into_boxed_str()))
    }

    /// The token itself, for the header that carries it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token([redacted])")
    }
}

impl PartialEq for Token {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for Token {}

impl core::str::FromStr for Token {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::new(text)
    }
}
