//! The judgement of JWTs: whether a JWT is accepted, and which rights it gives.
//!
//! [`Verifier`](crate::Verifier) does all of this for keys that it holds in memory. Use these types for a
//! [`VerifyToken`](crate::VerifyToken) that gets its keys from elsewhere.
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//! use ably_auth_backend::jwt::{self, EffectiveToken, JwtRules};
//! use ably_auth_backend::{ApiKey, Capability, Clock, Refusal, Token, VerifiedToken};
//!
//! async fn verify(token: &Token, clock: &Clock) -> Result<VerifiedToken, Refusal> {
//!     let effective = EffectiveToken::of(token)?;
//!     let unverified = jwt::parse(effective.token())?;
//!     let key = find_key(unverified.key_name().as_str()).await.ok_or_else(Refusal::unknown_token)?;
//!     let (signer, chat) = (key.signer(), Arc::new(r#"{"chat:*":["publish"]}"#.parse()?));
//!     let rules = JwtRules::new(&signer, &chat).leeway(Duration::from_secs(2));
//!     let verified = rules.judge(unverified, clock.now())?.into_token();
//!     effective.check_expiry(verified.expires())?;
//!     Ok(verified)
//! }
//!
//! async fn find_key(name: &str) -> Option<ApiKey> {
//!     None // reads the key from your database
//! }
//! ```

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use ably_auth_core::jwt::{self, EmbeddedToken, UnverifiedJwt};
use ably_auth_core::{Capability, ErrorCode, ErrorKind, Signer, Timestamp, Token, Ttl};

use crate::limit::limit_capability;
use crate::refusal::Refusal;
use crate::verified_token::VerifiedToken;

/// The token that determines the rights of a request: the token embedded in a JWT, or else the presented token itself.
///
/// The signature of an outer JWT is not verified, since it gives no rights.
///
/// ```
/// use ably_auth_backend::Token;
/// use ably_auth_backend::jwt::EffectiveToken;
///
/// let presented = Token::new("xVLyHw.Dtxd9tuz")?;
/// let effective = EffectiveToken::of(&presented)?;
/// assert!(!effective.is_jwt());
/// assert_eq!(effective.token(), &presented);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct EffectiveToken<'a> {
    presented: &'a Token,
    embedded: Option<EmbeddedToken>,
    is_jwt: bool,
}

impl<'a> EffectiveToken<'a> {
    /// Finds the effective token of a presented one.
    ///
    /// # Errors
    /// - 40144 if the presented token has the form of a JWT but is malformed, or embeds a JWT that embeds a token;
    /// - 40145 if the embedded token is malformed.
    pub fn of(presented: &'a Token) -> Result<Self, Refusal> {
        let text = presented.expose();
        let is_jwt = jwt::has_jwt_form(text);
        let embedded = if is_jwt { jwt::embedded_token(text).map_err(refusal)? } else { None };
        let is_jwt = embedded.as_ref().map_or(is_jwt, |embedded| jwt::has_jwt_form(embedded.token().expose()));
        Ok(Self { presented, embedded, is_jwt })
    }

    /// Returns true if the token has the form of a JWT.
    #[must_use]
    pub const fn is_jwt(&self) -> bool {
        self.is_jwt
    }

    /// Returns the token, which is not verified yet.
    #[must_use]
    pub fn token(&self) -> &Token {
        self.embedded.as_ref().map_or(self.presented, EmbeddedToken::token)
    }

    /// Refuses an outer JWT that expires later than the token in it.
    ///
    /// # Errors
    /// 40144 if the outer JWT expires later than `inner_expires`.
    pub fn check_expiry(&self, inner_expires: Timestamp) -> Result<(), Refusal> {
        let embedded = self.embedded.as_ref();
        embedded.map_or(Ok(()), |embedded| embedded.check_expires_within(inner_expires)).map_err(refusal)
    }
}

/// Parses a JWT, to find out which key must have signed it.
///
/// # Errors
/// 40144 if the JWT is malformed, or has an algorithm other than HS256.
pub fn parse(token: &Token) -> Result<UnverifiedJwt<'_>, Refusal> {
    UnverifiedJwt::parse(token.expose()).map_err(refusal)
}

/// The rules for the JWTs of one key.
///
/// ```
/// use std::sync::Arc;
/// use ably_auth_backend::jwt::{self, JwtRules};
/// use ably_auth_backend::{ApiKey, Clock, TokenParams};
///
/// let (key, now) = (ApiKey::parse("appId.keyId:secret")?, Clock::system().now());
/// let jwt = ably_auth_core::jwt::mint(&key, &TokenParams::new().client_id("bob"), now)?;
/// let (signer, capability) = (key.signer(), Arc::new(r#"{"chat:*":["publish"]}"#.parse()?));
///
/// let rules = JwtRules::new(&signer, &capability);
/// assert!(rules.judge(jwt::parse(&jwt)?, now)?.into_token().client_id().permits("bob"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct JwtRules<'a> {
    signer: &'a Signer,
    capability: &'a Arc<Capability>,
    max_ttl: Ttl,
    leeway: Duration,
}

impl<'a> JwtRules<'a> {
    /// Creates rules for a key with this signer and capability: without leeway, and for lifetimes of up to 24 hours.
    #[must_use]
    pub const fn new(signer: &'a Signer, capability: &'a Arc<Capability>) -> Self {
        Self { signer, capability, max_ttl: Ttl::MAX, leeway: Duration::ZERO }
    }

    /// Sets the maximum lifetime, from `iat` to `exp`. For a key with revocable tokens, it is
    /// [`Ttl::MAX_REVOCABLE`].
    #[must_use]
    pub const fn max_ttl(mut self, max: Ttl) -> Self {
        self.max_ttl = max;
        self
    }

    /// Sets the tolerance for clocks that differ: a JWT is accepted for so long before its time of issue and after its
    /// expiry.
    #[must_use]
    pub const fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Verifies a JWT that names the key of these rules, and limits its capability to the key's.
    ///
    /// The signature is checked first, so that senders without the secret learn nothing about the key.
    ///
    /// # Errors
    /// - 40144 if it is not signed with the key, has an invalid claim, or is not valid yet;
    /// - 40142 if it has expired;
    /// - 40012 if its clientId is invalid;
    /// - 40003 if its lifetime exceeds the maximum;
    /// - 40160 if its capability has nothing in common with the key's;
    /// - 40000 if the comparison of both capabilities takes too much work.
    pub fn judge(&self, unverified: UnverifiedJwt<'_>, now: Timestamp) -> Result<JudgedJwt, Refusal> {
        let verified = unverified.verify(self.signer, now, self.leeway).map_err(refusal)?;
        let claims = verified.claims();
        let (ttl, max) = (claims.expires().millis_since(claims.issued()), self.max_ttl.as_millis());
        if ttl > max {
            let message = format!(
                "invalid JWT: its life of {ttl} ms is above {max} ms, the maximum for its key; mint it for less"
            );
            return Err(Refusal::new(ErrorCode::INVALID_PARAMETER, message));
        }
        let written = claims.capability_text().map(Capability::parse_strict).transpose().map_err(|error| {
            Refusal::new(ErrorCode::INVALID_JWT, format!("invalid `x-ably-capability` in the JWT: {error}"))
        })?;
        let capability = match limit_capability(written.as_ref(), self.capability, "key")? {
            Cow::Borrowed(_) => Arc::clone(self.capability),
            Cow::Owned(limited) => Arc::new(limited),
        };
        Ok(JudgedJwt { token: VerifiedToken::of_jwt(verified, capability), written })
    }
}

/// A JWT that was accepted.
///
/// ```
/// use std::sync::Arc;
/// use ably_auth_backend::jwt::{self, JwtRules};
/// use ably_auth_backend::{ApiKey, Clock, TokenParams};
///
/// let (key, now) = (ApiKey::parse("appId.keyId:secret")?, Clock::system().now());
/// let jwt = ably_auth_core::jwt::mint(&key, &TokenParams::new().client_id("bob"), now)?;
/// let (signer, capability) = (key.signer(), Arc::new(r#"{"chat:*":["publish"]}"#.parse()?));
///
/// let judged = JwtRules::new(&signer, &capability).judge(jwt::parse(&jwt)?, now)?;
/// let (token, written) = judged.into_parts();
/// assert!(token.capability().permits("chat:room1", "publish"));
/// assert_eq!(written, None, "this JWT has all rights of its key");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct JudgedJwt {
    token: VerifiedToken,
    written: Option<Capability>,
}

impl JudgedJwt {
    /// Returns the token, with the capability that both the JWT and the key permit.
    #[must_use]
    pub fn into_token(self) -> VerifiedToken {
        self.token
    }

    /// Returns the token, and the capability as the issuer wrote it. By its resources the JWT can be revoked.
    #[must_use]
    pub fn into_parts(self) -> (VerifiedToken, Option<Capability>) {
        (self.token, self.written)
    }
}

/// Converts an error of a JWT, or of its embedded token, into a refusal.
fn refusal(error: ably_auth_core::Error) -> Refusal {
    if error.kind() == ErrorKind::Token {
        let message = "the token embedded in the JWT is invalid; embed a token exactly as it was issued";
        return Refusal::new(ErrorCode::INVALID_TOKEN, message);
    }
    Refusal::invalid_input(error)
}
