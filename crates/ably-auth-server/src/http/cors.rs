//! Pages in browsers: which may ask, and what they may see of the answers.
//!
//! A token is all that a request needs, and a page has it or has not; nothing here goes by cookies. So pages from anywhere
//! may ask, except in a sandbox, which takes requests without credentials and answers only the pages that `sandbox` names.
//!
//! Ably's SDK for browsers sends each request with an `Authorization` header in the credentials mode `include`. A page reads
//! the response to such a request only with `Access-Control-Allow-Credentials`, and only if its origin is named.

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

/// What SDKs send, if a browser does not say what it is about to.
const USUAL_HEADERS: &str = "Authorization, Content-Type, X-Ably-ClientId, X-Ably-Version, Ably-Agent";

/// How long a browser need not ask again, in seconds: no browser remembers for longer than two hours.
const MAX_AGE: &str = "7200";

/// Adds what a browser wants to know, if it is one that asks.
pub(super) fn add(state: &State, parts: &Parts, answer: &mut HeaderMap) {
    let Some(origin) = parts.headers.get(ORIGIN) else {
        return;
    };
    if state.sandbox && !sandbox::answers_page(&state.sandbox_access, parts) {
        answer.insert(VARY, HeaderValue::from_static("Origin"));
        return;
    }
    if state.sandbox || shows_credentials(parts) {
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
        let asked = parts.headers.get(ACCESS_CONTROL_REQUEST_HEADERS).cloned();
        let allowed = asked.unwrap_or(HeaderValue::from_static(USUAL_HEADERS));
        answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, allowed);
        answer.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(MAX_AGE));
    }
}

/// Returns true if the page itself shows a token, or asks in a preflight to send an `Authorization` header.
///
/// A browser adds a key that it remembers (Basic) by itself, for any page. So `Basic` alone does not count.
fn shows_credentials(parts: &Parts) -> bool {
    let text = |name| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let scheme = text(AUTHORIZATION).split(' ').next().unwrap_or_default();
    let asked = text(ACCESS_CONTROL_REQUEST_HEADERS);
    scheme.eq_ignore_ascii_case("bearer")
        || asked.split(',').any(|name| name.trim().eq_ignore_ascii_case("authorization"))
}
