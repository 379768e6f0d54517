//! Ably tokens that travel inside of other JWTs.

use super::json::{Fault, Members, Value};
use super::{invalid, names, numeric_date, parts};
use crate::error::{Error, ErrorKind};
use crate::secret::Token;
use crate::time::Timestamp;

/// An Ably token or JWT found in a JWT that somebody else made.
///
/// The outer signature is not looked at: it is the inner token that counts, and that is still to be verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmbeddedToken {
    token: Token,
    outer_expires: Option<Timestamp>,
}

impl EmbeddedToken {
    /// The token, which nobody has verified yet.
    #[must_use]
    pub const fn token(&self) -> &Token {
        &self.token
    }

    /// When the outer JWT expires, if it says so where it is not encrypted.
    #[must_use]
    pub const fn outer_expires(&self) -> Option<Timestamp> {
        self.outer_expires
    }

    /// Refuses an outer JWT that would outlive the token in it.
    ///
    /// # Errors
    /// [`ErrorKind::Jwt`] if the outer `exp` is later than `inner_expires`.
    pub fn check_expires_within(&self, inner_expires: Timestamp) -> Result<(), Error> {
        if self.outer_expires.is_some_and(|outer| outer > inner_expires) {
            let advice = "give the outer JWT an `exp` that is no later than the inner token's";
            return Err(Error::new(ErrorKind::Jwt, "JWT expires later than the token embedded in it", advice));
        }
        Ok(())
    }
}

/// Whether the text has the form of a JWT, signed or encrypted: three parts or five, between dots. A native token has two.
#[must_use]
pub fn has_jwt_form(text: &str) -> bool {
    matches!(text.bytes().filter(|b| *b == b'.').take(5).count(), 2 | 4)
}

/// Finds the token under `x-ably-token`: in the header of a JWT, signed or encrypted, or in the payload of a signed one.
///
/// None of it is verified. A JWT without an embedded token gives nothing.
///
/// ```
/// use ably_auth_core::jwt;
///
/// // {"alg":"RS256"} . {"exp":1700000000,"x-ably-token":"xVLyHw.Dtxd9tuz"} . a signature
/// let outer = "eyJhbGciOiJSUzI1NiJ9.eyJleHAiOjE3MDAwMDAwMDAsIngtYWJseS10b2tlbiI6InhWTHlIdy5EdHhkOXR1eiJ9.c2ln";
/// let embedded = jwt::embedded_token(outer)?.unwrap();
/// assert_eq!(embedded.token().expose(), "xVLyHw.Dtxd9tuz");
/// assert_eq!(embedded.outer_expires().unwrap().as_millis(), 1_700_000_000_000);
/// # Ok::<(), ably_auth_core::Error>(())
/// ```
///
/// # Errors
/// - [`ErrorKind::Jwt`] if the text is too long or no JWT, if `x-ably-token` or the outer `exp` is there twice or not in the
///   form of one, if the header's token and the payload's differ, or if what is embedded has something embedded itself;
/// - [`ErrorKind::Token`] if what is embedded could not be a token.
pub fn embedded_token(outer: &str) -> Result<Option<EmbeddedToken>, Error> {
    let Some(embedded) = find(outer)? else {
        return Ok(None);
    };
    let inner = embedded.token.expose();
    if has_jwt_form(inner) && find(inner)?.is_some() {
        return Err(invalid("JWT has a JWT in it that has a token in it", "embed the token itself"));
    }
    Ok(Some(embedded))
}

fn find(outer: &str) -> Result<Option<EmbeddedToken>, Error> {
    parts::check_len(outer)?;
    if !has_jwt_form(outer) {
        return Err(invalid("JWT has neither three parts nor five", parts::FORM));
    }
    let (header, rest) = outer.split_once('.').unwrap_or((outer, ""));
    let in_header =
        parts::read_json(header, 0, "JWT's header is not UTF-8", |json| Found::read(json, parts::header_fault))?;
    let in_payload = match rest.split_once('.') {
        Some((payload, signature)) if !signature.contains('.') => {
            let start = header.len().saturating_add(1);
            Some(parts::read_json(payload, start, "JWT's payload is not UTF-8", |json| {
                Found::read(json, parts::payload_fault)
            })?)
        }
        // Encrypted: its header is all that can be read.
        _ => None,
    };
    let (token, outer_expires) = match in_payload {
        None => (in_header.token, in_header.expires),
        Some(found) => (agreed(in_header.token, found.token)?, found.expires),
    };
    Ok(token.map(|token| EmbeddedToken { token, outer_expires }))
}

fn agreed(header: Option<Token>, payload: Option<Token>) -> Result<Option<Token>, Error> {
    match (header, payload) {
        (Some(header), Some(payload)) if header != payload => {
            let advice = "embed one token, in the header or in the payload";
            Err(invalid("JWT has one token embedded in its header and another in its payload", advice))
        }
        (header, payload) => Ok(header.or(payload)),
    }
}

/// What a header or a payload says of an embedded token.
struct Found {
    token: Option<Token>,
    expires: Option<Timestamp>,
}

impl Found {
    fn read(object: &str, name_fault: fn(Fault) -> Error) -> Result<Self, Error> {
        let (mut token, mut expires): (Option<Value<'_>>, Option<Value<'_>>) = (None, None);
        let mut members = Members::of(object);
        while let Some((name, value)) = members.next().map_err(name_fault)? {
            let is_repeated = match &*name {
                names::TOKEN => token.replace(value).is_some(),
                names::EXPIRES => expires.replace(value).is_some(),
                _ => false,
            };
            if is_repeated {
                return Err(invalid("JWT has a claim twice", "give each claim once"));
            }
        }
        let advice = "embed an Ably token or an Ably JWT, as a JSON string";
        let token = token.filter(|value| !value.is_null()).map(|value| {
            let text = value.text.ok_or_else(|| invalid("embedded token is no string", advice))?;
            Token::new(&text)
        });
        Ok(Self {
            token: token.transpose()?,
            expires: expires
                .filter(|value| !value.is_null())
                .map(|value| numeric_date::read(names::EXPIRES, value.raw))
                .transpose()?,
        })
    }
}
