//! Ably tokens inside other JWTs.

use super::{invalid, names, numeric_date, parts};
use crate::credentials::Token;
use crate::error::{Error, ErrorKind};
use crate::text::json_value::{Fault, Members, Value};
use crate::time::Timestamp;

/// An Ably token or JWT that was found in a JWT of another issuer.
///
/// The signature of the outer JWT is not checked. Only the inner token counts, and it is not verified yet.
///
/// ```
/// use ably_auth_core::{ApiKey, JwtFields, Timestamp, TokenParams, Ttl, jwt};
///
/// let (key, now) = (ApiKey::parse("app.key:secret")?, Timestamp::from_millis(1_449_746_287_318));
/// let inner = jwt::mint(&key, &TokenParams::new().client_id("bob"), now)?;
/// let yours = JwtFields { embedded_token: Some(inner.expose()), ..JwtFields::new("login.sessions", now, Ttl::DEFAULT) };
/// let outer = yours.mint(&ApiKey::parse("login.sessions:another-secret")?.signer())?;
///
/// let embedded = jwt::embedded_token(outer.expose())?.expect("there is one");
/// assert!(jwt::verify(&key, embedded.token().expose(), now)?.claims().client_id().permits("bob"));
/// # Ok::<(), ably_auth_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmbeddedToken {
    token: Token,
    outer_expires: Option<Timestamp>,
}

impl EmbeddedToken {
    /// Returns the token, which is not verified yet.
    #[must_use]
    pub const fn token(&self) -> &Token {
        &self.token
    }

    /// Returns the expiry of the outer JWT, if its readable parts have one.
    #[must_use]
    pub const fn outer_expires(&self) -> Option<Timestamp> {
        self.outer_expires
    }

    /// Refuses an outer JWT that expires later than the token in it.
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

/// Returns true if the text has the form of a JWT, signed or encrypted: three or five parts between dots. An Ably token
/// has two.
#[must_use]
pub fn has_jwt_form(text: &str) -> bool {
    matches!(text.bytes().filter(|b| *b == b'.').take(5).count(), 2 | 4)
}

/// Finds the token in `x-ably-token`: in the header of a signed or encrypted JWT, or in the payload of a signed JWT.
///
/// It verifies nothing. For a JWT without an embedded token, it returns `None`.
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
/// - [`ErrorKind::Jwt`] if the text is too long or not a JWT, if `x-ably-token` or the outer `exp` is repeated or
///   malformed, if the tokens of the header and the payload differ, or if the embedded token is a JWT that has an
///   embedded token;
/// - [`ErrorKind::Token`] if the embedded text is not a valid token.
pub fn embedded_token(outer: &str) -> Result<Option<EmbeddedToken>, Error> {
    let Some(embedded) = find(outer)? else {
        return Ok(None);
    };
    let inner = embedded.token.expose();
    if has_jwt_form(inner) && find(inner)?.is_some() {
        return Err(invalid("JWT embeds a JWT that embeds a token", "embed the token itself"));
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
        // An encrypted JWT: only the header is readable.
        _ => None,
    };
    let (token, outer_expires) = match in_payload {
        None => (in_header.token, in_header.expires),
        Some(found) => (single_token(in_header.token, found.token)?, found.expires),
    };
    Ok(token.map(|token| EmbeddedToken { token, outer_expires }))
}

fn single_token(header: Option<Token>, payload: Option<Token>) -> Result<Option<Token>, Error> {
    match (header, payload) {
        (Some(header), Some(payload)) if header != payload => {
            let advice = "embed one token, in the header or in the payload";
            Err(invalid("JWT embeds different tokens in its header and its payload", advice))
        }
        (header, payload) => Ok(header.or(payload)),
    }
}

/// The members of a header or a payload that concern an embedded token.
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
            let text = value.text.ok_or_else(|| invalid("embedded token is not a string", advice))?;
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
