//! The crate's error type.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ably_auth_core::{ErrorCode, ErrorInfo, PrintableText};

use crate::request_id::RequestId;
use crate::transport::{FaultKind, TransportFault};

/// The maximum bytes of an error's text, which may contain two texts of the service and our own text.
const MAX_TEXT_BYTES: usize = 3 * PrintableText::MAX_BYTES;

/// The kind of an [`Error`].
///
/// ```
/// use ably_auth::{Error, ErrorKind};
///
/// fn must_log_in_again(error: &Error) -> bool {
///     matches!(error.kind(), ErrorKind::AuthCallback | ErrorKind::AuthUrl | ErrorKind::NoMeansToRenew)
/// }
/// assert!(must_log_in_again(&Error::auth_callback("the session has ended")));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The options cannot work, or contradict each other.
    Configuration,
    /// A value is invalid.
    Invalid,
    /// There was no response: it did not arrive in time, the connection failed, or the response is too large.
    Transport,
    /// The host's name could not be resolved (DNS).
    Unresolvable,
    /// No connection to the host could be established.
    Unreachable,
    /// The TLS handshake with the host failed, such as when its certificate is not trusted.
    Tls,
    /// The service responded with an error.
    Refused,
    /// The response could not be parsed.
    Answer,
    /// The auth callback failed.
    AuthCallback,
    /// The auth URL gave no token.
    AuthUrl,
    /// The token is no longer valid, and there is no means to renew it.
    NoMeansToRenew,
    /// The source gave a token that had already expired.
    TokenExpired,
    /// No token arrived within the [token timeout](crate::ClientOptions::token_timeout).
    TokenTimedOut,
    /// The realtime connection failed, was suspended or was closed.
    Connection,
}

/// An error of getting a token, or of sending an authenticated request.
///
/// It is cheap to clone, because all callers that wait for one token get its error. Its text never contains a body, a
/// token or a secret. It contains at most 4 KiB of each text of the service, with control characters escaped.
///
/// ```
/// use ably_auth::{BlockingAuth, ClientOptions, ErrorCode, ErrorKind, TransportFault};
/// use bytes::Bytes;
/// use http::{Request, Response};
///
/// fn refuses(_: Request<Bytes>) -> Result<Response<Bytes>, TransportFault> {
///     let body = br#"{"error":{"code":40160,"statusCode":401,"message":"no such right"}}"#;
///     let mut answer = Response::new(Bytes::from_static(body));
///     *answer.status_mut() = http::StatusCode::UNAUTHORIZED;
///     Ok(answer)
/// }
/// let auth = BlockingAuth::new(ClientOptions::new().key("app.key:secret"), refuses)?;
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
        // Escape and cut the text, which may quote the service or the server behind an auth URL.
        let (status, text) = (code.status(), PrintableText::new(&text.into()).at_most(MAX_TEXT_BYTES).to_string());
        Self(Arc::new(Inner { kind, code, status, text, request_id: None, retry_after: None, source }))
    }

    /// Changes an error that has not been cloned yet.
    fn modify(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            change(inner);
        }
        self
    }

    /// Creates the error of a transport that cannot be set up. `text` is shown, so it must not contain credentials.
    pub fn configuration(text: impl Into<String>) -> Self {
        Self::new(ErrorKind::Configuration, ErrorCode::BAD_REQUEST, text, None)
    }

    pub(crate) fn with_code(code: ErrorCode, text: impl Into<String>) -> Self {
        Self::new(ErrorKind::Configuration, code, text, None)
    }

    pub(crate) fn refused(info: ErrorInfo) -> Self {
        let text = format!("the service refused: {info}");
        // A message with a `;` gives advice itself, as those of `ably-auth-server` do.
        let advice = info.code().advice().filter(|_| !info.message().contains("; "));
        let advice = advice.map(|advice| format!("{text}; {advice}"));
        let (code, status) = (info.code(), info.status_code());
        Self::new(ErrorKind::Refused, code, advice.unwrap_or(text), Some(Source::Info(Box::new(info))))
            .modify(|inner| inner.status = status)
    }

    /// Creates the error of a realtime connection that is not open or has ended, or of its socket. `info` is the reason,
    /// and its text is that of the error.
    #[cfg(feature = "realtime")]
    #[must_use]
    pub fn connection(info: ErrorInfo) -> Self {
        let (code, status, text) = (info.code(), info.status_code(), info.to_string());
        Self::new(ErrorKind::Connection, code, text, Some(Source::Info(Box::new(info))))
            .modify(|inner| inner.status = status)
    }

    /// Creates the error for a redirect. Redirects are not followed, because they could carry the credentials to
    /// another host.
    pub(crate) fn redirected(info: ErrorInfo, status: u16) -> Self {
        let text = format!(
            "the service responded with a redirect (status {status}), and redirects are not followed, because they \
             could carry credentials to another host: {info}; set the endpoint to the host that serves the API"
        );
        let code = info.code();
        Self::new(ErrorKind::Refused, code, text, Some(Source::Info(Box::new(info))))
            .modify(|inner| inner.status = status)
    }

    pub(crate) fn answer(text: impl Into<String>) -> Self {
        Self::new(ErrorKind::Answer, ErrorCode::INVALID_BODY, text, None)
    }

    /// Creates the error for a response of an auth URL that contains no token.
    pub(crate) fn auth_url(text: impl Into<String>) -> Self {
        Self::new(ErrorKind::AuthUrl, ErrorCode::AUTH_SOURCE_FAILED, text, None)
    }

    /// Creates the error for an error response of an auth URL. A status of 403 is kept (`RSA4d`).
    pub(crate) fn auth_url_refused(info: ErrorInfo, text: impl Into<String>) -> Self {
        let code = if info.status_code() == 403 { ErrorCode::FORBIDDEN } else { ErrorCode::AUTH_SOURCE_FAILED };
        Self::new(ErrorKind::AuthUrl, code, text, Some(Source::Info(Box::new(info))))
    }

    pub(crate) fn auth_url_fault(fault: TransportFault) -> Self {
        let text = format!("no response from the auth URL: {fault}; check the URL and its server");
        Self::new(ErrorKind::AuthUrl, ErrorCode::AUTH_SOURCE_FAILED, text, Some(Source::Fault(fault)))
    }

    /// Sets the time after which the service asks to retry.
    pub(crate) fn with_retry_after(self, retry_after: Option<Duration>) -> Self {
        self.modify(|inner| inner.retry_after = retry_after)
    }

    /// Sets the id of the request that failed.
    pub(crate) fn with_request_id(self, request_id: Option<RequestId>) -> Self {
        self.modify(|inner| inner.request_id = request_id)
    }

    pub(crate) fn no_means_to_renew(cause: Option<Self>) -> Self {
        let text = "the token is no longer valid, and there is no means to renew it; \
                    set a key, an auth callback or an auth URL";
        Self::new(ErrorKind::NoMeansToRenew, ErrorCode::NO_MEANS_TO_RENEW, text, cause.map(Source::Same))
    }

    pub(crate) fn expired_on_arrival() -> Self {
        let text = "the token source gave a token that has already expired; \
                    check that it does not cache tokens, and that its clock is right";
        Self::new(ErrorKind::TokenExpired, ErrorCode::TOKEN_EXPIRED, text, None)
    }

    pub(crate) fn abandoned() -> Self {
        let text = "the fetch of a token was abandoned: its callers gave up; wait longer than the token source takes";
        Self::new(ErrorKind::Transport, ErrorCode::TIMEOUT, text, None)
    }

    pub(crate) fn broken_off() -> Self {
        let text = "the fetch of a token was interrupted: the token source panicked, or its runtime has ended; \
                    try again, on a runtime that keeps running";
        let fault = TransportFault::new(FaultKind::Interrupted, "the token source panicked, or its runtime ended");
        Self::new(ErrorKind::Transport, ErrorCode::INTERNAL, text, Some(Source::Fault(fault)))
    }

    pub(crate) fn token_timed_out(timeout: Duration) -> Self {
        let text = format!(
            "no token arrived within {timeout:?}; if the token source uses this client, also through another task or \
             thread, it waits for itself: use another client in it; if it is only slow, set a longer `token_timeout`"
        );
        Self::new(ErrorKind::TokenTimedOut, ErrorCode::AUTH_SOURCE_FAILED, text, None)
    }

    pub(crate) fn source_waits_for_itself() -> Self {
        let text = "the token source uses the cache or client that it belongs to, so it would have waited for itself; \
                    use another client in it";
        Self::configuration(text)
    }

    /// Creates the error of an auth callback that has no token, such as when the user is logged out.
    ///
    /// The source's text is shown, so it must not contain credentials.
    ///
    /// ```
    /// use ably_auth::{Error, ErrorCode};
    ///
    /// let error = Error::auth_callback("the user is logged out");
    /// assert_eq!(error.ably_code(), ErrorCode::AUTH_SOURCE_FAILED);
    /// ```
    pub fn auth_callback(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let (source, text) = (source.into(), "the auth callback failed; see the source of this error");
        let status = source.downcast_ref::<Self>().map(Self::status_code);
        let status = status.or_else(|| source.downcast_ref::<ErrorInfo>().map(ErrorInfo::status_code));
        // The user may not have a token, so a retry does not help (`RSA4d`).
        let code = if status == Some(403) { ErrorCode::FORBIDDEN } else { ErrorCode::AUTH_SOURCE_FAILED };
        Self::new(ErrorKind::AuthCallback, code, text, Some(Source::Other(source)))
    }

    /// Creates the error for a result of an auth callback that cannot be used.
    pub(crate) fn auth_callback_answer(text: impl Into<String>) -> Self {
        Self::new(ErrorKind::AuthCallback, ErrorCode::AUTH_SOURCE_FAILED, text, None)
    }

    /// Returns the kind of the error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Returns the service's error code, or for an error of the client the code that the specification gives.
    ///
    /// | error without a response | code | status |
    /// | --- | --- | --- |
    /// | [`TimedOut`](FaultKind::TimedOut) | 50003 (`RSC13`) | 500 |
    /// | [`TooLarge`](FaultKind::TooLarge) | 40001, as for a response that cannot be parsed | 400 |
    /// | [`Unsupported`](FaultKind::Unsupported) | 40000 | 400 |
    /// | any other fault, for which the specification has no code | 50000, as in Ably's Python SDK | 500 |
    /// | any fault of a request to an auth URL | 40170 (`RSA4c`) | 401 |
    #[must_use]
    pub fn ably_code(&self) -> ErrorCode {
        self.0.code
    }

    /// Returns the HTTP status of the service's error, or else the usual status of the code.
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

    /// Returns the id of the request that failed: the id in the service's error, or else the id that was
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

    /// Returns the error of the service or of the server behind an auth URL. If the response contains no error, it is
    /// derived from the status.
    #[must_use]
    pub fn error_info(&self) -> Option<&ErrorInfo> {
        match &self.0.source {
            Some(Source::Info(info)) => Some(info),
            _ => None,
        }
    }

    /// Returns how long to wait before the next attempt, if a response with 429 or 503 has a `Retry-After` header: at
    /// most a day.
    ///
    /// A date in `Retry-After` is compared with the `Date` of the same response. An error of an auth callback has this
    /// time only if it is an [`Error`].
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        let from_source = || match &self.0.source {
            Some(Source::Same(error)) => error.retry_after(),
            Some(Source::Other(source)) => source.downcast_ref::<Self>().and_then(Self::retry_after),
            _ => None,
        };
        self.0.retry_after.or_else(from_source)
    }

    /// Returns the fault of the transport, if that is the cause.
    #[must_use]
    pub fn transport_fault(&self) -> Option<&TransportFault> {
        match &self.0.source {
            Some(Source::Fault(fault)) => Some(fault),
            _ => None,
        }
    }

    /// Returns true if the service refused the token itself, with a code from 40140 to 40149. A new token may then help
    /// (`RSA4b`).
    #[must_use]
    pub fn is_token_error(&self) -> bool {
        self.kind() == ErrorKind::Refused && self.ably_code().is_token_error()
    }

    /// Returns true if the service refused the token request as a replay (40105).
    pub(crate) fn is_replay(&self) -> bool {
        self.kind() == ErrorKind::Refused && self.ably_code() == ErrorCode::NONCE_REPLAYED
    }

    /// Returns true if a retry may succeed. For an error of an auth callback, this is known only if it is an [`Error`]
    /// or an [`ErrorInfo`].
    #[must_use]
    pub fn is_transient(&self) -> bool {
        let is_transient_status = |info: &ErrorInfo| matches!(info.status_code(), 429 | 500..=599);
        match &self.0.source {
            Some(Source::Fault(fault)) => fault.kind().is_of_host(),
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
                let advice = "request fewer items, such as with a `limit` in the query";
                (ErrorKind::Transport, ErrorCode::INVALID_BODY, advice)
            }
            FaultKind::Unsupported => {
                let advice = "return tokens or JWTs from the auth callback, or use a client that sends requests";
                (ErrorKind::Configuration, ErrorCode::BAD_REQUEST, advice)
            }
            FaultKind::Interrupted => (ErrorKind::Transport, ErrorCode::INTERNAL, network),
            FaultKind::Unresolvable => {
                (ErrorKind::Unresolvable, ErrorCode::INTERNAL, "check the endpoint's name and the DNS, and try again")
            }
            FaultKind::Unreachable => (ErrorKind::Unreachable, ErrorCode::INTERNAL, network),
            FaultKind::Tls => {
                let advice = "check the host's certificate; if your own CA issued it, add that CA with \
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
        // Some errors have the text of their source. They return the source's own source, so that an error chain does
        // not repeat a text.
        match self.0.source.as_ref()? {
            Source::Core(error) => error.source(),
            Source::Fault(fault) => fault.source(),
            Source::Info(info) => info.source(),
            Source::Same(error) => Some(error),
            Source::Other(error) => Some(&**error),
        }
    }
}
