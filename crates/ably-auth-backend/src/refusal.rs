//! Refusals, and the answers that they become.

use std::fmt;

use ably_auth_core::capability::OperationName;
use ably_auth_core::{ErrorCode, ErrorEnvelope, ErrorInfo};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

const ERROR_CODE: HeaderName = HeaderName::from_static("x-ably-errorcode");
const ERROR_MESSAGE: HeaderName = HeaderName::from_static("x-ably-errormessage");
pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");
pub(crate) const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// The challenges of a 401, in one header: SDKs read only the first scheme, and ably-java fails if that is `Bearer`.
const CHALLENGE: &str = r#"x-ably-token realm="ably", Bearer realm="ably""#;

/// The challenges of a 401 for a token error: `stale` tells SDKs to renew the token.
const STALE_TOKEN_CHALLENGE: &str = r#"x-ably-token realm="ably", stale="true", Bearer realm="ably""#;

/// Maximum length of a message in a header. The body has the whole message.
const MAX_HEADER_CHARS: usize = 400;

/// Maximum number of headers of a refusal, including those of its body.
const USUAL_HEADERS: usize = 6;

/// The answer to a refused request. It has the same form as an answer of the service, so that every Ably SDK
/// understands it.
///
/// As a response it has the status, a body `{"error": …}`, and the code and the message in the headers
/// `X-Ably-Errorcode` and `X-Ably-Errormessage`. The client sees the message: say what to do, and nothing secret.
///
/// ```
/// use ably_auth_backend::{ErrorCode, Refusal};
///
/// let refusal = Refusal::forbidden("the account is closed; ask the support to open it");
/// assert_eq!((refusal.status(), refusal.info().code()), (403, ErrorCode::FORBIDDEN));
/// ```
#[derive(Clone, PartialEq)]
pub struct Refusal(Box<ErrorInfo>);

impl Refusal {
    /// Creates a refusal with a code and its default status.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self(Box::new(ErrorInfo::new(code, message)))
    }

    /// Creates a refusal for a user who is not logged in: 401 with code 40101. An SDK tries its auth URL again later.
    #[must_use]
    pub fn unauthenticated(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::INVALID_CREDENTIALS, message)
    }

    /// Creates a refusal for a user who gets no token: 403 with code 40300. An SDK stops asking its auth URL (`RSA4d`).
    #[must_use]
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::FORBIDDEN, message)
    }

    /// Creates a refusal for a capability that does not permit the operation on the resource: 401 with code 40160.
    #[must_use]
    pub fn not_permitted<'a>(resource: &str, operation: impl Into<OperationName<'a>>) -> Self {
        let message = format!(
            "capability does not permit `{}` on `{}`; ask for a token that has it",
            operation.into().as_str().escape_debug(),
            resource.escape_debug()
        );
        Self::new(ErrorCode::CAPABILITY_REFUSED, message)
    }

    /// Creates a refusal for a request without a credential: 401 with code 40101.
    #[must_use]
    pub fn missing_credential() -> Self {
        Self::unauthenticated("the request has no credentials; send a token as `Authorization: Bearer …`")
    }

    /// Creates a refusal for a token that does not have the form of one: 401 with code 40145.
    #[must_use]
    pub fn malformed_token() -> Self {
        let message = "invalid token: it is not in the format of a token; pass it on exactly as it was issued, without `Bearer` or quotes";
        Self::new(ErrorCode::INVALID_TOKEN, message)
    }

    /// Creates a refusal for a token of another issuer: 401 with code 40143.
    #[must_use]
    pub fn unknown_token() -> Self {
        let message = "this service does not know the token's key or kind; request a new token from the right issuer";
        Self::new(ErrorCode::TOKEN_UNRECOGNISED, message)
    }

    /// Creates a refusal for a revoked token: 401 with code 40141.
    #[must_use]
    pub fn revoked_token() -> Self {
        let message = "the token was revoked; request a new token, if the user is still welcome";
        Self::new(ErrorCode::TOKEN_REVOKED, message)
    }

    /// Creates a refusal for an invalid value that the client sent: with the code of the error, and its text.
    ///
    /// To convert an error with `?` instead makes it a failure of the server.
    ///
    /// ```
    /// use ably_auth_backend::{Capability, Refusal};
    ///
    /// let refusal = Capability::parse_strict("{").map_err(Refusal::invalid_input).unwrap_err();
    /// assert_eq!((refusal.status(), refusal.info().code().as_u32()), (400, 40000));
    /// ```
    #[must_use]
    #[allow(clippy::needless_pass_by_value, reason = "for `map_err`")]
    pub fn invalid_input(error: ably_auth_core::Error) -> Self {
        // Errors of the core quote no secret and end with advice, so their text is used unchanged.
        Self::new(error.ably_code(), error.to_string())
    }

    /// Creates a refusal for a failure of the server: 500 with code 50000. An SDK tries its auth URL again later.
    #[must_use]
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::INTERNAL, message)
    }

    /// Creates a refusal of a body that is too large or incomplete: 413 with code 40009.
    #[must_use]
    pub fn body_too_large(most: usize) -> Self {
        let message = format!("the body has more than {most} bytes, or is incomplete; request less");
        Self::new(ErrorCode::BODY_TOO_LARGE, message)
    }

    /// Creates a refusal of a body that did not arrive in time: 408 with code 40000.
    #[must_use]
    pub fn body_too_slow() -> Self {
        let message = "the body did not arrive in time; send it without delay, or send the params in the query";
        Self::new(ErrorCode::BAD_REQUEST, message).with_status(408)
    }

    /// Sets another HTTP status than the default of the code.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        *self.0 = self.0.with_status(status);
        self
    }

    /// Returns the error in the answer's body.
    #[must_use]
    pub const fn info(&self) -> &ErrorInfo {
        &self.0
    }

    /// Returns the answer's HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.0.status_code()
    }

    /// Returns the answer's headers, except those of its body, for servers that write the body themselves.
    ///
    /// They hold the code, the message and `Cache-Control: no-store`. A 401 also has challenges, which ask for a token,
    /// or for a new token after a token error (40140 to 40149).
    #[must_use]
    pub fn headers(&self) -> HeaderMap {
        let info = self.info();
        let message: String = info.message().chars().take(MAX_HEADER_CHARS).map(visible).collect();
        let mut headers = HeaderMap::with_capacity(USUAL_HEADERS);
        headers.insert(CACHE_CONTROL, NO_STORE);
        headers.insert(ERROR_CODE, HeaderValue::from(info.code().as_u32()));
        headers.insert(ERROR_MESSAGE, HeaderValue::from_str(&message).unwrap_or(HeaderValue::from_static("")));
        if self.status() == StatusCode::UNAUTHORIZED {
            let challenge = if info.code().is_token_error() { STALE_TOKEN_CHALLENGE } else { CHALLENGE };
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        headers
    }
}

impl From<ErrorInfo> for Refusal {
    fn from(info: ErrorInfo) -> Self {
        Self(Box::new(info))
    }
}

/// Converts an invalid value that the server itself made into a 500.
impl From<ably_auth_core::Error> for Refusal {
    fn from(error: ably_auth_core::Error) -> Self {
        Self::internal(error.to_string())
    }
}

impl From<Refusal> for Response<Bytes> {
    fn from(refusal: Refusal) -> Self {
        let mut headers = refusal.headers();
        headers.insert(CONTENT_TYPE, JSON);
        let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&ErrorEnvelope { error: *refusal.0 }).unwrap_or_default();
        let mut response = Self::new(body.into());
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
    }
}

/// Replaces characters that a header must not contain.
const fn visible(c: char) -> char {
    if c.is_ascii_graphic() || c == ' ' { c } else { '?' }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Refusal({self})")
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenge_is_stale_for_token_errors_only() {
        for code in [40140, 40141, 40142, 40143, 40144, 40145, 40149] {
            let headers = Refusal::new(ErrorCode::new(code), "").with_status(401).headers();
            assert_eq!(headers[WWW_AUTHENTICATE], STALE_TOKEN_CHALLENGE, "{code}");
        }
        for code in [40005, 40101, 40131, 40150, 40160, 40400] {
            let headers = Refusal::new(ErrorCode::new(code), "").with_status(401).headers();
            assert_eq!(headers[WWW_AUTHENTICATE], CHALLENGE, "{code}");
        }
        for (code, status) in [(40142, 403), (40300, 403), (50000, 500)] {
            let headers = Refusal::new(ErrorCode::new(code), "").with_status(status).headers();
            assert!(!headers.contains_key(WWW_AUTHENTICATE), "{code} {status}");
        }
    }
}
