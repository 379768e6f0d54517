//! The crate's one error type.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use ably_auth_core::{ErrorCode, ErrorInfo};

use crate::transport::TransportFault;

/// What an [`Error`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The options cannot work, or not together.
    Configuration,
    /// A value is not in the form that it must have.
    Invalid,
    /// There was no answer.
    Transport,
    /// The service answered with an error.
    Refused,
    /// The answer could not be understood.
    Answer,
    /// The auth callback failed.
    AuthCallback,
    /// The token is no longer good, and there is no means to renew it.
    NoMeansToRenew,
    /// The source gave a token that had expired already.
    TokenExpired,
}

/// Why there is no token, or no answer to an authenticated request.
///
/// It is cheap to clone, since all who wait for one token are told of its failure. Its text never holds a body, a token or
/// a secret.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

struct Inner {
    kind: ErrorKind,
    code: ErrorCode,
    text: String,
    source: Option<Source>,
}

enum Source {
    Core(ably_auth_core::Error),
    Fault(TransportFault),
    Info(Box<ErrorInfo>),
    Same(Error),
    Other(Box<dyn StdError + Send + Sync>),
}

impl Error {
    fn new(kind: ErrorKind, code: ErrorCode, text: impl Into<String>, source: Option<Source>) -> Self {
        Self(Arc::new(Inner { kind, code, text: text.into(), source }))
    }

    /// What a transport answers that cannot be set up. The text is shown: it must hold no credentials.
    pub fn configuration(text: impl Into<String>) -> Self {
        Self::new(ErrorKind::Configuration, ErrorCode::BAD_REQUEST, text, None)
    }

    pub(crate) fn with_code(code: ErrorCode, text: impl Into<String>) -> Self {
        Self::new(ErrorKind::Configuration, code, text, None)
    }

    pub(crate) fn refused(info: ErrorInfo) -> Self {
        let text = format!("the service refused: {info}");
        let advice = info.code().advice().map(|advice| format!("{text}; {advice}"));
        Self::new(ErrorKind::Refused, info.code(), advice.unwrap_or(text), Some(Source::Info(Box::new(info))))
    }

    pub(crate) fn answer(text: impl Into<String>) -> Self {
        Self::new(ErrorKind::Answer, ErrorCode::INVALID_BODY, text, None)
    }

    pub(crate) fn no_means_to_renew(cause: Option<Self>) -> Self {
        let text = "the token is no longer good, and there is no means to renew it; \
                    give the client a key or an auth callback";
        Self::new(ErrorKind::NoMeansToRenew, ErrorCode::NO_MEANS_TO_RENEW, text, cause.map(Source::Same))
    }

    pub(crate) fn expired_on_arrival() -> Self {
        let text = "the source gave a token that had expired already; \
                    see whether it hands out tokens that it has kept, and whether its clock is right";
        Self::new(ErrorKind::TokenExpired, ErrorCode::TOKEN_EXPIRED, text, None)
    }

    /// What an auth callback answers when it has no token to give, such as when the user is logged out.
    ///
    /// The source's text is shown: it must hold no credentials.
    ///
    /// ```
    /// use ably_auth::{Error, ErrorCode};
    ///
    /// let error = Error::auth_callback("the user is logged out");
    /// assert_eq!(error.ably_code(), ErrorCode::AUTH_SOURCE_FAILED);
    /// ```
    pub fn auth_callback(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let text = "the auth callback failed; its error is the source of this one";
        Self::new(ErrorKind::AuthCallback, ErrorCode::AUTH_SOURCE_FAILED, text, Some(Source::Other(source.into())))
    }

    /// What the error is about.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The service's code, or the one that the specification gives for an error found here.
    #[must_use]
    pub fn ably_code(&self) -> ErrorCode {
        self.0.code
    }

    /// The error as the service worded it, if it did.
    #[must_use]
    pub fn error_info(&self) -> Option<&ErrorInfo> {
        match &self.0.source {
            Some(Source::Info(info)) => Some(info),
            _ => None,
        }
    }

    /// The fault of the transport, if that is what went wrong.
    #[must_use]
    pub fn transport_fault(&self) -> Option<&TransportFault> {
        match &self.0.source {
            Some(Source::Fault(fault)) => Some(fault),
            _ => None,
        }
    }

    /// Whether the service refused the token itself, so that a new one may help: 40140 to 40149 (`RSA4b`).
    #[must_use]
    pub fn is_token_error(&self) -> bool {
        self.kind() == ErrorKind::Refused && self.ably_code().is_token_error()
    }

    /// Whether the same may succeed a little later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match &self.0.source {
            Some(Source::Fault(_)) => true,
            Some(Source::Info(info)) => matches!(info.status_code(), 429 | 500..=599),
            _ => false,
        }
    }
}

impl From<ably_auth_core::Error> for Error {
    fn from(error: ably_auth_core::Error) -> Self {
        Self::new(ErrorKind::Invalid, error.ably_code(), error.to_string(), Some(Source::Core(error)))
    }
}

impl From<TransportFault> for Error {
    fn from(fault: TransportFault) -> Self {
        let text = format!("{fault}; check the endpoint and the network, and try again");
        Self::new(ErrorKind::Transport, ErrorCode::TIMEOUT, text, Some(Source::Fault(fault)))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error({:?} {}: {})", self.0.kind, self.0.code, self.0.text)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        // An error whose text is the source's own hands on the source's source, so that a chain says nothing twice.
        match self.0.source.as_ref()? {
            Source::Core(error) => error.source(),
            Source::Fault(fault) => fault.source(),
            Source::Info(info) => info.source(),
            Source::Same(error) => Some(error),
            Source::Other(error) => Some(&**error),
        }
    }
}
