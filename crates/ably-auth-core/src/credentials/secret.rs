//! Secret text that is never shown: key secrets and tokens.

use alloc::boxed::Box;
use core::{fmt, mem};

use subtle::ConstantTimeEq;

use crate::error::{Error, ErrorKind};

/// Text that is wiped when it is dropped, and compared in constant time.
#[derive(Clone)]
struct Wiped(Box<str>);

impl Drop for Wiped {
    fn drop(&mut self) {
        let mut bytes = mem::take(&mut self.0).into_boxed_bytes();
        // One `fill` is faster than `Zeroize`, which writes each byte. The barrier keeps the compiler from removing it.
        bytes.fill(0);
        zeroize::optimization_barrier(&*bytes);
    }
}

impl PartialEq for Wiped {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for Wiped {}

/// The private part of an API key.
///
/// It is wiped when dropped, compared in constant time, and not shown by `Debug`. It has neither `Display` nor
/// `Serialize`.
///
/// ```
/// let key = ably_auth_core::ApiKey::parse("app.key:hush")?;
/// assert_eq!(format!("{:?}", key.secret()), "KeySecret([redacted])");
/// assert_eq!(key.secret().expose(), "hush");
/// # Ok::<(), ably_auth_core::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct KeySecret(Wiped);

impl KeySecret {
    pub(crate) fn from_checked(secret: &str) -> Self {
        Self(Wiped(secret.into()))
    }

    /// Returns the secret as text. Use it only where the secret itself is needed.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0.0
    }
}

impl fmt::Debug for KeySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeySecret([redacted])")
    }
}

/// A token string: an Ably token or a JWT. Clients treat it as opaque text.
///
/// Anyone who has a token has its rights, so it is wiped when dropped, compared in constant time and not shown by
/// `Debug`. `Serialize` writes it, because the wire needs it.
///
/// ```
/// let token: ably_auth_core::Token = "xVLyHw.Dtxd9tuz".parse()?;
/// assert_eq!(format!("{token:?}"), "Token([redacted])");
/// assert_eq!(token.expose(), "xVLyHw.Dtxd9tuz");
/// # Ok::<(), ably_auth_core::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Token(Wiped);

impl Token {
    /// The maximum length of a token in bytes, the same as for the response of an auth callback or an auth URL
    /// (`RSA4f`).
    pub const MAX_BYTES: usize = 128 * 1024;

    /// Parses a token and checks that a header can carry it.
    ///
    /// # Errors
    /// [`ErrorKind::Token`] if it is empty, longer than [`Token::MAX_BYTES`], or has a character other than visible
    /// ASCII.
    pub fn new(text: &str) -> Result<Self, Error> {
        let advice = "pass on the token exactly as it was issued";
        if text.is_empty() {
            return Err(Error::new(ErrorKind::Token, "token is empty", advice));
        }
        if text.len() > Self::MAX_BYTES {
            return Err(Error::new(ErrorKind::Token, "token is longer than 128 KiB", advice));
        }
        // Without branches, so that the compiler vectorizes the loop.
        if text.bytes().fold(true, |all, byte| all & byte.is_ascii_graphic()) {
            return Ok(Self(Wiped(text.into())));
        }
        let problem = "token has a character that a header cannot carry";
        let at = text.bytes().position(|byte| !byte.is_ascii_graphic()).unwrap_or_default();
        Err(Error::new(ErrorKind::Token, problem, advice).at(at))
    }

    /// Takes ownership of a newly minted token, which must be visible ASCII.
    pub(crate) fn from_minted(text: alloc::string::String) -> Self {
        Self(Wiped(text.into_boxed_str()))
    }

    /// Returns the token as text, for the header that carries it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token([redacted])")
    }
}

crate::text::conversions::try_from_text!(Token);

impl core::str::FromStr for Token {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::new(text)
    }
}
