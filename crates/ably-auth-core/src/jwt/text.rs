//! The content of a JWT, which can be read even if the service would refuse the JWT.

use alloc::string::String;
use core::fmt;

use super::{invalid, names, numeric_date, parts};
use crate::credentials::Token;
use crate::error::Error;
use crate::text::json_value::Members;
use crate::time::Timestamp;

/// The header and the payload of a JWT with any algorithm, signed or encrypted, and with claims of any form.
///
/// Nothing in it is verified, and the service may refuse the JWT. Use it to display a JWT, or to estimate when to
/// request a new one. To accept a JWT, use [`UnverifiedJwt`](super::UnverifiedJwt).
///
/// ```
/// use ably_auth_core::jwt::JwtText;
///
/// // {"alg":"RS256"} . {"exp":1.7e9,"x-ably-clientId":null} . a signature
/// let jwt = JwtText::parse("eyJhbGciOiJSUzI1NiJ9.eyJleHAiOjEuN2U5LCJ4LWFibHktY2xpZW50SWQiOm51bGx9.c2ln")?;
/// assert_eq!(jwt.header(), r#"{"alg":"RS256"}"#);
/// assert_eq!(jwt.expires().map(|time| time.as_millis()), Some(1_700_000_000_000));
/// assert_eq!(jwt.issued(), None);
/// # Ok::<(), ably_auth_core::Error>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct JwtText {
    header: String,
    /// `None` if the JWT is encrypted.
    payload: Option<String>,
}

impl JwtText {
    /// Parses the header and the payload of a JWT.
    ///
    /// # Errors
    /// [`ErrorKind::Jwt`](crate::ErrorKind::Jwt) if `text` is longer than any token may be, does not have three or five
    /// parts, or has a header or a payload that is not a JSON object in base64url. Padding is accepted.
    pub fn parse(text: &str) -> Result<Self, Error> {
        parts::check_len(text)?;
        if !super::has_jwt_form(text) {
            return Err(invalid("JWT has neither three parts nor five", parts::FORM));
        }
        let is_encrypted = text.bytes().filter(|byte| *byte == b'.').count() == 4;
        let mut of_text = text.split('.');
        let mut next = |start, not_utf8, fault: fn(crate::text::json_value::Fault) -> Error| {
            let part = of_text.next().unwrap_or_default();
            parts::read_json(part.trim_end_matches('='), start, not_utf8, |json| {
                let mut members = Members::of(json);
                while members.next().map_err(fault)?.is_some() {}
                Ok(String::from(json))
            })
        };
        let header = next(0, "JWT's header is not UTF-8", parts::header_fault)?;
        let start = text.find('.').map_or(0, |dot| dot.saturating_add(1));
        let payload =
            if is_encrypted { None } else { Some(next(start, "JWT's payload is not UTF-8", parts::payload_fault)?) };
        Ok(Self { header, payload })
    }

    /// Returns the JSON of the header.
    #[must_use]
    pub fn header(&self) -> &str {
        &self.header
    }

    /// Returns the JSON of the payload, or `None` if the JWT is encrypted.
    #[must_use]
    pub fn payload(&self) -> Option<&str> {
        self.payload.as_deref()
    }

    /// Returns the JSON of the first claim `name` in the payload, or in the header if the JWT is encrypted.
    #[must_use]
    pub fn claim(&self, name: &str) -> Option<&str> {
        member(self.payload().unwrap_or(&self.header), name).map(|(json, _)| json)
    }

    /// Returns the time in `iat`, or `None` if the claim is missing or is not a valid time.
    #[must_use]
    pub fn issued(&self) -> Option<Timestamp> {
        numeric_date::read(names::ISSUED, self.claim(names::ISSUED)?).ok()
    }

    /// Returns the time in `exp`, or `None` if the claim is missing or is not a valid time.
    #[must_use]
    pub fn expires(&self) -> Option<Timestamp> {
        numeric_date::read(names::EXPIRES, self.claim(names::EXPIRES)?).ok()
    }

    /// Returns the token in `x-ably-token` of the header, or else of the payload.
    #[must_use]
    pub fn embedded_token(&self) -> Option<Token> {
        let of = |json| Token::new(&member(json, names::TOKEN)?.1?).ok();
        of(&self.header).or_else(|| self.payload().and_then(of))
    }
}

/// Returns the JSON of the first member `wanted`, and its text if it is a string.
fn member<'a>(object: &'a str, wanted: &str) -> Option<(&'a str, Option<alloc::borrow::Cow<'a, str>>)> {
    let mut members = Members::of(object);
    while let Ok(Some((name, value))) = members.next() {
        if name == wanted {
            return Some((value.raw, value.text));
        }
    }
    None
}

/// Shows neither part, because either may contain a token.
impl fmt::Debug for JwtText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtText").field("is_encrypted", &self.payload.is_none()).finish_non_exhaustive()
    }
}
