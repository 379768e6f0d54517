//! The credential of a request, and the identity that its sender wants to act as.
//!
//! [`Authenticator`](crate::Authenticator) does all of this for a backend that accepts tokens. Use the functions for a
//! server that also accepts keys.
//!
//! ```
//! use ably_auth_backend::credentials::{self, Accepted, Credential};
//!
//! let request = http::Request::get("/time").header("Authorization", "Basic YXBwSWQua2V5SWQ6c2VjcmV0").body(())?;
//! let credential = credentials::from_headers(request.headers(), Accepted::TokensAndKeys)?;
//! let Some(Credential::Key(key)) = credential else { panic!("the request has a key") };
//! assert_eq!(key.key_name().as_str(), "appId.keyId");
//!
//! let refusal = credentials::from_headers(request.headers(), Accepted::Tokens).unwrap_err();
//! assert_eq!(refusal.info().code().as_u32(), 40101);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::borrow::Cow;

use ably_auth_core::{ApiKey, ClientId, ErrorCode, Identity, Token};
use http::header::AUTHORIZATION;
use http::{HeaderMap, Uri};

use crate::refusal::Refusal;

/// The credential of a request. It is not verified yet.
///
/// ```
/// use ably_auth_backend::credentials::{self, Accepted, Credential};
///
/// let request = http::Request::get("/time").header("Authorization", "Bearer xVLyHw.Dtxd9tuz").body(())?;
/// match credentials::from_headers(request.headers(), Accepted::TokensAndKeys)? {
///     Some(Credential::Token(token)) => assert_eq!(token.expose(), "xVLyHw.Dtxd9tuz"),
///     Some(Credential::Key(_)) | None => panic!("the request has a token"),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Credential {
    /// An API key.
    Key(ApiKey),
    /// A token.
    Token(Token),
}

/// The kinds of credentials that a server accepts.
///
/// ```
/// use ably_auth_backend::credentials::{self, Accepted};
///
/// let request = http::Request::get("/").header("Authorization", "Basic YXBwSWQua2V5SWQ6c2VjcmV0").body(())?;
/// assert!(credentials::from_headers(request.headers(), Accepted::TokensAndKeys).is_ok());
/// assert!(credentials::from_headers(request.headers(), Accepted::Tokens).is_err());
/// # Ok::<(), http::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// Tokens only. A key in the header is refused, and a key in the query is ignored.
    Tokens,
    /// Tokens and keys.
    TokensAndKeys,
}

/// Reads the credential in the `Authorization` header, if there is one. A token or a key may be in base64.
///
/// # Errors
/// - 40005 with status 401 if there is more than one header, or it is not ASCII, or its key is malformed;
/// - 40145 if the token is malformed;
/// - 40101 if the scheme is unknown, or if it is `Basic` and no keys are accepted.
pub fn from_headers(headers: &HeaderMap, accepted: Accepted) -> Result<Option<Credential>, Refusal> {
    let mut headers = headers.get_all(AUTHORIZATION).iter();
    let Some(header) = headers.next() else {
        return Ok(None);
    };
    let invalid = |problem: &str| {
        let message = format!("invalid Authorization header: {problem}; send {}", accepted.schemes());
        Refusal::new(ErrorCode::INVALID_CREDENTIAL, message).with_status(401)
    };
    if headers.next().is_some() {
        return Err(invalid("there is more than one"));
    }
    let text = header.to_str().map_err(|_| invalid("it is not plain ASCII"))?.trim();
    let (scheme, value) = text.split_once(' ').unwrap_or((text, ""));
    let value = value.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        token(value).map(Some)
    } else if !scheme.eq_ignore_ascii_case("basic") {
        let message = format!("invalid Authorization header: unknown scheme; send {}", accepted.schemes());
        Err(Refusal::new(ErrorCode::INVALID_CREDENTIALS, message))
    } else if accepted == Accepted::TokensAndKeys {
        key(ApiKey::from_basic(value)).map(Some)
    } else {
        Err(key_not_accepted())
    }
}

/// Reads the credential in the query, if there is one, for clients that cannot set headers: `key`, and `accessToken` or
/// `access_token`. A key takes precedence over a token.
///
/// # Errors
/// - 40005 with status 401 if there is more than one key or more than one token, or the key is malformed;
/// - 40145 if the token is malformed.
pub fn from_query(uri: &Uri, accepted: Accepted) -> Result<Option<Credential>, Refusal> {
    if accepted == Accepted::TokensAndKeys {
        if let Some(text) = only(uri, &["key"], "key")? {
            return key(ApiKey::parse(&text)).map(Some);
        }
    }
    let text = only(uri, &["accessToken", "access_token"], "token")?;
    text.map(|text| token(&text)).transpose()
}

/// Returns the only value in the query under one of the names. Refuses several, because servers differ in which counts.
fn only<'a>(uri: &'a Uri, names: &[&str], what: &str) -> Result<Option<Cow<'a, str>>, Refusal> {
    let pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let mut values = pairs.filter(|(name, _)| names.contains(&&**name)).map(|(_, value)| value);
    let value = values.next();
    if values.next().is_some() {
        let message = format!("the query has more than one {what}; send one, as `Authorization` header if possible");
        return Err(Refusal::new(ErrorCode::INVALID_CREDENTIAL, message).with_status(401));
    }
    Ok(value)
}

/// Reads the identity that the sender wants to act as (`RSA7e2`): the header `X-Ably-ClientId`, if there is one.
///
/// # Errors
/// 40012 if there is more than one header, or it is not the base64 of an identity.
pub fn claimed_identity(headers: &HeaderMap) -> Result<Option<Identity>, Refusal> {
    let mut headers = headers.get_all("x-ably-clientid").iter();
    let Some(header) = headers.next() else {
        return Ok(None);
    };
    // A proxy, or the server behind it, may use the other header.
    if headers.next().is_some() {
        let message = "invalid X-Ably-ClientId header: there is more than one; send one";
        return Err(Refusal::new(ErrorCode::INVALID_CLIENT_ID, message));
    }
    // A value that is not ASCII is not base64 either, so it is refused like an empty one.
    let identity = Identity::from_base64(header.to_str().unwrap_or_default());
    identity.map(Some).map_err(Refusal::invalid_input)
}

/// Returns the identity that a sender acts as, if any (`RSA7`): the claimed one, or else the one of the credential.
/// `client_id` is the clientId of the credential; that of a key is [`ClientId::Any`].
///
/// # Errors
/// 40102 if the credential does not permit the claimed identity.
pub fn acting_identity(claimed: Option<Identity>, client_id: &ClientId) -> Result<Option<Identity>, Refusal> {
    match (claimed, client_id) {
        (Some(claimed), client_id) if client_id.permits(claimed.as_str()) => Ok(Some(claimed)),
        (Some(_), _) => {
            let message = "the credential does not permit this clientId; use one that was issued for it";
            Err(Refusal::new(ErrorCode::INCOMPATIBLE_CREDENTIALS, message))
        }
        (None, ClientId::Identified(identity)) => Ok(Some(identity.clone())),
        (None, ClientId::None | ClientId::Any) => Ok(None),
    }
}

impl Accepted {
    const fn schemes(self) -> &'static str {
        match self {
            Self::Tokens => "`Bearer` with a token",
            Self::TokensAndKeys => "`Bearer` with a token or `Basic` with the base64 of a key",
        }
    }
}

fn key(key: Result<ApiKey, ably_auth_core::Error>) -> Result<Credential, Refusal> {
    key.map(Credential::Key).map_err(|error| Refusal::invalid_input(error).with_status(401))
}

fn token(text: &str) -> Result<Credential, Refusal> {
    Token::from_bearer(text).map(Credential::Token).map_err(|_| Refusal::malformed_token())
}

pub(crate) fn key_not_accepted() -> Refusal {
    let message = "this service accepts tokens, not keys; send a token as `Authorization: Bearer …`, and keep the key on \
                   your servers";
    Refusal::new(ErrorCode::INVALID_CREDENTIALS, message)
}
