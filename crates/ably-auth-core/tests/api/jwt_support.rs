//! Helpers that build JWTs which no implementation would mint.

use std::time::Duration;

use ably_auth_core::{ApiKey, Error, ErrorKind, Timestamp, UnverifiedJwt, VerifiedJwt};

use super::jwt_hmac::hmac;

pub(crate) const KEY: &str = "app.key:secret";
pub(crate) const HEADER: &str = r#"{"typ":"JWT","alg":"HS256","kid":"app.key"}"#;
/// `iat` of these JWTs, in seconds.
pub(crate) const IAT: u64 = 1_700_000_000;
pub(crate) const NOW: Timestamp = Timestamp::from_millis(IAT * 1000);

pub(crate) fn key() -> ApiKey {
    ApiKey::parse(KEY).unwrap()
}

/// Encodes base64url without padding. It uses no library, so that the tests do not depend on one.
pub(crate) fn base64url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0, |bits, byte| bits << 8 | usize::from(*byte)) << (8 * (3 - group.len()));
        let characters = (0..=group.len()).map(|at| bits >> (18 - 6 * at) & 63);
        text.extend(characters.map(|value| char::from(ALPHABET[value])));
    }
    text
}

/// Returns a JWT with this header and payload, signed over their text.
pub(crate) fn signed(header: &str, payload: &[u8]) -> String {
    sign_parts(&base64url(header.as_bytes()), &base64url(payload))
}

/// Signs parts that are already encoded, even if they are invalid.
pub(crate) fn sign_parts(header: &str, payload: &str) -> String {
    let text = format!("{header}.{payload}");
    format!("{text}.{}", base64url(&hmac("secret", text.as_bytes())))
}

/// Returns a JWT with the usual header and times, and with more claims.
pub(crate) fn with_claims(more: &str) -> String {
    let comma = if more.is_empty() { "" } else { "," };
    signed(HEADER, format!(r#"{{"iat":{IAT},"exp":{}{comma}{more}}}"#, IAT + 3600).as_bytes())
}

/// Parses and verifies a JWT at [`NOW`], without leeway.
pub(crate) fn verify(text: &str) -> Result<VerifiedJwt, Error> {
    UnverifiedJwt::parse(text)?.verify(&key().signer(), NOW, Duration::ZERO)
}

/// Checks the error's problem, kind and code, and that it has advice.
#[track_caller]
pub(crate) fn assert_named<T: std::fmt::Debug>(result: Result<T, Error>, kind: ErrorKind, name: &str) {
    let error = result.unwrap_err();
    let text = error.to_string();
    let (problem, advice) = text.split_once("; ").unwrap();
    assert!(problem == name || problem.starts_with(&format!("{name} (byte ")), "`{problem}` is not `{name}`");
    assert!(advice.len() > 10, "{text}");
    assert_eq!(error.kind(), kind, "{text}");
    let code = match kind {
        ErrorKind::Jwt => 40144,
        ErrorKind::JwtExpired => 40142,
        ErrorKind::ClientId => 40012,
        ErrorKind::Token => 40005,
        other => panic!("{other:?} is not an error of a JWT"),
    };
    assert_eq!(error.ably_code().as_u32(), code);
}
