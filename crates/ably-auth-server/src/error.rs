//! The crate's error type, for a service that cannot be configured or run.

use std::error::Error as StdError;
use std::fmt;

/// The subject of an [`Error`].
///
/// ```
/// use ably_auth_server::{ErrorKind, Service};
///
/// let built = Service::builder().service_secret([0; 32]).build();
/// assert_eq!(built.err().map(|error| error.kind()), Some(ErrorKind::ServiceSecret));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Apps or keys that are malformed or duplicated.
    Apps,
    /// An address on which the service must not listen.
    Address,
    /// An access token of the Control API, or its name.
    ControlToken,
    /// The service secret, from which the keys that seal tokens are derived.
    ServiceSecret,
    /// A malformed limit.
    Limits,
    /// A certificate or its key.
    Tls,
    /// The network, or the operating system's support for it.
    Network,
    /// The operating system's random number generator.
    Random,
    /// The store, or its contents.
    Store,
    /// An error code that a sandbox is asked to return and that does not exist.
    ErrorCode,
}

/// An error that prevents a service from being configured or from running.
///
/// An invalid request is not such an error: the service answers it with an error response. The text contains no secret
/// and may be logged unchanged.
///
/// ```
/// use ably_auth_server::{Apps, ErrorKind};
///
/// let error = Apps::from_json(r#"{"appId":"app1","keyz":[]}"#).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Apps);
/// assert!(error.to_string().contains("unknown field `keyz`"), "{error}");
/// ```
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    #[must_use]
    pub(crate) fn because(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }

    /// Returns the subject of the error.
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

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
