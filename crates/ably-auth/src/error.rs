//! The crate's one error type.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ably_auth_core::{ErrorCode, ErrorInfo, PrintableText};

use crate::request_id::RequestId;
use crate::transport::{FaultKind, TransportFault};

/// The maximum bytes of an error's text, which may contain two texts of the service and our own.
const MAX_TEXT_BYTES: usize = 3 * PrintableText::MAX_BYTES;

/// What an [`Error`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The options cannot work, or not together.
    Configuration,
    /// A value is not in the form that it must have.
    Invalid,
    /// There was no answer: it did not come in time, the connection failed, or the answer is too large.
    Transport,
    /// The host's name could not be resolved (DNS).
    Unresolvable,
    /// No connection to the host could be made.
    Unreachable,
    /// The TLS handshake with the host failed, such as when its certificate is not trusted.
    Tls,
    /// The service answered with an error.
    Refused,
    /// The answer could not be understood.
    Answer,
    /// The auth callback failed.
    AuthCallback,
    /// The auth URL gave no token.
    AuthUrl,
    /// The token is no longer good, and there is no means to renew it.
    NoMeansToRenew,
    /// The source gave a token that had expired already.
    TokenExpired,
    /// No token came within the [token timeout](crate::ClientOptions::token_timeout).
    TokenTimedOut,
}

/// Why there is no token, or no answer to an authenticated request.
///
/// It is cheap to clone, because all callers that wait for one token get its error. Its text never contains a body, a
/// token or a secret. Of each text of the service it contains at most 4 KiB, with control characters escaped.
///
/// ```
/// use ably_auth::{ApiKey, BlockingAuth, ClientOptions, ErrorCode, ErrorKind, TransportFault};
/// use bytes::Bytes;
/// use http::{Request, Response};
///
/// fn refuses(_: Request<Bytes>) -> Result<Response<Bytes>, TransportFault> {
///     let body = br#"{"error":{"code":40160,"statusCode":401,"message":"no such right"}}"#;
///     let mut answer = Response::new(Bytes::from_static(body));
///     *answer.status_mut() = http::StatusCode::UNAUTHORIZED;
///     Ok(answer)
/// }
/// let auth = BlockingAuth::new(ClientOptions::new().key(ApiKey::parse("app.key:secret")?), refuses)?;
/// let error = auth.request(Request::get("/stats").body(Bytes::new()).unwrap()).unwrap_err();
/// assert_eq!((error.kind(), error.ably_code()), (ErrorKind::Refused, ErrorCode::CAPABILITY_REFUSED));
/// assert!(!error.is_token_error() && !error.is_transient());
/// assert_eq!(error.error_info().map(|info| info.message()), Some("no such right"));
/// # Ok::<(), ably_auth::Error>(())
/// ```
#[derive(Clone)]
pub struct Error(Arc<Inner>);

struct Inner {
    kind: ErrorKind,
    code: ErrorCode,
    status: u16,
    text: String,
    request_id: Option<RequestId>,
    retry_after: Option<Duration>,
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
        // Escape and cut the text: it may quote the service, or the server behind an auth URL.
        let (status, text) = (code.status(), PrintableText::new(&text.into()).at_most(MAX_TEXT_BYTES).to_string());
        Self(Arc::new(Inner { kind, code, status, text, request_id: None, retry_after: None, source }))
    }

    /// The same error with what only some have. Only for errors that nobody else holds yet.
    fn modify(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            change(inner);
        }
        self
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
        let (code, status) = (info.code(), info.status_code());
        Self::new(ErrorKind::Refused, code, advice.unwrap_or(text), Some(Source::Info(Box::new(info))))
            .modify(|inner| inner.status = status)
    }

    /// The error of an answer that redirects: a redirect could lead the credentials elsewhere.
    pub(crate) fn redirected(info: ErrorInfo, status: u16) -> Self {
        let text = format!(
            "the service answers with a redirect (status {status}), and redirects are not followed, because they could \
             carry credentials elsewhere: {info}; set the endpoint to the host that serves the API"
        );
        let code = info.code();
        Self::new(ErrorKind::Refused, code, text, Some(Source::Info(Box::new(info))))
            .modify(|inner| inner.status = status)
    }

    pub(crate) fn answer(text: impl Into<String>) -> Self {
        Self::new(ErrorKind::Answer, ErrorCode::INVALID_BODY, text, None)
    }

    /// What an auth URL answers that is no token.
    pub(crate) fn auth_url(text: impl Into<String>) -> Self {
        Self::new(ErrorKind::AuthUrl, ErrorCode::AUTH_SOURCE_FAILED, text, None)
    }

    /// The same for a refusal, whose text is given apart: a 403 stays what it is (`RSA4d`).
    pub(crate) fn auth_url_refused(info: ErrorInfo, text: impl Into<String>) -> Self {
        let code = if info.status_code() == 403 { ErrorCode::FORBIDDEN } else { ErrorCode::AUTH_SOURCE_FAILED };
        Self::new(ErrorKind::AuthUrl, code, text, Some(Source::Info(Box::new(info))))
    }

    pub(crate) fn auth_url_fault(fault: TransportFault) -> Self {
        let text = format!("the auth URL gave no answer: {fault}; check the URL, and the server behind it");
        Self::new(ErrorKind::AuthUrl, ErrorCode::AUTH_SOURCE_FAILED, text, Some(Source::Fault(fault)))
    }

    /// The same error, with the time after which the service wants to be asked again.
    pub(crate) fn with_retry_after(self, retry_after: Option<Duration>) -> Self {
        self.modify(|inner| inner.retry_after = retry_after)
    }

    /// The same error, about that request.
    pub(crate) fn with_request_id(self, request_id: Option<RequestId>) -> Self {
        self.modify(|inner| inner.request_id = request_id)
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

    pub(crate) fn abandoned() -> Self {
        let text =
            "the fetch of a token was abandoned: its callers gave up; let them wait longer than the source takes";
        Self::new(ErrorKind::Transport, ErrorCode::TIMEOUT, text, None)
    }

    pub(crate) fn broken_off() -> Self {
        let text = "the fetch of a token was broken off: its source panicked, or the runtime that it began on has ended; \
                    ask again, on a runtime that goes on";
        let fault = TransportFault::new(FaultKind::Interrupted, "the source of tokens panicked, or its runtime ended");
        Self::new(ErrorKind::Transport, ErrorCode::INTERNAL, text, Some(Source::Fault(fault)))
    }

    pub(crate) fn token_timed_out(timeout: Duration) -> Self {
        let text = format!(
            "no token came within {timeout:?}; if the source of tokens asks this client for one, such as through a task or \
             thread that it starts, it waits for itself: let it get what it needs without this client's tokens; if it is \
             just slow, set a longer `token_timeout`"
        );
        Self::new(ErrorKind::TokenTimedOut, ErrorCode::AUTH_SOURCE_FAILED, text, None)
    }

    pub(crate) fn source_waits_for_itself() -> Self {
        let text = "the source of tokens asked the cache or client that asks it, and would have waited for itself; \
                    let it get what it needs without that one's tokens";
        Self::configuration(text)
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
        let (source, text) = (source.into(), "the auth callback failed; its error is the source of this one");
        let status = source.downcast_ref::<Self>().map(Self::status_code);
        let status = status.or_else(|| source.downcast_ref::<ErrorInfo>().map(ErrorInfo::status_code));
        // The user may have no token, and trying again will not help (`RSA4d`).
        let code = if status == Some(403) { ErrorCode::FORBIDDEN } else { ErrorCode::AUTH_SOURCE_FAILED };
        Self::new(ErrorKind::AuthCallback, code, text, Some(Source::Other(source)))
    }

    /// What an auth callback answers that is of no use.
    pub(crate) fn auth_callback_answer(text: impl Into<String>) -> Self {
        Self::new(ErrorKind::AuthCallback, ErrorCode::AUTH_SOURCE_FAILED, text, None)
    }

    /// What the error is about.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The service's code, or the one that the specification gives for an error found here.
    ///
    /// | without an answer | code | status |
    /// | --- | --- | --- |
    /// | [`TimedOut`](FaultKind::TimedOut) | 50003 (`RSC13`) | 500 |
    /// | [`TooLarge`](FaultKind::TooLarge) | 40001, as any answer that cannot be read | 400 |
    /// | any other fault, for which the specification has no code | 50000, as Ably's SDK for Python | 500 |
    /// | any fault on the way to an auth URL | 40170 (`RSA4c`) | 401 |
    #[must_use]
    pub fn ably_code(&self) -> ErrorCode {
        self.0.code
    }

    /// The status that goes with the code: that of the service's error, or else the usual one.
    ///
    /// ```
    /// use ably_auth::{Error, FaultKind, TransportFault};
    ///
    /// let error = Error::from(TransportFault::new(FaultKind::TimedOut, "10 s passed"));
    /// assert_eq!((error.ably_code().as_u32(), error.status_code()), (50003, 500));
    /// ```
    #[must_use]
    pub fn status_code(&self) -> u16 {
        self.0.status
    }

    /// The id of the request that failed: the one that the service names, or else the one that was
    /// [sent](crate::ClientOptions::add_request_ids) (`RSC7c`).
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        let from_service = match &self.0.source {
            Some(Source::Info(info)) => info.request_id(),
            Some(Source::Same(error)) => error.request_id(),
            _ => None,
        };
        from_service.or_else(|| self.0.request_id.as_ref().map(RequestId::as_str))
    }

    /// The error as the service, or the server behind an auth URL, worded it, or else as its status says.
    #[must_use]
    pub fn error_info(&self) -> Option<&ErrorInfo> {
        match &self.0.source {
            Some(Source::Info(info)) => Some(info),
            _ => None,
        }
    }

    /// Returns how long to wait before the next attempt, if an answer with 429 or 503 says so in `Retry-After`: at most a day.
    ///
    /// A date in `Retry-After` counts from the answer's own `Date`. Of an auth callback's errors it is known only of those
    /// that are an [`Error`].
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        let from_source = || match &self.0.source {
            Some(Source::Same(error)) => error.retry_after(),
            Some(Source::Other(source)) => source.downcast_ref::<Self>().and_then(Self::retry_after),
            _ => None,
        };
        self.0.retry_after.or_else(from_source)
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

    /// Returns true if the service refused the token request as a replay (40105).
    pub(crate) fn is_replay(&self) -> bool {
        self.kind() == ErrorKind::Refused && self.ably_code() == ErrorCode::NONCE_REPLAYED
    }

    /// Whether the same may succeed a little later. Of an auth callback's errors that is known only of those that are an
    /// [`Error`] or an [`ErrorInfo`].
    #[must_use]
    pub fn is_transient(&self) -> bool {
        let is_transient_status = |info: &ErrorInfo| matches!(info.status_code(), 429 | 500..=599);
        match &self.0.source {
            Some(Source::Fault(fault)) => fault.kind() != FaultKind::TooLarge,
            Some(Source::Info(info)) => is_transient_status(info),
            Some(Source::Other(source)) => {
                source.downcast_ref::<Self>().is_some_and(Self::is_transient)
                    || source.downcast_ref::<ErrorInfo>().is_some_and(is_transient_status)
            }
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
        let network = "check the endpoint and the network, and try again";
        let (kind, code, advice) = match fault.kind() {
            FaultKind::TimedOut => (ErrorKind::Transport, ErrorCode::TIMEOUT, network),
            FaultKind::TooLarge => {
                let advice = "ask for less at once, such as by a `limit` in the query";
                (ErrorKind::Transport, ErrorCode::INVALID_BODY, advice)
            }
            FaultKind::Interrupted => (ErrorKind::Transport, ErrorCode::INTERNAL, network),
            FaultKind::Unresolvable => {
                (ErrorKind::Unresolvable, ErrorCode::INTERNAL, "check the endpoint's name and the DNS, and try again")
            }
            FaultKind::Unreachable => (ErrorKind::Unreachable, ErrorCode::INTERNAL, network),
            FaultKind::Tls => {
                let advice = "check the host's certificate; if a CA of your own issued it, add that CA with \
                              `add_root_certificates`";
                (ErrorKind::Tls, ErrorCode::INTERNAL, advice)
            }
        };
        let (text, request_id) = (format!("{fault}; {advice}"), fault.request_id.clone());
        Self::new(kind, code, text, Some(Source::Fault(fault))).with_request_id(request_id)
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
