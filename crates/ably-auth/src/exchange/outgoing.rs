//! Requests to the service, with the headers that each of them has.

use ably_auth_core::{ApiKey, Identity, Token};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Method, Request, Uri};
use serde::Serialize;

use crate::error::Error;

/// The header with the version of the protocol.
pub const X_ABLY_VERSION: HeaderName = HeaderName::from_static("x-ably-version");
/// The header with the clientId of the request, in base64 (`RSA7e2`).
pub const X_ABLY_CLIENT_ID: HeaderName = HeaderName::from_static("x-ably-clientid");

const ABLY_AGENT: HeaderName = HeaderName::from_static("ably-agent");
const PROTOCOL_VERSION: HeaderValue = HeaderValue::from_static("6");
const AGENT: HeaderValue = HeaderValue::from_static(concat!("ably-auth-rust/", env!("CARGO_PKG_VERSION")));
pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A value of the `Authorization` header. It is marked as sensitive, so neither `Debug` nor HTTP libraries show it.
///
/// ```
/// use ably_auth::exchange::Authorization;
/// use ably_auth::{ApiKey, Token};
///
/// let key = ApiKey::parse("app.key:secret")?;
/// assert_eq!(Authorization::basic(&key).header(), "Basic YXBwLmtleTpzZWNyZXQ=");
/// assert_eq!(Authorization::bearer(&Token::new("xVLyHw.Dtxd9tuz")?).header(), "Bearer xVLyHw.Dtxd9tuz");
/// assert_eq!(format!("{:?}", Authorization::basic(&key)), "Authorization(Sensitive)");
/// # Ok::<(), ably_auth::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Authorization(HeaderValue);

impl Authorization {
    /// Creates the value for Basic authentication, with the key itself (`RSA2`).
    #[must_use]
    pub fn basic(key: &ApiKey) -> Self {
        let text = [key.key_name().as_str(), ":", key.secret().expose()].concat();
        Self::of("Basic ", &STANDARD.encode(text))
    }

    /// Creates the value for token authentication (`RSA3a`).
    #[must_use]
    pub fn bearer(token: &Token) -> Self {
        Self::of("Bearer ", token.expose())
    }

    fn of(scheme: &str, credentials: &str) -> Self {
        // Base64 and tokens are visible ASCII, so `from_str` does not fail. If it did, the request would have no
        // credentials, rather than wrong ones.
        let mut value = HeaderValue::from_str(&[scheme, credentials].concat()).unwrap_or(HeaderValue::from_static(""));
        value.set_sensitive(true);
        Self(value)
    }

    /// Returns the header's value.
    #[must_use]
    pub const fn header(&self) -> &HeaderValue {
        &self.0
    }
}

/// Creates a request for a JSON response, without credentials.
pub(super) fn request(method: Method, uri: Uri, body: Bytes) -> Request<Bytes> {
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    if !request.body().is_empty() {
        request.headers_mut().insert(CONTENT_TYPE, JSON);
    }
    add_common_headers(&mut request);
    request
}

/// Adds the headers for the response format, the protocol version and the library, unless the request has them.
pub(super) fn add_common_headers(request: &mut Request<Bytes>) {
    let headers = request.headers_mut();
    for (name, value) in [(ACCEPT, JSON), (X_ABLY_VERSION, PROTOCOL_VERSION), (ABLY_AGENT, AGENT)] {
        headers.entry(name).or_insert(value);
    }
}

pub(crate) fn authorize<B>(request: &mut Request<B>, authorization: &Authorization) {
    request.headers_mut().insert(AUTHORIZATION, authorization.0.clone());
}

pub(crate) fn assume_identity<B>(request: &mut Request<B>, identity: &Identity) {
    if let Ok(value) = HeaderValue::from_str(&STANDARD.encode(identity.as_str())) {
        request.headers_mut().insert(X_ABLY_CLIENT_ID, value);
    }
}

pub(super) fn json(body: &impl Serialize) -> Result<Bytes, Error> {
    serde_json::to_vec(body)
        .map(Bytes::from)
        .map_err(|_| Error::configuration("invalid body: it cannot be written as JSON"))
}
