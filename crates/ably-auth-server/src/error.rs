//! The crate's one error type: why a service could not be set up or could not run.

use std::error::Error as StdError;
use std::fmt;

/// What an [`Error`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Apps or keys that are not in the form of them, or that are there twice.
    Apps,
    /// An address on which the service must not listen.
    Address,
    /// An access token of the Control API, or its name.
    ControlToken,
    /// The secret from which the keys that seal tokens derive.
    ServiceSecret,
    /// A limit that is not in the form of one.
    Limits,
    /// A certificate or its key.
    Tls,
    /// The network, or the system below it.
    Network,
    /// The system's source of random numbers.
    Random,
    /// Where the service keeps what it must not forget, or what is there.
    Store,
    /// An error code that a sandbox is asked for and that does not exist.
    ErrorCode,
}

/// Why a service could not be set up or could not run.
///
/// What a request did wrong is no such error: it is answered. The text holds no secret and may be logged as it is.
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

    /// What the error is about.
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
