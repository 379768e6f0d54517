//! The crate's one error type: why an endpoint or a rule could not be set up.

use std::error::Error as StdError;
use std::fmt;

/// What an [`Error`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// An origin whose pages are to be let in.
    Origin,
    /// A resource that is to be taken from a path.
    Template,
}

/// Why an endpoint or a rule could not be set up.
///
/// What a request did wrong is no such error: it is answered with a [`Refusal`](crate::Refusal).
///
/// ```
/// use ably_auth_axum::{ErrorKind, Operation, require};
///
/// let error = require("chat:{room", Operation::Publish).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Template);
/// assert!(error.to_string().contains("`chat:{room`"), "{error}");
/// ```
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
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

impl StdError for Error {}
