//! Authenticating: whose request this is, and as whom they act.

use std::sync::Arc;

use ably_auth_backend::VerifiedToken;
use ably_auth_core::{ApiKey, Capability, ClientId, ErrorCode, Identity, JwtClaims, Timestamp, Token};

use crate::apps::Key;
use crate::policy::verify_token::{Bearer, Reader, revoked};
use crate::refusal::Refusal;
use crate::state::State;
use crate::state::registry::RunningApp;
use crate::state::service_clock::MAX_AHEAD_MILLIS;

/// What a request shows of its sender.
#[derive(Debug)]
pub(crate) enum Credential {
    /// The key itself.
    Key(ApiKey),
    /// A token.
    Token(Token),
}

/// Who a request comes from.
#[derive(Debug)]
pub(crate) struct Principal {
    pub(crate) app: Arc<RunningApp>,
    pub(crate) key: Arc<Key>,
    /// As whom the sender acts; none if anonymous.
    pub(crate) identity: Option<Identity>,
    /// The token that the sender has; none if that is the key itself.
    token: Option<VerifiedToken>,
}

impl Principal {
    /// What the sender may do.
    pub(crate) fn capability(&self) -> &Capability {
        self.token.as_ref().map_or_else(|| self.key.capability(), VerifiedToken::capability)
    }

    /// Whether the sender has the key itself.
    pub(crate) const fn is_key_holder(&self) -> bool {
        self.token.is_none()
    }

    /// Returns the token that the sender has; `None` if the sender has the key itself.
    pub(crate) const fn token(&self) -> Option<&VerifiedToken> {
        self.token.as_ref()
    }

    /// Returns the claims of a JWT other than its capability; `None` for other credentials.
    pub(crate) fn claims(&self) -> Option<&JwtClaims> {
        self.token.as_ref().and_then(VerifiedToken::claims)
    }

    /// Returns the clientId of the credential.
    pub(crate) fn client_id(&self) -> &ClientId {
        self.token.as_ref().map_or(&ClientId::Any, VerifiedToken::client_id)
    }
}

/// Checks credentials against what the service knows.
pub(crate) struct Authenticator<'a>(pub(crate) &'a State);

impl Authenticator<'_> {
    /// Finds out who shows that credential and wants to act as `claimed` (`RSA7`).
    pub(crate) async fn authenticate(
        &self,
        credential: &Credential,
        claimed: Option<Identity>,
        now: Timestamp,
    ) -> Result<Principal, Refusal> {
        let mut principal = match credential {
            Credential::Key(shown) => self.key_holder(shown, now).await?,
            Credential::Token(token) => {
                let Bearer { app, key, token, .. } = self.bearer(token, now).await?;
                let identity = match token.client_id() {
                    ClientId::Identified(identity) => Some(identity.clone()),
                    ClientId::None | ClientId::Any => None,
                };
                Principal { app, key, identity, token: Some(token) }
            }
        };
        if let Some(claimed) = claimed {
            if !principal.client_id().permits(claimed.as_str()) {
                let message = "the credential does not permit to act as this clientId; use one that was issued for it";
                return Err(Refusal::new(ErrorCode::INCOMPATIBLE_CREDENTIALS, message));
            }
            principal.identity = Some(claimed);
        }
        Ok(principal)
    }

    async fn key_holder(&self, shown: &ApiKey, now: Timestamp) -> Result<Principal, Refusal> {
        let (_, key) = self.0.key(shown.key_name(), now).await?;
        key.check_shown(shown)?;
        // Who has shown the key is told by what is so now.
        self.0.catch_up(now).await?;
        let (app, key) = self.0.registry.key(shown.key_name())?;
        key.check_in_force(self.0.latest(now))?;
        Ok(Principal { app, key, identity: None, token: None })
    }

    /// Who bears that token, if it counts.
    pub(crate) async fn bearer(&self, token: &Token, now: Timestamp) -> Result<Bearer, Refusal> {
        let bearer = self.read(token, now).await?;
        let now = self.0.latest(now);
        if !bearer.key.is_enabled() {
            return Err(revoked("the key that issued the token was revoked; use a token of another key"));
        }
        let expires = bearer.token.expires();
        if expires <= now || bearer.key.is_expired(now) {
            let message = format!("the token expired at {expires}; request a new token");
            return Err(Refusal::new(ErrorCode::TOKEN_EXPIRED, message));
        }
        if bearer.token.issued().millis_since(now) > MAX_AHEAD_MILLIS {
            return Err(revoked("the token is of a time that is yet to come; request a new token"));
        }
        if self.0.is_revoked(&bearer.key, &bearer.subject(), bearer.token.issued(), now) {
            return Err(revoked("the token was revoked; request a new token, if the user is still welcome"));
        }
        Ok(bearer)
    }

    /// What the token says, by what is known now. What is no token of anybody's costs no look at the store.
    async fn read(&self, token: &Token, now: Timestamp) -> Result<Bearer, Refusal> {
        let state = self.0;
        let reader = Reader { state, now };
        let seen = state.store.feed().seen();
        let read = reader.read(token).await;
        if read.as_ref().is_err_and(|refusal| !may_change(refusal)) {
            return read;
        }
        state.catch_up(now).await?;
        if state.store.feed().seen() == seen { read } else { reader.read(token).await }
    }
}

/// Whether a refusal may be due to an app or a key that was made or changed a moment ago.
fn may_change(refusal: &Refusal) -> bool {
    matches!(
        refusal.info().code(),
        ErrorCode::NOT_FOUND | ErrorCode::TOKEN_UNRECOGNISED | ErrorCode::TOKEN_REVOKED | ErrorCode::CAPABILITY_REFUSED
    )
}
