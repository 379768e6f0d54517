//! Verification of tokens.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ably_auth_core::jwt::UnverifiedJwt;
use ably_auth_core::{ApiKey, Capability, KeyName, Signer, Timestamp, Token};
use async_trait::async_trait;

use crate::clock::Clock;
use crate::jwt::{self, EffectiveToken, JwtRules};
use crate::refusal::Refusal;
use crate::verified_token::VerifiedToken;

/// A verifier of tokens.
///
/// [`Verifier`] verifies JWTs. For tokens of another kind, implement this trait, and pass the implementation to
/// [`Verifier::otherwise`] or [`Authenticator::new`](crate::Authenticator::new).
///
/// ```
/// use ably_auth_backend::{ErrorCode, Refusal, Token, VerifiedToken, VerifyToken, async_trait};
///
/// struct Service; // holds a client of the service that issues the tokens
///
/// #[async_trait]
/// impl VerifyToken for Service {
///     async fn verify_token(&self, token: &Token) -> Result<VerifiedToken, Refusal> {
///         // Look up `token.expose()`, and return its rights:
///         Err(Refusal::new(ErrorCode::TOKEN_UNRECOGNISED, "the token is unknown; request a new one"))
///     }
/// }
/// ```
#[async_trait]
pub trait VerifyToken: Send + Sync + 'static {
    /// Verifies a token, and returns its content.
    ///
    /// # Errors
    /// The refusal of an invalid token. On codes 40140 to 40149, an SDK gets a new token and tries once more.
    async fn verify_token(&self, token: &Token) -> Result<VerifiedToken, Refusal>;
}

/// Verifies JWTs that are signed with an Ably key, in a service of your own and without network requests.
///
/// It accepts only HS256 with the secret of a known key, and refuses JWTs with a lifetime of more than 24 hours. If a
/// JWT has an embedded token, that token is verified. [`JwtRules::judge`](crate::jwt::JwtRules::judge) lists the codes of refusals.
///
/// ```
/// use std::time::Duration;
/// use ably_auth_backend::{ApiKey, Authenticator, Verifier};
///
/// let verifier = Verifier::new(Duration::from_secs(2)).key(&ApiKey::parse("appId.keyId:secret")?);
/// let authenticator = Authenticator::new(verifier);
/// # Ok::<(), ably_auth_backend::Refusal>(())
/// ```
#[must_use = "pass it to an `Authenticator`, or call `verify_token`"]
pub struct Verifier {
    keys: HashMap<KeyName, Key>,
    leeway: Duration,
    clock: Clock,
    is_revoked: Option<Box<IsRevoked>>,
    otherwise: Option<Arc<dyn VerifyToken>>,
}

type IsRevoked = dyn Fn(&VerifiedToken) -> bool + Send + Sync;

/// A key. The signer computes the key schedule once.
struct Key {
    signer: Signer,
    capability: Arc<Capability>,
}

impl Verifier {
    /// Creates a verifier without keys.
    ///
    /// The leeway is the tolerance for clocks that differ: a JWT is accepted for so long after its expiry and before
    /// its time of issue. Two seconds are enough for synchronized clocks. With zero, a JWT from a machine whose clock
    /// is slightly ahead is refused.
    pub fn new(leeway: Duration) -> Self {
        Self { keys: HashMap::new(), leeway, clock: Clock::system(), is_revoked: None, otherwise: None }
    }

    /// Accepts JWTs of a key, with all rights that they name.
    pub fn key(self, key: &ApiKey) -> Self {
        self.key_limited_to(key, Capability::all())
    }

    /// Accepts JWTs of a key, limited to `capability`: the one that the key has at the service.
    pub fn key_limited_to(mut self, key: &ApiKey, capability: impl Into<Arc<Capability>>) -> Self {
        let known = Key { signer: key.signer(), capability: capability.into() };
        self.keys.insert(key.key_name().clone(), known);
        self
    }

    /// Sets the clock, in place of the system's.
    pub fn clock(mut self, now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.clock = Clock::new(now);
        self
    }

    /// Refuses the JWTs for which the function returns true, with code 40141. It is called for each request, so it
    /// should only read from memory. If revocations must be fetched, wrap this verifier in your own [`VerifyToken`].
    ///
    /// ```
    /// use std::collections::HashSet;
    /// use std::sync::{Arc, RwLock};
    /// use std::time::Duration;
    /// use ably_auth_backend::{ApiKey, Verifier};
    ///
    /// let banned: Arc<RwLock<HashSet<String>>> = Arc::default(); // your application adds to it
    /// let verifier = Verifier::new(Duration::from_secs(2)).key(&ApiKey::parse("appId.keyId:secret")?).revoked_if({
    ///     let banned = Arc::clone(&banned);
    ///     move |token| {
    ///         let banned = banned.read().map_or_else(|poisoned| poisoned.into_inner(), |banned| banned);
    ///         token.client_id().as_str().is_some_and(|user| banned.contains(user))
    ///     }
    /// });
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn revoked_if(mut self, is_revoked: impl Fn(&VerifiedToken) -> bool + Send + Sync + 'static) -> Self {
        self.is_revoked = Some(Box::new(is_revoked));
        self
    }

    /// Passes tokens that are not JWTs of a known key to another verifier.
    pub fn otherwise(mut self, other: impl VerifyToken) -> Self {
        self.otherwise = Some(Arc::new(other));
        self
    }

    fn verify(&self, unverified: UnverifiedJwt<'_>, key: &Key) -> Result<VerifiedToken, Refusal> {
        let rules = JwtRules::new(&key.signer, &key.capability).leeway(self.leeway);
        let token = rules.judge(unverified, self.clock.now())?.into_token();
        if self.is_revoked.as_ref().is_some_and(|is_revoked| is_revoked(&token)) {
            return Err(Refusal::revoked_token());
        }
        Ok(token)
    }

    /// Verifies a token, which has no embedded one.
    async fn verify_effective(&self, effective: &EffectiveToken<'_>) -> Result<VerifiedToken, Refusal> {
        let token = effective.token();
        if effective.is_jwt() {
            let unverified = jwt::parse(token);
            let key = unverified.as_ref().ok().and_then(|unverified| self.keys.get(unverified.key_name()));
            match (unverified, key) {
                (Ok(unverified), Some(key)) => return self.verify(unverified, key),
                (Err(refusal), _) if self.otherwise.is_none() => return Err(refusal),
                _ => {}
            }
        }
        match &self.otherwise {
            Some(other) => other.verify_token(token).await,
            None => Err(Refusal::unknown_token()),
        }
    }
}

#[async_trait]
impl VerifyToken for Verifier {
    async fn verify_token(&self, token: &Token) -> Result<VerifiedToken, Refusal> {
        let effective = EffectiveToken::of(token)?;
        let verified = self.verify_effective(&effective).await?;
        effective.check_expiry(verified.expires())?;
        Ok(verified)
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names: Vec<_> = self.keys.keys().collect();
        names.sort();
        f.debug_struct("Verifier").field("keys", &names).field("leeway", &self.leeway).finish_non_exhaustive()
    }
}
