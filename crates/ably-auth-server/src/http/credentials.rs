//! The credentials of a request.

use std::borrow::Cow;

use ably_auth_core::{ApiKey, ErrorCode, Identity, Token};
use http::header::AUTHORIZATION;
use http::request::Parts;

use super::route::queries;
use crate::policy::authenticate::Credential;
use crate::refusal::Refusal;
use crate::token;

/// Reads the credential of a request. The header takes precedence over the query, which is for clients that cannot set
/// headers.
pub(super) fn read(parts: &Parts) -> Result<Option<Credential>, Refusal> {
    let mut headers = parts.headers.get_all(AUTHORIZATION).iter();
    if let Some(header) = headers.next() {
        if headers.next().is_some() {
            return Err(invalid_header("there is more than one"));
        }
        let text = header.to_str().map_err(|_| invalid_header("it is not plain ASCII"))?;
        return from_header(text).map(Some);
    }
    if let Some(key) = only(parts, &["key"])? {
        return as_key(ApiKey::parse(&key)).map(Some);
    }
    let token = only(parts, &["accessToken", "access_token"])?;
    token.map(|token| bearer(&token)).transpose()
}

/// Returns the query's only value under one of the names. Refuses more than one, because readers differ in which counts.
fn only<'a>(parts: &'a Parts, names: &[&str]) -> Result<Option<Cow<'a, str>>, Refusal> {
    let mut values = queries(parts, names);
    let value = values.next();
    if values.next().is_some() {
        let message = "the query has more than one key, or more than one token; send one";
        return Err(Refusal::new(ErrorCode::INVALID_CREDENTIAL, message).with_status(401));
    }
    Ok(value)
}

fn from_header(text: &str) -> Result<Credential, Refusal> {
    let text = text.trim();
    let (scheme, value) = text.split_once(' ').unwrap_or((text, ""));
    let value = value.trim();
    if scheme.eq_ignore_ascii_case("basic") {
        as_key(ApiKey::from_basic(value))
    } else if scheme.eq_ignore_ascii_case("bearer") {
        bearer(value)
    } else {
        let message = "invalid Authorization header: unknown scheme; use `Bearer` with a token or `Basic` with a key";
        Err(Refusal::new(ErrorCode::INVALID_CREDENTIALS, message))
    }
}

fn as_key(key: Result<ApiKey, ably_auth_core::Error>) -> Result<Credential, Refusal> {
    key.map(Credential::Key).map_err(|error| Refusal::from(error).with_status(401))
}

fn bearer(text: &str) -> Result<Credential, Refusal> {
    Token::from_bearer(text).map(Credential::Token).map_err(|_| token::malformed())
}

/// Returns the clientId that the sender wants to act as (`RSA7e2`).
pub(super) fn claimed_identity(parts: &Parts) -> Result<Option<Identity>, Refusal> {
    let mut headers = parts.headers.get_all("x-ably-clientid").iter();
    let Some(header) = headers.next() else {
        return Ok(None);
    };
    if headers.next().is_some() {
        let message = "more than one X-Ably-ClientId header; send one";
        return Err(Refusal::new(ErrorCode::INVALID_CLIENT_ID, message));
    }
    // A value that is not ASCII is not base64 either, so it is refused like an empty one.
    Ok(Some(Identity::from_base64(header.to_str().unwrap_or_default())?))
}

pub(super) fn missing() -> Refusal {
    let message = "the request has no credentials; send a token as `Authorization: Bearer …`";
    Refusal::new(ErrorCode::INVALID_CREDENTIALS, message)
}

pub(super) fn key_without_tls() -> Refusal {
    let message = "a key must not be sent without TLS; use a token, or serve with TLS, or as a sandbox on loopback";
    Refusal::new(ErrorCode::BASIC_AUTH_WITHOUT_TLS, message)
}

fn invalid_header(problem: &str) -> Refusal {
    let message = format!(
        "invalid Authorization header: {problem}; send `Bearer` with a token or `Basic` with the base64 of a key"
    );
    Refusal::new(ErrorCode::INVALID_CREDENTIAL, message).with_status(401)
}
