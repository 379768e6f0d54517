//! Credentials as a request carries them.

use ably_auth_core::{ErrorCode, Identity, Token};
use http::header::AUTHORIZATION;
use http::{HeaderMap, Uri};

use crate::refusal::Refusal;

/// The token of a request's `Authorization` header, if it has one.
pub(crate) fn from_headers(headers: &HeaderMap) -> Result<Option<Token>, Refusal> {
    let mut headers = headers.get_all(AUTHORIZATION).iter();
    let Some(header) = headers.next() else {
        return Ok(None);
    };
    if headers.next().is_some() {
        return Err(not_a_credential("there is more than one Authorization header"));
    }
    let text = header.to_str().map_err(|_| not_a_credential("the Authorization header is not plain ASCII"))?.trim();
    let (scheme, value) = text.split_once(' ').unwrap_or((text, ""));
    if scheme.eq_ignore_ascii_case("bearer") {
        bearer(value.trim()).map(Some)
    } else if scheme.eq_ignore_ascii_case("basic") {
        let message = "this service takes tokens and no keys; send a token as `Authorization: Bearer …`, and keep the \
                       key on your servers";
        Err(Refusal::new(ErrorCode::INVALID_CREDENTIALS, message))
    } else {
        let message = "the Authorization header's scheme is unknown; send a token as `Authorization: Bearer …`";
        Err(Refusal::new(ErrorCode::INVALID_CREDENTIALS, message))
    }
}

/// The token of a request's query, for who cannot set headers.
pub(crate) fn from_query(uri: &Uri) -> Result<Option<Token>, Refusal> {
    let pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let mut tokens = pairs.filter(|(name, _)| matches!(&**name, "accessToken" | "access_token"));
    let token = tokens.next();
    if tokens.next().is_some() {
        return Err(not_a_credential("the query has more than one token"));
    }
    token.map(|(_, token)| bearer(&token)).transpose()
}

fn bearer(text: &str) -> Result<Token, Refusal> {
    Token::from_bearer(text).map_err(|_| {
        let message = "the token is not in the form of one; pass it on exactly as it was issued";
        Refusal::new(ErrorCode::INVALID_TOKEN, message)
    })
}

/// As whom the sender wants to act (`RSA7e2`).
pub(crate) fn claimed_identity(headers: &HeaderMap) -> Result<Option<Identity>, Refusal> {
    let mut headers = headers.get_all("x-ably-clientid").iter();
    let Some(header) = headers.next() else {
        return Ok(None);
    };
    if headers.next().is_some() {
        let message = "the request has more than one X-Ably-ClientId header; send one";
        return Err(Refusal::new(ErrorCode::INVALID_CLIENT_ID, message));
    }
    let unfit = || {
        let message = "the X-Ably-ClientId header is not the base64 of a clientId; encode it, or leave the header out";
        Refusal::new(ErrorCode::INVALID_CLIENT_ID, message)
    };
    let identity = header.to_str().ok().and_then(|text| Identity::from_base64(text).ok());
    identity.map(Some).ok_or_else(unfit)
}

pub(crate) fn missing() -> Refusal {
    let message = "the request shows no token; send one as `Authorization: Bearer …`";
    Refusal::new(ErrorCode::INVALID_CREDENTIALS, message)
}

fn not_a_credential(problem: &str) -> Refusal {
    let message = format!("{problem}; send one `Authorization: Bearer …` with a token");
    Refusal::new(ErrorCode::INVALID_CREDENTIAL, message).with_status(401)
}
