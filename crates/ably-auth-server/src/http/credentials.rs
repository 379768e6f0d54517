//! Credentials as a request carries them.

use ably_auth_core::{ApiKey, ErrorCode, Identity, Token};
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::header::AUTHORIZATION;

use super::call::Call;
use crate::authenticate::Credential;
use crate::refusal::Refusal;
use crate::token;

/// Padded or not: senders differ.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The header is believed before the query, which is for who cannot set headers.
pub(super) fn read(call: &Call<'_>) -> Result<Option<Credential>, Refusal> {
    let mut headers = call.parts.headers.get_all(AUTHORIZATION).iter();
    if let Some(header) = headers.next() {
        if headers.next().is_some() {
            return Err(not_a_credential("there is more than one Authorization header"));
        }
        let text = header.to_str().map_err(|_| not_a_credential("the Authorization header is not plain ASCII"))?;
        return from_header(text).map(Some);
    }
    if let Some(key) = call.query("key") {
        return api_key(&key).map(|key| Some(Credential::Key(key)));
    }
    let token = ["accessToken", "access_token"].into_iter().find_map(|name| call.query(name));
    token.map(|token| bearer(&token)).transpose()
}

fn from_header(text: &str) -> Result<Credential, Refusal> {
    let text = text.trim();
    let (scheme, value) = text.split_once(' ').unwrap_or((text, ""));
    let value = value.trim();
    if scheme.eq_ignore_ascii_case("basic") {
        let key = decode(value).ok_or_else(|| not_a_credential("what follows `Basic` is not the base64 of a key"))?;
        api_key(&key).map(Credential::Key)
    } else if scheme.eq_ignore_ascii_case("bearer") {
        bearer(value)
    } else {
        let message = "the Authorization header's scheme is unknown; use `Bearer` with a token or `Basic` with a key";
        Err(Refusal::new(ErrorCode::INVALID_CREDENTIALS, message))
    }
}

fn api_key(text: &str) -> Result<ApiKey, Refusal> {
    ApiKey::parse(text).map_err(|error| Refusal::from(error).with_status(401))
}

/// A token as it is, or as base64 of which SDKs make use. A token has a `.`, and base64 has none.
fn bearer(text: &str) -> Result<Credential, Refusal> {
    let token =
        if text.contains('.') { Token::new(text) } else { Token::new(&decode(text).ok_or_else(token::malformed)?) };
    token.map(Credential::Token).map_err(|_| token::malformed())
}

fn decode(text: &str) -> Option<zeroize::Zeroizing<String>> {
    let standard: zeroize::Zeroizing<String> = zeroize::Zeroizing::new(text.replace('-', "+").replace('_', "/"));
    String::from_utf8(BASE64.decode(&*standard).ok()?).ok().map(zeroize::Zeroizing::new)
}

/// As whom the sender wants to act (`RSA7e2`).
pub(super) fn claimed_identity(call: &Call<'_>) -> Result<Option<Identity>, Refusal> {
    let Some(header) = call.parts.headers.get("x-ably-clientid") else {
        return Ok(None);
    };
    let text = header.to_str().ok().and_then(decode).ok_or_else(|| {
        let message = "the X-Ably-ClientId header is not the base64 of a clientId; encode it, or leave the header out";
        Refusal::new(ErrorCode::INVALID_CLIENT_ID, message)
    })?;
    Ok(Some(Identity::new(&text)?))
}

pub(super) fn missing() -> Refusal {
    let message = "the request shows no credentials; send a token as `Authorization: Bearer …`";
    Refusal::new(ErrorCode::INVALID_CREDENTIALS, message)
}

pub(super) fn key_without_tls() -> Refusal {
    let message = "a key must not travel without TLS; use a token, or serve with TLS, or as a sandbox on loopback";
    Refusal::new(ErrorCode::BASIC_AUTH_WITHOUT_TLS, message)
}

fn not_a_credential(problem: &str) -> Refusal {
    let message = format!("{problem}; send `Bearer` with a token or `Basic` with the base64 of a key");
    Refusal::new(ErrorCode::INVALID_CREDENTIAL, message).with_status(401)
}
