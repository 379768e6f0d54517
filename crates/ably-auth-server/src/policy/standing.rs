//! Validates the credential of an open connection again, and determines when it ends.

use ably_auth_core::{ErrorCode, Timestamp};

use crate::policy::authenticate::{Authenticator, Principal};
use crate::policy::verify_token::{expired, key_revoked};
use crate::refusal::Refusal;

/// The end of a credential that holds now.
#[derive(Clone, Debug)]
pub(crate) struct End {
    pub(crate) at: Timestamp,
    /// The refusal of the credential from then on.
    pub(crate) refusal: Refusal,
}

impl Authenticator<'_> {
    /// Judges the credential of an open connection again, with the apps, keys and revocations of now. Returns the end of
    /// the credential, if one is known.
    pub(crate) fn standing(&self, principal: &mut Principal, now: Timestamp) -> Result<Option<End>, Refusal> {
        let now = self.state.latest(now);
        let name = principal.key.name().clone();
        let is_token = !principal.is_key_holder();
        let (app, key) =
            self.state.registry.key(&name).map_err(|refusal| if is_token { key_revoked() } else { refusal })?;
        // A key that was created again has another secret.
        let is_signed = !is_token || principal.claims().is_some();
        if is_signed && key.api_key().secret() != principal.key.api_key().secret() {
            let message = "the key has another secret now; use the new one";
            return Err(if is_token { key_revoked() } else { Refusal::new(ErrorCode::INVALID_CREDENTIALS, message) });
        }
        (principal.app, principal.key) = (app, key);
        let key = &principal.key;
        let (Some(subject), Some(token)) = (principal.subject(), principal.token()) else {
            key.check_in_force(now)?;
            let end =
                |at| End { at, refusal: Refusal::new(ErrorCode::KEY_EXPIRED, "the key has expired; use another key") };
            return Ok(key.expires().map(end));
        };
        if !key.is_enabled() {
            return Err(key_revoked());
        }
        let expires = key.expires().map_or(token.expires(), |expires| expires.min(token.expires()));
        if expires <= now {
            return Err(expired(expires));
        }
        match self.state.revoked_from(key, &subject, token.issued(), now) {
            Some(from) if from <= now => Err(ably_auth_backend::Refusal::revoked_token().into()),
            Some(from) if from < expires => {
                Ok(Some(End { at: from, refusal: ably_auth_backend::Refusal::revoked_token().into() }))
            }
            _ => Ok(Some(End { at: expires, refusal: expired(expires) })),
        }
    }
}
