//! What a JWT's text says, whether or not it is acceptable.

use alloc::string::String;
use core::fmt;

use super::json::Members;
use super::{invalid, names, numeric_date, parts};
use crate::error::Error;
use crate::secret::Token;
use crate::time::Timestamp;

/// The header and the payload of any JWT: of any algorithm, signed or encrypted, with claims of any form.
///
/// Nothing in it is verified, and the service may refuse it: this is for looking at, and for guessing when to ask for another
/// one. [`UnverifiedJwt`](super::UnverifiedJwt) is for JWTs that are to be accepted.
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
    /// None where it is encrypted.
    payload: Option<String>,
}

impl JwtText {
    /// Takes the text apart.
    ///
    /// # Errors
    /// [`ErrorKind::Jwt`](crate::ErrorKind::Jwt) if it is longer than any token may be, does not have three parts or five, or
    /// has a header or a payload that is not a JSON object in base64url. Padding is accepted.
    pub fn parse(text: &str) -> Result<Self, Error> {
        parts::check_len(text)?;
        if !super::has_jwt_form(text) {
            return Err(invalid("JWT has neither three parts nor five", parts::FORM));
        }
        let is_encrypted = text.bytes().filter(|byte| *byte == b'.').count() == 4;
        let mut of_text = text.split('.');
        let mut next = |start, not_utf8, fault: fn(super::json::Fault) -> Error| {
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

    /// Returns the JSON of the payload, unless the JWT is encrypted.
    #[must_use]
    pub fn payload(&self) -> Option<&str> {
        self.payload.as_deref()
    }

    /// Returns the JSON of a claim: of the first of that name in the payload, or in the header of an encrypted JWT.
    #[must_use]
    pub fn claim(&self, name: &str) -> Option<&str> {
        member(self.payload().unwrap_or(&self.header), name).map(|(json, _)| json)
    }

    /// Returns the time of `iat`, if it is one.
    #[must_use]
    pub fn issued(&self) -> Option<Timestamp> {
        numeric_date::read(names::ISSUED, self.claim(names::ISSUED)?).ok()
    }

    /// Returns the time of `exp`, if it is one.
    #[must_use]
    pub fn expires(&self) -> Option<Timestamp> {
        numeric_date::read(names::EXPIRES, self.claim(names::EXPIRES)?).ok()
    }

    /// Returns the token under `x-ably-token`, in the header or the payload.
    #[must_use]
    pub fn embedded_token(&self) -> Option<Token> {
        let of = |json| Token::new(&member(json, names::TOKEN)?.1?).ok();
        of(&self.header).or_else(|| self.payload().and_then(of))
    }
}

/// The JSON of a member, and its text if it is a string.
fn member<'a>(object: &'a str, wanted: &str) -> Option<(&'a str, Option<alloc::borrow::Cow<'a, str>>)> {
    let mut members = Members::of(object);
    while let Ok(Some((name, value))) = members.next() {
        if name == wanted {
            return Some((value.raw, value.text));
        }
    }
    None
}

/// Shows neither part: a token may stand in either.
impl fmt::Debug for JwtText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtText").field("is_encrypted", &self.payload.is_none()).finish_non_exhaustive()
    }
}
