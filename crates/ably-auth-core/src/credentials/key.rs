//! API keys: `appId.keyId:secret`.

use core::fmt;

use crate::credentials::Signer;
use crate::error::{Error, ErrorKind};
use crate::text::split_at_byte;

#[cfg(feature = "alloc")]
use crate::credentials::KeySecret;
#[cfg(feature = "alloc")]
use alloc::boxed::Box;

const KEY_FORM: &str = "a key has the form `appId.keyId:secret`";
#[cfg(feature = "std")]
const KEY_VARIABLE: &str = "ABLY_API_KEY";
const NAME_FORM: &str = "a key name has the form `appId.keyId`, each part of `A-Z a-z 0-9 _ -`";

const fn invalid(problem: &'static str, at: usize) -> Error {
    Error::new(ErrorKind::Key, problem, KEY_FORM).at(at)
}

/// Checks `appId.keyId` and returns the length of the app ID.
pub(crate) fn check_name(name: &str) -> Result<usize, Error> {
    let mut others = name.bytes().enumerate().filter(|&(_, byte)| !is_url_safe(byte));
    match (others.next(), others.next()) {
        (Some((dot @ 1.., b'.')), None) if dot.saturating_add(1) < name.len() => Ok(dot),
        _ => Err(name_error(name)),
    }
}

const fn is_url_safe(byte: u8) -> bool {
    matches!(byte, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-')
}

#[cold]
fn name_error(name: &str) -> Error {
    let bad = |problem, at| Error::new(ErrorKind::Key, problem, NAME_FORM).at(at);
    let Some(dot) = name.bytes().position(|byte| byte == b'.') else {
        return bad("key name has no `.`", name.len());
    };
    if dot == 0 {
        return bad("key name has an empty app id", 0);
    }
    if dot.saturating_add(1) == name.len() {
        return bad("key name has an empty key id", name.len());
    }
    match name.bytes().enumerate().find(|&(at, byte)| at != dot && !is_url_safe(byte)) {
        Some((at, b' ' | b'\t' | b'\r' | b'\n')) => bad("key name has white space", at),
        other => bad("key name has an invalid character", other.map_or(0, |(at, _)| at)),
    }
}

/// Does the same as `char::is_whitespace`, without its table, which firmware would have to store.
const fn is_white_space(c: char) -> bool {
    matches!(
        c,
        '\t'..='\r' | ' ' | '\u{85}' | '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{2028}' | '\u{2029}' | '\u{202f}'
            | '\u{205f}' | '\u{3000}'
    )
}

fn check_secret(secret: &str, start: usize) -> Result<(), Error> {
    if secret.is_empty() {
        return Err(invalid("key has an empty secret", start));
    }
    let foreign = secret.char_indices().find(|&(_, c)| matches!(c, ':' | '.') || is_white_space(c) || c.is_control());
    match foreign {
        Some((at, ':')) => Err(invalid("key has a second `:`", start.saturating_add(at))),
        Some((at, '.')) => Err(invalid("key secret has a `.`", start.saturating_add(at))),
        Some((at, c)) if is_white_space(c) => Err(invalid("key secret has white space", start.saturating_add(at))),
        Some((at, _)) => Err(invalid("key secret has a control character", start.saturating_add(at))),
        None => Ok(()),
    }
}

/// An API key that borrows its text. It needs no allocator.
///
/// ```
/// use ably_auth_core::ApiKeyRef;
///
/// let key = ApiKeyRef::parse("app.key:secret")?;
/// assert_eq!((key.app_id(), key.key_id(), key.key_name()), ("app", "key", "app.key"));
/// # Ok::<(), ably_auth_core::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct ApiKeyRef<'a> {
    name: &'a str,
    dot: usize,
    secret: &'a str,
}

impl<'a> ApiKeyRef<'a> {
    /// Parses `appId.keyId:secret`.
    ///
    /// # Errors
    /// [`ErrorKind::Key`] if a part is missing or empty, if the name has a character other than `A-Z a-z 0-9 _ -`, or
    /// if the secret has `:`, `.`, white space or a control character.
    pub fn parse(text: &'a str) -> Result<Self, Error> {
        let Some((name, secret)) = split_at_byte(text, b':') else {
            return Err(invalid("key has no `:`", text.len()));
        };
        let dot = check_name(name)?;
        check_secret(secret, name.len().saturating_add(1))?;
        Ok(Self { name, dot, secret })
    }

    /// Returns the public part, `appId.keyId`.
    #[must_use]
    pub const fn key_name(&self) -> &'a str {
        self.name
    }

    /// Returns the app ID: the text before the first `.`.
    #[must_use]
    pub fn app_id(&self) -> &'a str {
        self.name.get(..self.dot).unwrap_or_default()
    }

    /// Returns the key ID: the text between the `.` and the `:`.
    #[must_use]
    pub fn key_id(&self) -> &'a str {
        self.name.get(self.dot.saturating_add(1)..).unwrap_or_default()
    }

    /// Returns a signer with the HMAC key schedule already computed.
    #[must_use]
    pub fn signer(&self) -> Signer {
        Signer::new(self.secret.as_bytes())
    }
}

impl fmt::Debug for ApiKeyRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKeyRef({}:[redacted])", self.name)
    }
}

/// A key's public name, `appId.keyId`.
///
/// ```
/// use ably_auth_core::KeyName;
///
/// let name = KeyName::parse("app.key")?;
/// assert_eq!(name.app_id(), "app");
/// assert_eq!(name.to_string(), "app.key");
/// # Ok::<(), ably_auth_core::Error>(())
/// ```
#[cfg(feature = "alloc")]
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyName {
    text: Box<str>,
    dot: usize,
}

#[cfg(feature = "alloc")]
impl KeyName {
    /// Parses `appId.keyId`.
    ///
    /// # Errors
    /// [`ErrorKind::Key`] if it does not have two parts, each non-empty and of `A-Z a-z 0-9 _ -`.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let dot = check_name(text)?;
        Ok(Self { text: text.into(), dot })
    }

    /// Returns the name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the app ID: the text before the `.`.
    #[must_use]
    pub fn app_id(&self) -> &str {
        self.text.get(..self.dot).unwrap_or_default()
    }

    /// Returns the key ID: the text after the `.`.
    #[must_use]
    pub fn key_id(&self) -> &str {
        self.text.get(self.dot.saturating_add(1)..).unwrap_or_default()
    }
}

#[cfg(feature = "alloc")]
crate::text::conversions::try_from_text!(ApiKey, KeyName);

#[cfg(feature = "alloc")]
impl AsRef<str> for KeyName {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

#[cfg(feature = "alloc")]
impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(feature = "alloc")]
impl fmt::Debug for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyName({})", self.text)
    }
}

#[cfg(feature = "alloc")]
impl core::str::FromStr for KeyName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

/// An API key that owns its text. The secret is wiped from memory when the key is dropped.
///
/// Neither `Debug` nor any error shows the secret, and there is no `Display`.
///
/// ```
/// use ably_auth_core::ApiKey;
///
/// let key: ApiKey = "app.key:secret".parse()?;
/// assert_eq!(key.key_name().as_str(), "app.key");
/// assert_eq!(format!("{key:?}"), "ApiKey(app.key:[redacted])");
/// # Ok::<(), ably_auth_core::Error>(())
/// ```
#[cfg(feature = "alloc")]
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    name: KeyName,
    secret: KeySecret,
}

#[cfg(feature = "alloc")]
impl ApiKey {
    /// Parses `appId.keyId:secret`.
    ///
    /// # Errors
    /// Returns the same errors as [`ApiKeyRef::parse`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        let key = ApiKeyRef::parse(text)?;
        Ok(Self { name: KeyName { text: key.name.into(), dot: key.dot }, secret: KeySecret::from_checked(key.secret) })
    }

    /// Reads the key from the environment variable `ABLY_API_KEY`. White space around it is ignored.
    ///
    /// ```no_run
    /// let key = ably_auth_core::ApiKey::from_env()?;
    /// # Ok::<(), ably_auth_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Key`], which names the variable, if it is unset, empty, not UTF-8, or not a key.
    #[cfg(feature = "std")]
    pub fn from_env() -> Result<Self, Error> {
        let invalid = |problem| Error::new(ErrorKind::Key, problem, KEY_FORM).input(KEY_VARIABLE);
        match std::env::var(KEY_VARIABLE).map(zeroize::Zeroizing::new) {
            Ok(text) if !text.trim().is_empty() => Self::parse(text.trim()).map_err(|error| error.input(KEY_VARIABLE)),
            Ok(_) | Err(std::env::VarError::NotPresent) => Err(invalid("key is not set")),
            Err(std::env::VarError::NotUnicode(_)) => Err(invalid("key is not UTF-8")),
        }
    }

    /// Creates a key from a name and a secret that are stored separately, as in a key store.
    ///
    /// # Errors
    /// [`ErrorKind::Key`] if the secret is empty or has `:`, `.`, white space or a control character.
    pub fn from_parts(name: KeyName, secret: &str) -> Result<Self, Error> {
        check_secret(secret, 0)?;
        Ok(Self { name, secret: KeySecret::from_checked(secret) })
    }

    /// Returns the public part, `appId.keyId`.
    #[must_use]
    pub const fn key_name(&self) -> &KeyName {
        &self.name
    }

    /// Returns the private part.
    #[must_use]
    pub const fn secret(&self) -> &KeySecret {
        &self.secret
    }

    /// Returns a signer for one token request, without the state for JWT headers.
    pub(crate) fn single_use_signer(&self) -> Signer {
        Signer::new(self.secret.expose().as_bytes())
    }
}

#[cfg(feature = "alloc")]
impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKey({}:[redacted])", self.name)
    }
}

#[cfg(feature = "alloc")]
impl core::str::FromStr for ApiKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::is_white_space;

    #[test]
    fn white_space_matches_unicode() {
        assert!(('\0'..=char::MAX).all(|c| is_white_space(c) == c.is_whitespace()));
    }
}
