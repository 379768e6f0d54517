//! Parsing of credentials in requests.

use ably_auth_core::{ErrorCode, Identity, Token};
use http::header::AUTHORIZATION;
use http::{HeaderMap, Uri};

use crate::refusal::Refusal;

/// Returns the token in the `Authorization` header, if there is one.
pub(crate) fn from_headers(headers: &HeaderMap) -> Result<Option<Token>, Refusal> {
    let mut headers = headers.get_all(AUTHORIZATION).iter();
    let Some(header) = headers.next() else {
        return Ok(None);
    };
    if headers.next().is_some() {
        return Err(invalid_credential("more than one Authorization header"));
    }
    let text = header.to_str().map_err(|_| invalid_credential("the Authorization header is not ASCII"))?.trim();
    let (scheme, value) = text.split_once(' ').unwrap_or((text, ""));
    if scheme.eq_ignore_ascii_case("bearer") {
        bearer(value.trim()).map(Some)
    } else if scheme.eq_ignore_ascii_case("basic") {
        let message = "this service accepts tokens, not keys; send a token as `Authorization: Bearer …`, and keep the \
                       key on your servers";
        Err(Refusal::new(ErrorCode::INVALID_CREDENTIALS, message))
    } else {
        let message = "unknown scheme in the Authorization header; send a token as `Authorization: Bearer …`";
        Err(Refusal::new(ErrorCode::INVALID_CREDENTIALS, message))
    }
}

/// Returns the token in the query, if there is one, for clients that cannot set headers.
pub(crate) fn from_query(uri: &Uri) -> Result<Option<Token>, Refusal> {
    let pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let mut tokens = pairs.filter(|(name, _)| matches!(&**name, "accessToken" | "access_token"));
    let token = tokens.next();
    if tokens.next().is_some() {
        return Err(invalid_credential("the query has more than one token"));
    }
    token.map(|(_, token)| bearer(&token)).transpose()
}

fn bearer(text: &str) -> Result<Token, Refusal> {
    Token::from_bearer(text).map_err(|_| {
        let message = "invalid token: it is not in the format of a token; pass it on exactly as it was issued";
        Refusal::new(ErrorCode::INVALID_TOKEN, message)
    })
}

/// Returns the identity that the sender wants to act as (`RSA7e2`), if it names one.
pub(crate) fn claimed_identity(headers: &HeaderMap) -> Result<Option<Identity>, Refusal> {
    let mut headers = headers.get_all("x-ably-clientid").iter();
    let Some(header) = headers.next() else {
        return Ok(None);
    };
    if headers.next().is_some() {
        let message = "more than one X-Ably-ClientId header; send one";
        return Err(Refusal::new(ErrorCode::INVALID_CLIENT_ID, message));
    }
    let invalid = || {
        let message =
            "invalid X-Ably-ClientId header: it is not the base64 of a clientId; encode it, or omit the header";
        Refusal::new(ErrorCode::INVALID_CLIENT_ID, message)
    };
    let identity = header.to_str().ok().and_then(|text| Identity::from_base64(text).ok());
    identity.map(Some).ok_or_else(invalid)
}

pub(crate) fn missing() -> Refusal {
    let message = "the request has no token; send one as `Authorization: Bearer …`";
    Refusal::new(ErrorCode::INVALID_CREDENTIALS, message)
}

fn invalid_credential(problem: &str) -> Refusal {
    let message = format!("{problem}; send one `Authorization: Bearer …` with a token");
    Refusal::new(ErrorCode::INVALID_CREDENTIAL, message).with_status(401)
}
