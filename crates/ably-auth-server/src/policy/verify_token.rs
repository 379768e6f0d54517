//! Reads bearer tokens: a token of this service, a JWT that was signed with a key, or either of them inside another
//! JWT.

use std::sync::Arc;
use std::time::Duration;

use ably_auth_backend::VerifiedToken;
use ably_auth_core::jwt::{self, UnverifiedJwt};
use ably_auth_core::{Capability, ErrorCode, ErrorKind, JwtClaims, Timestamp, Token};

use crate::apps::Key;
use crate::policy::grant;
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
    /// The capability that a JWT's issuer wrote.
    written: Option<Capability>,
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
}

impl Reader<'_> {
    /// Verifies that the token is authentic and returns its bearer.
    pub(crate) async fn read(&self, token: &Token) -> Result<Bearer, Refusal> {
        if !jwt::has_jwt_form(token.expose()) {
            return self.native(token).await;
        }
        // Only the inner token counts; the signature of the outer JWT is not verified.
        let Some(embedded) = jwt::embedded_token(token.expose()).map_err(jwt_refusal)? else {
            return self.jwt(token);
        };
        let inner = embedded.token();
        let bearer = if jwt::has_jwt_form(inner.expose()) { self.jwt(inner)? } else { self.native(inner).await? };
        embedded.check_expires_within(bearer.token.expires()).map_err(jwt_refusal)?;
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

    /// Verifies a JWT. Checks the key's state only after the signature, so that other callers learn nothing about the
    /// key.
    fn jwt(&self, token: &Token) -> Result<Bearer, Refusal> {
        let unverified = UnverifiedJwt::parse(token.expose()).map_err(jwt_refusal)?;
        let (app, key) = self.state.registry.key(unverified.key_name())?;
        let verified = unverified.verify(key.signer(), self.now, LEEWAY).map_err(jwt_refusal)?;
        let claims = verified.claims();
        let ttl = claims.expires().millis_since(claims.issued());
        if ttl > key.max_ttl().as_millis() {
            let max = key.max_ttl();
            let message = format!(
                "invalid JWT: its life of {ttl} ms is above {max} ms, the maximum for its key; mint it for less"
            );
            return Err(Refusal::new(ErrorCode::INVALID_PARAMETER, message));
        }
        let written = claims.capability_text().map(Capability::parse_strict).transpose().map_err(|error| {
            Refusal::new(ErrorCode::INVALID_JWT, format!("invalid `x-ably-capability` in the JWT: {error}"))
        })?;
        let capability = grant::grant(written.clone(), key.capability(), "key")?;
        Ok(Bearer { app, key, token: VerifiedToken::of_jwt(verified, capability), written })
    }
}

pub(crate) fn revoked(message: &str) -> Refusal {
    Refusal::new(ErrorCode::TOKEN_REVOKED, message)
}

/// Returns the refusal for an invalid JWT, or for an invalid token inside it.
fn jwt_refusal(error: ably_auth_core::Error) -> Refusal {
    if error.kind() == ErrorKind::Token { token::malformed() } else { error.into() }
}
