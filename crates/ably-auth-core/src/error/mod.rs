//! The error type of this crate.

mod code;
#[cfg(feature = "serde")]
mod info;

pub use code::ErrorCode;
#[cfg(feature = "serde")]
pub use info::{ErrorEnvelope, ErrorInfo};

use core::convert::Infallible;
use core::fmt;

#[cfg(feature = "alloc")]
use alloc::boxed::Box;

#[cfg(feature = "alloc")]
use crate::text::Escaped;

/// The category of an [`Error`].
///
/// ```
/// # #[cfg(feature = "alloc")] {
/// use ably_auth_core::{ApiKey, ErrorKind, Timestamp, jwt};
///
/// let key = ApiKey::parse("appId.keyId:secret").unwrap();
/// match jwt::verify(&key, "not a JWT", Timestamp::from_millis(1_449_746_287_318)).map_err(|error| error.kind()) {
///     Err(ErrorKind::JwtExpired) => panic!("the client gets a new one"),
///     refused => assert_eq!(refused.err(), Some(ErrorKind::Jwt)),
/// }
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Text that is not an API key or a key name.
    Key,
    /// A client ID that is empty, or that contains a control character.
    ClientId,
    /// A nonce that is too short, or that contains a control character.
    Nonce,
    /// A time to live that is not a number, is zero, or is over the limit.
    Ttl,
    /// A timestamp that is missing or is not a whole number of milliseconds.
    Timestamp,
    /// An invalid capability, or an invalid resource or operation in a capability.
    Capability,
    /// A token request that names a key other than the one it is checked with.
    TokenRequest,
    /// A mac that is missing, or does not match the token request and the key.
    Mac,
    /// An invalid token: empty, too long, or with characters that no header can carry.
    Token,
    /// A revocation target that does not have the form `type:value`.
    RevocationTarget,
    /// A JWT that is malformed, has a wrong signature, or is not valid yet.
    Jwt,
    /// A JWT that has expired.
    JwtExpired,
    /// A buffer that is too small for the output; see [`Error::needed_bytes`].
    Buffer,
}

/// The reason why a value could not be built, signed or verified.
///
/// The text says what is invalid and where, and ends with advice. It never quotes a secret, a token or a mac, so it is
/// safe to log.
///
/// ```
/// # #[cfg(feature = "alloc")] {
/// use ably_auth_core::{ApiKey, ErrorKind};
///
/// let error = ApiKey::parse("appId.keyId:").unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Key);
/// assert_eq!(error.to_string(), "key has an empty secret (byte 12); a key has the form `appId.keyId:secret`");
/// # }
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Error {
    kind: ErrorKind,
    problem: &'static str,
    advice: &'static str,
    at: Option<usize>,
    needs: Option<usize>,
    #[cfg(feature = "alloc")]
    input: Option<Box<str>>,
    #[cfg(feature = "alloc")]
    resource: Option<Box<str>>,
}

impl Error {
    pub(crate) const fn new(kind: ErrorKind, problem: &'static str, advice: &'static str) -> Self {
        Self {
            kind,
            problem,
            advice,
            at: None,
            needs: None,
            #[cfg(feature = "alloc")]
            input: None,
            #[cfg(feature = "alloc")]
            resource: None,
        }
    }

    /// Adds the byte offset in the input at which the problem starts.
    #[must_use]
    pub(crate) const fn at(mut self, offset: usize) -> Self {
        self.at = Some(offset);
        self
    }

    /// Adds the number of bytes that the buffer needs.
    #[must_use]
    pub(crate) const fn needs(mut self, bytes: usize) -> Self {
        self.needs = Some(bytes);
        self
    }

    /// Adds the invalid part of the input. It is shown, so it must be public.
    #[cfg(feature = "alloc")]
    #[must_use]
    pub(crate) fn input(mut self, input: &str) -> Self {
        self.input = Some(input.into());
        self
    }

    /// Adds the resource of the capability in which the problem was found.
    #[cfg(feature = "alloc")]
    #[must_use]
    pub(crate) fn resource_name(mut self, resource: &str) -> Self {
        self.resource = Some(resource.into());
        self
    }

    /// Returns the category of the error.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Returns the byte offset in the input at which the problem starts, if it is known.
    #[must_use]
    pub const fn offset(&self) -> Option<usize> {
        self.at
    }

    /// Returns the number of bytes that the buffer needs, if it was too small.
    ///
    /// ```
    /// use ably_auth_core::{ApiKeyRef, ErrorKind, JwtFields, Timestamp, Ttl};
    ///
    /// let key = ApiKeyRef::parse("appId.keyId:secret")?;
    /// let fields = JwtFields::new(key.key_name(), Timestamp::from_millis(1_449_746_287_318), Ttl::DEFAULT);
    /// let error = fields.mint_into(&key.signer(), &mut [0; 100]).unwrap_err();
    /// assert_eq!((error.kind(), error.needed_bytes()), (ErrorKind::Buffer, Some(fields.minted_len()?)));
    /// # Ok::<(), ably_auth_core::Error>(())
    /// ```
    #[must_use]
    pub const fn needed_bytes(&self) -> Option<usize> {
        self.needs
    }

    /// Returns the resource of the capability in which the problem was found, if there is one.
    #[cfg(feature = "alloc")]
    #[must_use]
    pub fn resource(&self) -> Option<&str> {
        self.resource.as_deref()
    }

    /// Returns the code that the service uses for this error.
    ///
    /// ```
    /// use ably_auth_core::{ApiKeyRef, ErrorCode};
    ///
    /// let error = ApiKeyRef::parse("appId.keyId").unwrap_err();
    /// assert_eq!(error.ably_code(), ErrorCode::INVALID_CREDENTIAL);
    /// ```
    #[must_use]
    pub const fn ably_code(&self) -> ErrorCode {
        match self.kind {
            ErrorKind::Key | ErrorKind::Token => ErrorCode::INVALID_CREDENTIAL,
            ErrorKind::ClientId => ErrorCode::INVALID_CLIENT_ID,
            ErrorKind::Ttl => ErrorCode::INVALID_PARAMETER,
            ErrorKind::Mac => ErrorCode::INVALID_CREDENTIALS,
            ErrorKind::Nonce
            | ErrorKind::Timestamp
            | ErrorKind::Capability
            | ErrorKind::TokenRequest
            | ErrorKind::RevocationTarget => ErrorCode::BAD_REQUEST,
            ErrorKind::Jwt => ErrorCode::INVALID_JWT,
            ErrorKind::JwtExpired => ErrorCode::TOKEN_EXPIRED,
            ErrorKind::Buffer => ErrorCode::INTERNAL,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.problem)?;
        #[cfg(feature = "alloc")]
        {
            if let Some(input) = &self.input {
                // For a key it is the variable that holds the key, because a key itself is never shown.
                let place = if self.kind == ErrorKind::Key { " in" } else { "" };
                write!(f, "{place} `{}`", Escaped(input))?;
            }
            if let Some(resource) = &self.resource {
                write!(f, " in resource `{}`", Escaped(resource))?;
            }
        }
        if let Some(at) = self.at {
            write!(f, " (byte {at})")?;
        }
        if let Some(bytes) = self.needs {
            write!(f, " (needs {bytes} bytes)")?;
        }
        write!(f, "; {}", self.advice)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error({:?}: {self})", self.kind)
    }
}

impl core::error::Error for Error {}

/// Lets setters take a value in place of text: its conversion cannot fail.
impl From<Infallible> for Error {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}
