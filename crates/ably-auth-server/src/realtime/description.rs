//! The description of a connection for the console.

use std::sync::Arc;

use ably_auth_core::ClientId;

use super::connection::Connection;
use crate::journal::row::CredentialKind;
use crate::live::inquiry::Description;
use crate::policy::authenticate::Principal;
use crate::sync::lock;

impl Connection {
    /// Returns the state of the connection.
    pub(super) fn describe(&self) -> Description {
        let (session, mailbox) = (&self.session, self.mailbox());
        let principal = session.principal();
        let token = principal.token();
        let (prompt_at, is_prompted) = session.prompt();
        Description {
            number: mailbox.number,
            id: (&*mailbox.connection_id).into(),
            key: principal.key.name().clone(),
            client_id: session.client_id().map(Box::from),
            credential: CredentialKind::of(principal),
            opened: self.opened,
            validity: token.map(|token| (token.issued(), token.expires())),
            prompt_at,
            is_prompted,
            capability: Arc::new(principal.capability().clone()),
            channels: session.attached().map(Box::from).collect(),
            presence: lock(&mailbox.entered).channels.iter().cloned().collect(),
            target: narrowest_target(principal),
        }
    }
}

/// Returns the attribute by which a revocation concerns the token and the fewest others.
fn narrowest_target(principal: &Principal) -> Result<String, &'static str> {
    let Some(subject) = principal.subject() else {
        return Err("the connection has the key itself, not a token; revoke the key, or end the connection");
    };
    match (subject.revocation_key, subject.client_id) {
        (Some(revocation_key), _) => Ok(format!("revocationKey:{revocation_key}")),
        (None, ClientId::Identified(client_id)) => Ok(format!("clientId:{}", client_id.as_str())),
        (None, _) => Err("the token has neither a clientId nor a revocation key by which it can be revoked; give its \
                          clients a clientId, or end the connection"),
    }
}
