//! Reads bearer tokens: a token of this service, a JWT that was signed with a key, or either of them inside another
//! JWT.

use std::sync::Arc;
use std::time::Duration;

use ably_auth_backend::jwt::{self, EffectiveToken, JwtRules};
use ably_auth_backend::{Capability, ErrorCode, JwtClaims, Timestamp, Token, VerifiedToken};

use crate::apps::Key;
use crate::journal::checks::{Check, Checks};
use crate::refusal::Refusal;
use crate::state::State;
use crate::state::registry::RunningApp;
use crate::state::revocations::Subject;
use crate::token::{self, Claims, Envelope, Opened};

/// The maximum time by which the clock of a JWT's issuer may be ahead. Synchronized clocks differ by less. A JWT can
/// outlive its ttl by at most this. There is no leeway for `exp`, because the issuer chose it.
pub(crate) const LEEWAY: Duration = Duration::from_secs(2);

/// The bearer of an authentic token, which may still be expired or revoked.
#[derive(Debug)]
pub(crate) struct Bearer {
    pub(crate) app: Arc<RunningApp>,
    pub(crate) key: Arc<Key>,
    pub(crate) token: VerifiedToken,
    /// The capability that a JWT's issuer wrote, if it differs from the granted one.
    pub(crate) written: Option<Capability>,
}

impl Bearer {
    /// Returns the attributes by which the token can be revoked.
    pub(crate) fn subject(&self) -> Subject<'_> {
        Subject {
            key: self.key.name(),
            client_id: self.token.client_id(),
            capability: self.token.capability(),
            written: self.written.as_ref(),
            revocation_key: self.token.claims().and_then(JwtClaims::revocation_key),
            is_jwt: self.token.claims().is_some(),
        }
    }
}

/// Reads tokens at one moment with the service's state.
pub(crate) struct Reader<'a> {
    pub(crate) state: &'a State,
    pub(crate) now: Timestamp,
    /// The checks of the request.
    pub(crate) checks: &'a Checks,
}

impl Reader<'_> {
    /// Verifies that the token is authentic and returns its bearer.
    pub(crate) async fn read(&self, token: &Token) -> Result<Bearer, Refusal> {
        let effective = self.checks.record(Check::Credential, EffectiveToken::of(token))?;
        let token = effective.token();
        let bearer = if effective.is_jwt() {
            self.jwt(token)?
        } else {
            let bearer = self.native(token).await;
            // A reference to claims is sealed with its expiry, so it can be opened and expired.
            let is_expired = bearer.as_ref().is_err_and(|refusal| refusal.info().code() == ErrorCode::TOKEN_EXPIRED);
            self.checks.record(if is_expired { Check::NotExpired } else { Check::Sealed }, bearer)?
        };
        self.checks.record(Check::Outer, effective.check_expiry(bearer.token.expires()))?;
        Ok(bearer)
    }

    async fn native(&self, token: &Token) -> Result<Bearer, Refusal> {
        let envelope = Envelope::of(token)?;
        let app = self.state.registry.app(envelope.app_id).ok_or_else(token::unrecognised)?;
        let claims = match app.memory.sealer().open(&envelope)? {
            Opened::Claims(claims) => claims,
            Opened::Reference(reference) if reference.expires <= self.state.latest(self.now) => {
                let message = format!("the token expired at {}; request a new token", reference.expires);
                return Err(Refusal::new(ErrorCode::TOKEN_EXPIRED, message));
            }
            Opened::Reference(reference) => {
                let kept = self.state.store.kept(reference).await?.ok_or_else(token::unrecognised)?;
                Claims::clone(&kept.0)
            }
        };
        let key = app.app.key(claims.key_name.key_id()).cloned();
        Ok(Bearer {
            key: key.ok_or_else(|| revoked("the key that issued the token was deleted; use a token of another key"))?,
            app,
            token: VerifiedToken::new(
                claims.key_name,
                claims.client_id,
                claims.capability,
                (claims.issued, claims.expires),
            ),
            written: None,
        })
    }

    /// Verifies a JWT. The key's state is checked later, when the sender has proved that it holds the key.
    fn jwt(&self, token: &Token) -> Result<Bearer, Refusal> {
        let unverified = self.checks.record(Check::Credential, jwt::parse(token))?;
        let (app, key) = self.checks.record(Check::KeyKnown, self.state.registry.key(unverified.key_name()))?;
        let rules = JwtRules::new(key.signer(), key.shared_capability()).max_ttl(key.max_ttl()).leeway(LEEWAY);
        let (token, written) = self.checks.record(Check::Jwt, rules.judge(unverified, self.now))?.into_parts();
        Ok(Bearer { app, key, token, written })
    }
}

pub(crate) fn revoked(message: &str) -> Refusal {
    Refusal::new(ErrorCode::TOKEN_REVOKED, message)
}

/// Returns the refusal of a token whose key was revoked.
pub(crate) fn key_revoked() -> Refusal {
    revoked("the key that issued the token was revoked; use a token of another key")
}

/// Returns the refusal of a token that has expired.
pub(crate) fn expired(expires: Timestamp) -> Refusal {
    let message = format!("the token expired at {expires}; request a new token");
    Refusal::new(ErrorCode::TOKEN_EXPIRED, message)
}
