//! The crate's error type, for invalid settings of an endpoint or a guard.

use std::error::Error as StdError;
use std::fmt;

/// The cause of an [`Error`].
///
/// ```
/// use ably_auth_backend::{Error, ErrorKind};
///
/// fn advice(error: &Error) -> &'static str {
///     match error.kind() {
///         ErrorKind::Origin => "correct the list of origins in the configuration",
///         _ => "correct the program",
///     }
/// }
/// assert_eq!(advice(&Error::new(ErrorKind::Template, "empty resource")), "correct the program");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The origin is invalid.
    Origin,
    /// The resource template of a guard is invalid.
    Template,
}

/// An invalid setting of an endpoint or a guard.
///
/// Invalid requests are not reported with this type, but answered with a [`Refusal`](crate::Refusal).
///
/// ```
/// use ably_auth_backend::{ApiKey, Endpoint, ErrorKind};
///
/// let endpoint = Endpoint::jwt(&ApiKey::parse("appId.keyId:secret")?);
/// let error = endpoint.allow_origin("https://app.example.com/").unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Origin);
/// assert!(error.to_string().contains("`https://app.example.com/`"), "{error}");
/// # Ok::<(), ably_auth_backend::Refusal>(())
/// ```
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
}

impl Error {
    /// Creates an error, for adapters to a framework.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// Returns the cause.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Error {}
