//! Finding out whether a token is genuine and in force.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ably_auth_core::capability::Work;
use ably_auth_core::jwt::{self, UnverifiedJwt};
use ably_auth_core::{ApiKey, Capability, ErrorCode, ErrorKind, KeyName, Signer, Timestamp, Token};
use async_trait::async_trait;

use crate::authenticate::Authenticate;
use crate::clock::Clock;
use crate::refusal::Refusal;
use crate::verified_token::VerifiedToken;

/// What finds out whether a token is genuine and in force.
///
/// A [`Verifier`] does so for JWTs; for tokens of another kind implement it, and hand it to [`Verifier::otherwise`] or to
/// [`Authenticate::new`].
///
/// ```
/// use ably_auth_axum::{ErrorCode, Refusal, Token, VerifiedToken, VerifyToken};
///
/// struct Service; // holds a client of the service that issues the tokens
///
/// #[async_trait::async_trait]
/// impl VerifyToken for Service {
///     async fn verify_token(&self, token: &Token) -> Result<VerifiedToken, Refusal> {
///         // Ask for `token.expose()`, and say what it permits:
///         Err(Refusal::new(ErrorCode::TOKEN_UNRECOGNISED, "the token is unknown; request a new one"))
///     }
/// }
/// ```
#[async_trait]
pub trait VerifyToken: Send + Sync + 'static {
    /// Finds out what a token says, if it is to be believed.
    ///
    /// # Errors
    /// The answer to who shows it. With a code of 40140 to 40149, an SDK gets a new token and tries once more.
    async fn verify_token(&self, token: &Token) -> Result<VerifiedToken, Refusal>;
}

/// Verifies JWTs that are signed with an Ably key: in a service of your own, without asking anybody.
///
/// HS256 with the secret of a known key is all that it takes; a JWT that lives for more than 24 hours it does not take, and of
/// one that has a token embedded, that token is what counts.
///
/// ```
/// use std::time::Duration;
/// use ably_auth_axum::{ApiKey, Verifier};
///
/// let verifier = Verifier::new(Duration::from_secs(2)).key(&ApiKey::parse("appId.keyId:secret")?);
/// let app: axum::Router = axum::Router::new().layer(verifier.layer());
/// # Ok::<(), ably_auth_axum::Refusal>(())
/// ```
#[must_use = "it verifies nothing until it is a layer, or is asked"]
pub struct Verifier {
    keys: HashMap<KeyName, Key>,
    leeway: Duration,
    clock: Clock,
    is_revoked: Option<Box<IsRevoked>>,
    otherwise: Option<Arc<dyn VerifyToken>>,
}

type IsRevoked = dyn Fn(&VerifiedToken) -> bool + Send + Sync;

/// The keying is done once, not for each token.
struct Key {
    signer: Signer,
    capability: Arc<Capability>,
}

impl Verifier {
    /// A verifier that knows no key yet.
    ///
    /// The leeway is for clocks that differ: by so much may a JWT have expired, or be issued later than now. Two seconds will
    /// do where clocks are kept; with zero, a JWT that was minted on a machine that is a moment ahead is refused.
    pub fn new(leeway: Duration) -> Self {
        Self { keys: HashMap::new(), leeway, clock: Clock::system(), is_revoked: None, otherwise: None }
    }

    /// Takes JWTs of that key too, with whatever they permit.
    pub fn key(self, key: &ApiKey) -> Self {
        self.key_limited_to(key, Capability::all())
    }

    /// Takes JWTs of that key too, which permit no more than that: the capability that the key has with the service.
    pub fn key_limited_to(mut self, key: &ApiKey, capability: impl Into<Arc<Capability>>) -> Self {
        let known = Key { signer: key.signer(), capability: capability.into() };
        self.keys.insert(key.key_name().clone(), known);
        self
    }

    /// Takes the time from there in place of the system's clock.
    pub fn clock(mut self, now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.clock = Clock::new(now);
        self
    }

    /// Refuses the JWTs for which that function says so, with code 40141. It is asked for each request, so it should look
    /// into memory; what has to be fetched is for a [`VerifyToken`] of your own around this one.
    ///
    /// ```
    /// use std::collections::HashSet;
    /// use std::sync::{Arc, RwLock};
    /// use std::time::Duration;
    /// use ably_auth_axum::{ApiKey, Verifier};
    ///
    /// let banned: Arc<RwLock<HashSet<String>>> = Arc::default(); // your application adds to it
    /// let verifier = Verifier::new(Duration::from_secs(2)).key(&ApiKey::parse("appId.keyId:secret")?).is_revoked({
    ///     let banned = Arc::clone(&banned);
    ///     move |token| {
    ///         let banned = banned.read().map_or_else(|poisoned| poisoned.into_inner(), |banned| banned);
    ///         token.client_id().as_str().is_some_and(|user| banned.contains(user))
    ///     }
    /// });
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_revoked(mut self, is_revoked: impl Fn(&VerifiedToken) -> bool + Send + Sync + 'static) -> Self {
        self.is_revoked = Some(Box::new(is_revoked));
        self
    }

    /// Leaves tokens that are no JWT of a known key to another.
    pub fn otherwise(mut self, other: impl VerifyToken) -> Self {
        self.otherwise = Some(Arc::new(other));
        self
    }

    /// A layer that lets in only requests with a token of which this verifier approves.
    pub fn layer(self) -> Authenticate {
        Authenticate::new(self)
    }

    /// Finds out what a JWT says, if it is to be believed.
    ///
    /// # Errors
    /// - 40144 if it is no JWT, not signed with the key that it names, or not valid yet;
    /// - 40143 if it is none of a known key;
    /// - 40142 if it has expired, 40141 if it was revoked;
    /// - 40003 if it lives for longer than any token may;
    /// - 40012 if its clientId is none;
    /// - 40160 if it permits nothing that its key permits;
    /// - 40000 if comparing its capability with the key's takes more than [`Work::PER_REQUEST`] steps.
    fn verify(&self, unverified: UnverifiedJwt<'_>, key: &Key) -> Result<VerifiedToken, Refusal> {
        let verified = unverified.verify(&key.signer, self.clock.now(), self.leeway).map_err(of_jwt)?;
        let claims = verified.claims();
        claims.ttl().map_err(|_| {
            let message = "the JWT lives for more than 24 hours; mint it for less";
            Refusal::new(ErrorCode::INVALID_PARAMETER, message)
        })?;
        let written = claims.capability_text().map(Capability::parse_strict).transpose().map_err(|error| {
            Refusal::new(ErrorCode::INVALID_JWT, format!("the JWT's `x-ably-capability` is none: {error}"))
        })?;
        let capability = match written {
            None => key.capability.clone(),
            Some(written) => {
                let granted = key.capability.intersect_within(&written, &mut Work::steps(Work::PER_REQUEST));
                Arc::new(granted.map_err(|_| {
                    let message = "the JWT's `x-ably-capability` takes too much work to compare with the key's; name fewer \
                                   resources or use wildcards";
                    Refusal::new(ErrorCode::BAD_REQUEST, message)
                })?)
            }
        };
        if capability.is_empty() {
            let message = "the JWT permits nothing that its key does; mint it with a capability that the key has";
            return Err(Refusal::new(ErrorCode::CAPABILITY_REFUSED, message));
        }
        let token = VerifiedToken::of_jwt(verified, capability);
        if self.is_revoked.as_ref().is_some_and(|is_revoked| is_revoked(&token)) {
            let message = "the token was revoked; request a new token, if the user is still welcome";
            return Err(Refusal::new(ErrorCode::TOKEN_REVOKED, message));
        }
        Ok(token)
    }

    /// Verifies a token that has none embedded.
    async fn verify_plain(&self, token: &Token) -> Result<VerifiedToken, Refusal> {
        let unrecognised = || {
            let message = "the token is none that this service knows; request a new token from where it expects them";
            Refusal::new(ErrorCode::TOKEN_UNRECOGNISED, message)
        };
        if jwt::has_jwt_form(token.expose()) {
            let unverified = UnverifiedJwt::parse(token.expose());
            let key = unverified.as_ref().ok().and_then(|unverified| self.keys.get(unverified.key_name()));
            match (unverified, key) {
                (Ok(unverified), Some(key)) => return self.verify(unverified, key),
                (Err(error), _) if self.otherwise.is_none() => return Err(of_jwt(error)),
                _ => {}
            }
        }
        match &self.otherwise {
            Some(other) => other.verify_token(token).await,
            None => Err(unrecognised()),
        }
    }
}

#[async_trait]
impl VerifyToken for Verifier {
    async fn verify_token(&self, token: &Token) -> Result<VerifiedToken, Refusal> {
        if !jwt::has_jwt_form(token.expose()) {
            return self.verify_plain(token).await;
        }
        // The outer JWT is its maker's own affair: what counts is the token in it.
        let Some(embedded) = jwt::embedded_token(token.expose()).map_err(of_jwt)? else {
            return self.verify_plain(token).await;
        };
        let verified = self.verify_plain(embedded.token()).await?;
        embedded.check_expires_within(verified.expires()).map_err(of_jwt)?;
        Ok(verified)
    }
}

/// What is wrong with a JWT, or with a token in one.
#[allow(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn of_jwt(error: ably_auth_core::Error) -> Refusal {
    if error.kind() == ErrorKind::Token {
        let message = "the JWT has something embedded that is no token; embed a token exactly as it was issued";
        return Refusal::new(ErrorCode::INVALID_TOKEN, message);
    }
    Refusal::new(error.ably_code(), error.to_string())
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names: Vec<_> = self.keys.keys().collect();
        names.sort();
        f.debug_struct("Verifier").field("keys", &names).field("leeway", &self.leeway).finish_non_exhaustive()
    }
}
