//! CORS: which web pages may send requests, and which headers of the responses they may read.
//!
//! A request is authorized by the token that it carries, never by a cookie. So pages of any origin may send requests. A
//! sandbox is the exception: it accepts requests without credentials, so it answers only the pages that `sandbox`
//! permits.
//!
//! Ably's SDK for browsers sends each request with an `Authorization` header in the credentials mode `include`. A page
//! reads the response to such a request only with `Access-Control-Allow-Credentials`, and only if its origin is named.

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ALLOW, AUTHORIZATION, ORIGIN, VARY,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method};

use super::sandbox;
use crate::state::State;

const EXPOSED: &str = "Link, X-Ably-Errorcode, X-Ably-Errormessage, X-Ably-RequestId";

/// The headers that SDKs send. They are allowed if a preflight request names no headers.
const DEFAULT_ALLOWED_HEADERS: &str = "Authorization, Content-Type, X-Ably-ClientId, X-Ably-Version, Ably-Agent";

/// The time for which a browser may cache a preflight response, in seconds. Chromium caches it for two hours at most.
const MAX_AGE: &str = "7200";

/// Adds the CORS headers to an answer, if a web page sent the request.
pub(super) fn add(state: &State, parts: &Parts, answer: &mut HeaderMap) {
    let Some(origin) = parts.headers.get(ORIGIN) else {
        return;
    };
    if state.sandbox && !sandbox::answers_page(&state.sandbox_access, parts) {
        answer.insert(VARY, HeaderValue::from_static("Origin"));
        return;
    }
    if state.sandbox || sends_credentials(parts) {
        answer.insert(VARY, HeaderValue::from_static("Origin"));
        answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        answer.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    } else {
        answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    }
    answer.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    if parts.method == Method::OPTIONS && parts.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD) {
        if let Some(methods) = answer.get(ALLOW).cloned() {
            answer.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
        }
        let requested = parts.headers.get(ACCESS_CONTROL_REQUEST_HEADERS).cloned();
        let allowed = requested.unwrap_or(HeaderValue::from_static(DEFAULT_ALLOWED_HEADERS));
        answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, allowed);
        answer.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(MAX_AGE));
    }
}

/// Returns true if the page itself sends a token, or its preflight request names the `Authorization` header.
///
/// A browser remembers a key (`Basic`) and sends it for any page. So `Basic` alone does not count.
fn sends_credentials(parts: &Parts) -> bool {
    let text = |name| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let scheme = text(AUTHORIZATION).split(' ').next().unwrap_or_default();
    let requested = text(ACCESS_CONTROL_REQUEST_HEADERS);
    scheme.eq_ignore_ascii_case("bearer")
        || requested.split(',').any(|name| name.trim().eq_ignore_ascii_case("authorization"))
}
