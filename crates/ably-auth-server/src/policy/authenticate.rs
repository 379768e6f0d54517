//! Authentication: whose request it is, and which client the caller acts as.

use std::sync::Arc;

use ably_auth_backend::VerifiedToken;
use ably_auth_backend::credentials::{Credential, acting_identity};
use ably_auth_core::{ApiKey, Capability, ClientId, ErrorCode, Identity, JwtClaims, Timestamp, Token};

use crate::apps::Key;
use crate::journal::checks::{Check, Checks};
use crate::policy::verify_token::{Bearer, Reader, expired, key_revoked, revoked};
use crate::refusal::Refusal;
use crate::state::State;
use crate::state::registry::RunningApp;
use crate::state::revocations::Subject;
use crate::state::service_clock::MAX_AHEAD_MILLIS;

/// The authenticated caller of a request.
#[derive(Debug)]
pub(crate) struct Principal {
    pub(crate) app: Arc<RunningApp>,
    pub(crate) key: Arc<Key>,
    /// The client that the caller acts as; `None` if anonymous.
    pub(crate) identity: Option<Identity>,
    /// The caller's token; `None` if the caller has the key itself.
    token: Option<VerifiedToken>,
    /// The capability that a JWT's issuer wrote, if it differs from the granted one.
    written: Option<Capability>,
}

impl Principal {
    /// Returns what the caller may do.
    pub(crate) fn capability(&self) -> &Capability {
        self.token.as_ref().map_or_else(|| self.key.capability(), VerifiedToken::capability)
    }

    /// Returns whether the caller has the key itself.
    pub(crate) const fn is_key_holder(&self) -> bool {
        self.token.is_none()
    }

    /// Returns the caller's token; `None` if the caller has the key itself.
    pub(crate) const fn token(&self) -> Option<&VerifiedToken> {
        self.token.as_ref()
    }

    /// Returns the claims of a JWT other than its capability; `None` for other credentials.
    pub(crate) fn claims(&self) -> Option<&JwtClaims> {
        self.token.as_ref().and_then(VerifiedToken::claims)
    }

    /// Returns the attributes by which the caller's token can be revoked; `None` if the caller has the key itself.
    pub(crate) fn subject(&self) -> Option<Subject<'_>> {
        let token = self.token.as_ref()?;
        Some(Subject {
            key: self.key.name(),
            client_id: token.client_id(),
            capability: token.capability(),
            written: self.written.as_ref(),
            revocation_key: self.claims().and_then(JwtClaims::revocation_key),
            is_jwt: self.claims().is_some(),
        })
    }

    /// Returns approximately how many bytes the content of the caller's token uses.
    pub(crate) fn size(&self) -> usize {
        /// The bytes that a resource uses in addition to its text, with its operations and its places in indexes.
        const RESOURCE: usize = 256;
        let size = |capability: &Capability| {
            let resources = capability.iter().map(|entry| entry.resource.as_str().len().saturating_mul(2));
            resources.fold(0_usize, |sum, size| sum.saturating_add(size).saturating_add(RESOURCE))
        };
        let granted = self.token.as_ref().map_or(0, |token| size(token.capability()));
        granted.saturating_add(self.written.as_ref().map_or(0, size))
    }

    /// Returns the clientId of the credential.
    pub(crate) fn client_id(&self) -> &ClientId {
        self.token.as_ref().map_or(&ClientId::Any, VerifiedToken::client_id)
    }
}

/// Authenticates callers with the service's apps, keys and revocations.
pub(crate) struct Authenticator<'a> {
    pub(crate) state: &'a State,
    /// The checks of the request.
    pub(crate) checks: &'a Checks,
}

impl Authenticator<'_> {
    /// Authenticates the caller, who may act as the client `claimed` if the credential permits it (`RSA7`).
    pub(crate) async fn authenticate(
        &self,
        credential: &Credential,
        claimed: Option<Identity>,
        now: Timestamp,
    ) -> Result<Principal, Refusal> {
        let mut principal = match credential {
            Credential::Key(presented) => self.key_holder(presented, now).await?,
            Credential::Token(token) => {
                let Bearer { app, key, token, written } = self.bearer(token, now).await?;
                Principal { app, key, identity: None, token: Some(token), written }
            }
        };
        let identity = acting_identity(claimed, principal.client_id());
        principal.identity = self.checks.record(Check::Identity, identity)?;
        Ok(principal)
    }

    async fn key_holder(&self, presented: &ApiKey, now: Timestamp) -> Result<Principal, Refusal> {
        let checks = self.checks;
        let (_, key) = checks.record(Check::KeyKnown, self.state.key(presented.key_name(), now).await)?;
        checks.record(Check::Secret, key.check_presented(presented))?;
        // The caller holds the key. Catch up before its state is checked, so that the answer is current.
        self.state.catch_up(now).await?;
        let (app, key) = self.state.registry.key(presented.key_name())?;
        checks.record(Check::KeyInForce, key.check_in_force(self.state.latest(now)))?;
        Ok(Principal { app, key, identity: None, token: None, written: None })
    }

    /// Authenticates the bearer of a token, and refuses a token that is expired, revoked or issued in the future.
    pub(crate) async fn bearer(&self, token: &Token, now: Timestamp) -> Result<Bearer, Refusal> {
        let bearer = self.read(token, now).await?;
        let (now, checks) = (self.state.latest(now), self.checks);
        let refuse_unless = |holds: bool, refusal: fn() -> Refusal| if holds { Ok(()) } else { Err(refusal()) };
        let expires = bearer.token.expires();
        let in_force = if !bearer.key.is_enabled() {
            Err(key_revoked())
        } else if bearer.key.is_expired(now) {
            Err(expired(expires))
        } else {
            Ok(())
        };
        checks.record(Check::KeyInForce, in_force)?;
        checks.record(Check::NotExpired, if expires <= now { Err(expired(expires)) } else { Ok(()) })?;
        let is_future = bearer.token.issued().millis_since(now) > MAX_AHEAD_MILLIS;
        checks.record(Check::NotInFuture, refuse_unless(!is_future, issued_in_future))?;
        let is_revoked = self.state.is_revoked(&bearer.key, &bearer.subject(), bearer.token.issued(), now);
        let revoked = || ably_auth_backend::Refusal::revoked_token().into();
        checks.record(Check::NotRevoked, refuse_unless(!is_revoked, revoked))?;
        Ok(bearer)
    }

    /// Reads the token with the current keys. A refusal that no change of apps or keys can affect is returned without
    /// asking the store.
    async fn read(&self, token: &Token, now: Timestamp) -> Result<Bearer, Refusal> {
        let state = self.state;
        let reader = Reader { state, now, checks: self.checks };
        let (seen, checked) = (state.store.feed().seen(), self.checks.count());
        let read = reader.read(token).await;
        if read.as_ref().is_err_and(|refusal| !may_change(refusal)) {
            return read;
        }
        state.catch_up(now).await?;
        if state.store.feed().seen() == seen {
            return read;
        }
        self.checks.restart_from(checked);
        reader.read(token).await
    }
}

fn issued_in_future() -> Refusal {
    revoked("the token was issued in the future; request a new token")
}

/// Returns whether a refusal may be due to an app or a key that was just created or changed.
fn may_change(refusal: &Refusal) -> bool {
    matches!(
        refusal.info().code(),
        ErrorCode::NOT_FOUND | ErrorCode::TOKEN_UNRECOGNISED | ErrorCode::TOKEN_REVOKED | ErrorCode::CAPABILITY_REFUSED
    )
}
