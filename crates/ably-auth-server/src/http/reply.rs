//! The answer to a request.

use std::sync::Arc;

use ably_auth_core::{ErrorCode, ErrorEnvelope};
use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName, LINK, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use serde::Serialize;

use super::format::Format;
use crate::limits::budget::Permit;
use crate::refusal::Refusal;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-ably-requestid");

/// The initial capacity for headers. All headers of an answer fit, except those for CORS.
const INITIAL_HEADERS: usize = 8;

pub(super) struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    /// The error code, if the request was refused.
    pub(super) code: Option<ErrorCode>,
    permit: Option<Permit>,
}

impl Reply {
    pub(super) fn new<T: Serialize + ?Sized>(status: StatusCode, body: &T, format: Format) -> Result<Self, Refusal> {
        Ok(Self::encoded(status, format.encode(body)?, format))
    }

    /// Creates a response from a body that is already encoded.
    pub(super) fn encoded(status: StatusCode, body: Vec<u8>, format: Format) -> Self {
        let headers = HeaderMap::with_capacity(INITIAL_HEADERS);
        let mut reply = Self { status, headers, body: body.into(), code: None, permit: None };
        reply.headers.insert(CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
        reply
    }

    #[cfg(feature = "console")]
    pub(super) const fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns the size of the body, in bytes.
    pub(super) const fn size(&self) -> usize {
        self.body.len()
    }

    /// Attaches the permit that counts the body as in flight until the response is written or dropped.
    pub(super) fn with_permit(mut self, permit: Permit) -> Self {
        self.permit = Some(permit);
        self
    }

    pub(super) fn empty() -> Self {
        Self { status: StatusCode::NO_CONTENT, headers: HeaderMap::new(), body: Bytes::new(), code: None, permit: None }
    }

    pub(super) const fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    pub(super) fn with_headers(mut self, headers: impl IntoIterator<Item = (HeaderName, HeaderValue)>) -> Self {
        self.headers.extend(headers);
        self
    }

    /// Creates a plain-text response for people.
    pub(super) fn text(text: String) -> Self {
        let mut reply = Self { status: StatusCode::OK, body: text.into(), ..Self::empty() };
        reply.headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        reply
    }

    /// Sets the body, whose type is a header.
    #[cfg(feature = "console")]
    pub(super) fn with_body(mut self, body: Bytes) -> Self {
        self.body = body;
        self
    }

    /// Adds a `Link` header line for each link: several SDKs read only one link from a line.
    pub(super) fn with_links(mut self, links: Vec<String>) -> Self {
        for link in links {
            if let Ok(link) = HeaderValue::from_str(&link) {
                self.headers.append(LINK, link);
            }
        }
        self
    }

    /// Adds the error to the headers, for clients that do not read the body.
    pub(super) fn with_error(mut self, refusal: &ably_auth_backend::Refusal) -> Self {
        self.code = Some(refusal.info().code());
        self.headers.extend(refusal.headers());
        self
    }

    /// Creates the response to `OPTIONS`, with the methods that the path accepts.
    pub(super) fn options(methods: &'static str) -> Self {
        let mut reply = Self::empty();
        reply.headers.insert(ALLOW, HeaderValue::from_static(methods));
        reply
    }

    pub(super) fn error(refusal: &Refusal, format: Format, request_id: &str) -> Self {
        let body = ErrorEnvelope { error: refusal.info().clone().with_request_id(request_id) };
        Self::error_with_body(refusal, &body, format)
    }

    /// Creates the response for a refusal, with a body other than the usual one.
    pub(super) fn error_with_body<T: Serialize>(refusal: &Refusal, body: &T, format: Format) -> Self {
        let status = StatusCode::from_u16(refusal.info().status_code()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut reply = Self::new(status, body, format).unwrap_or_else(|_| Self::empty()).with_error(refusal.of_any());
        reply.status = status;
        if let Some(methods) = refusal.allow() {
            reply.headers.insert(ALLOW, HeaderValue::from_static(methods));
        }
        if let Some(wait) = refusal.retry_after() {
            // Whole seconds, rounded up so that the client does not retry too early.
            let seconds = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1);
            reply.headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        reply
    }

    pub(super) fn into_response(self, request_id: &str) -> Response<Bytes> {
        let mut response = Response::new(self.body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        if let Some(permit) = self.permit {
            response.extensions_mut().insert(Arc::new(permit));
        }
        // Answers contain secrets, or data that is soon outdated.
        response.headers_mut().entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        if let Ok(request_id) = HeaderValue::from_str(request_id) {
            response.headers_mut().insert(REQUEST_ID, request_id);
        }
        response
    }
}
