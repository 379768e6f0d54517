//! Reading what a bearer shows: a token of this service, a JWT of a key's holder, or either of them within another JWT.

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

/// How far ahead of ours the clock may be by which a JWT was minted: machines that keep their clocks agree to well within
/// it, and by no more can a JWT outlive its ttl. A JWT's end is exact, since whoever minted it chose it.
pub(crate) const LEEWAY: Duration = Duration::from_secs(2);

/// What is known of a bearer whose token is genuine. Whether the token still counts is another question.
#[derive(Debug)]
pub(crate) struct Bearer {
    pub(crate) app: Arc<RunningApp>,
    pub(crate) key: Arc<Key>,
    pub(crate) token: VerifiedToken,
    /// The capability that a JWT's issuer wrote.
    written: Option<Capability>,
}

impl Bearer {
    /// What a revocation looks at.
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

/// Reads tokens at a moment, with what the service knows.
pub(crate) struct Reader<'a> {
    pub(crate) state: &'a State,
    pub(crate) now: Timestamp,
}

impl Reader<'_> {
    /// Who bears the token, if it is genuine.
    pub(crate) async fn read(&self, token: &Token) -> Result<Bearer, Refusal> {
        if !jwt::has_jwt_form(token.expose()) {
            return self.native(token).await;
        }
        // The outer JWT is its maker's own affair: what counts is the token in it.
        let Some(embedded) = jwt::embedded_token(token.expose()).map_err(of_jwt)? else {
            return self.jwt(token);
        };
        let inner = embedded.token();
        let bearer = if jwt::has_jwt_form(inner.expose()) { self.jwt(inner)? } else { self.native(inner).await? };
        embedded.check_expires_within(bearer.token.expires()).map_err(of_jwt)?;
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
            key: key.ok_or_else(|| revoked("the key that issued the token is gone; use a token of another key"))?,
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

    /// The key's state is looked at once the signature is found to be right: others learn nothing of it.
    fn jwt(&self, token: &Token) -> Result<Bearer, Refusal> {
        let unverified = UnverifiedJwt::parse(token.expose()).map_err(of_jwt)?;
        let (app, key) = self.state.registry.key(unverified.key_name())?;
        let verified = unverified.verify(key.signer(), self.now, LEEWAY).map_err(of_jwt)?;
        let claims = verified.claims();
        let ttl = claims.expires().millis_since(claims.issued());
        if ttl > key.max_ttl().as_millis() {
            let most = key.max_ttl();
            let message =
                format!("the JWT lives for {ttl} ms, and tokens of its key for {most} at most; mint it for less");
            return Err(Refusal::new(ErrorCode::INVALID_PARAMETER, message));
        }
        let written = claims.capability_text().map(Capability::parse_strict).transpose().map_err(|error| {
            Refusal::new(ErrorCode::INVALID_JWT, format!("the JWT's `x-ably-capability` is none: {error}"))
        })?;
        let capability = grant::grant(written.clone(), key.capability(), "key")?;
        Ok(Bearer { app, key, token: VerifiedToken::of_jwt(verified, capability), written })
    }
}

pub(crate) fn revoked(message: &str) -> Refusal {
    Refusal::new(ErrorCode::TOKEN_REVOKED, message)
}

/// What is wrong with a JWT, or with a token in one.
fn of_jwt(error: ably_auth_core::Error) -> Refusal {
    if error.kind() == ErrorKind::Token { token::malformed() } else { error.into() }
}
