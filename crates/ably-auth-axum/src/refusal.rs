//! A request that is not granted, and what its answer says.

use std::fmt;

use ably_auth_core::capability::OperationName;
use ably_auth_core::{ErrorCode, ErrorEnvelope, ErrorInfo};
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};

const ERROR_CODE: HeaderName = HeaderName::from_static("x-ably-errorcode");
const ERROR_MESSAGE: HeaderName = HeaderName::from_static("x-ably-errormessage");
pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");
pub(crate) const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// The challenges of a 401, in one header: SDKs read only the first scheme, and ably-java fails if that is `Bearer`.
const CHALLENGE: &str = r#"x-ably-token realm="ably", Bearer realm="ably""#;

/// The challenges of a 401 for a token error: `stale` tells SDKs to renew the token.
const STALE_TOKEN_CHALLENGE: &str = r#"x-ably-token realm="ably", stale="true", Bearer realm="ably""#;

/// A longer message is cut in the header; the body has it whole.
const MAX_HEADER_CHARS: usize = 400;

/// So many headers a refusal has at most, with those of its body.
const USUAL_HEADERS: usize = 6;

/// The answer to a request that is not granted, in the form in which the service answers, so that every Ably SDK knows what
/// to make of it.
///
/// As a response it has the status, `{"error": …}` as its body, and the code and the message in the headers
/// `X-Ably-Errorcode` and `X-Ably-Errormessage`. Its message goes to the client: say what to do, and nothing secret.
///
/// ```
/// use ably_auth_axum::{ErrorCode, Refusal};
///
/// let refusal = Refusal::forbidden("the account is closed; ask the support to open it");
/// assert_eq!((refusal.status(), refusal.info().code()), (403, ErrorCode::FORBIDDEN));
/// ```
#[derive(Clone, PartialEq)]
pub struct Refusal(Box<ErrorInfo>);

impl Refusal {
    /// A refusal of that code, with its usual status.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self(Box::new(ErrorInfo::new(code, message)))
    }

    /// Nobody is logged in: 401 with code 40101. An SDK whose auth URL answers so tries again later.
    #[must_use]
    pub fn unauthenticated(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::INVALID_CREDENTIALS, message)
    }

    /// This user gets no token: 403 with code 40300. An SDK whose auth URL answers so stops asking (`RSA4d`).
    #[must_use]
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::FORBIDDEN, message)
    }

    /// A capability does not permit that operation on that resource: 401 with code 40160.
    #[must_use]
    pub fn not_permitted<'a>(resource: &str, operation: impl Into<OperationName<'a>>) -> Self {
        let message = format!(
            "capability does not permit `{}` on `{}`; ask for a token that has it",
            operation.into().as_str().escape_debug(),
            resource.escape_debug()
        );
        Self::new(ErrorCode::CAPABILITY_REFUSED, message)
    }

    /// The server failed: 500 with code 50000. An SDK whose auth URL answers so tries again later.
    #[must_use]
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::INTERNAL, message)
    }

    /// The same refusal with another HTTP status than is usual for its code.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        *self.0 = self.0.with_status(status);
        self
    }

    /// The error that the answer holds.
    #[must_use]
    pub const fn info(&self) -> &ErrorInfo {
        &self.0
    }

    /// The answer's HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.0.status_code()
    }

    /// Returns the answer's headers, except those of its body, for servers that write the answer without axum.
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

/// A value that the server made is not in the form of one: its own mistake, so 500.
impl From<ably_auth_core::Error> for Refusal {
    fn from(error: ably_auth_core::Error) -> Self {
        Self::internal(error.to_string())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut headers = self.headers();
        headers.insert(CONTENT_TYPE, JSON);
        let status = StatusCode::from_u16(self.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&ErrorEnvelope { error: *self.0 }).unwrap_or_default();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
    }
}

/// A header carries visible ASCII and spaces.
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
    fn challenge_says_whether_the_token_is_stale() {
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
