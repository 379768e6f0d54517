//! The facts about credentials that were accepted.

use ably_auth_backend::credentials::Credential;
use ably_auth_core::{ClientId, KeyName, Timestamp, TokenDetails};

use crate::journal::row::{CredentialFacts, CredentialKind};
use crate::policy::authenticate::Principal;

/// The maximum length of a capability that the journal keeps, in bytes.
const MAX_CAPABILITY: usize = 4096;

impl CredentialFacts {
    /// Returns the facts about the credential of a caller.
    pub(crate) fn of(principal: &Principal) -> Self {
        let token = principal.token();
        let kind = match token {
            None => CredentialKind::Key,
            Some(token) if token.claims().is_some() => CredentialKind::Jwt,
            Some(_) => CredentialKind::Token,
        };
        Self {
            kind,
            key: principal.key.name().clone(),
            client_id: token.and_then(|token| client_id(token.client_id())),
            capability: limited(principal.capability().to_string()),
            validity: token.map(|token| (token.issued(), token.expires())),
        }
    }

    /// Returns the facts about a token that was issued.
    pub(crate) fn of_details(details: &TokenDetails) -> Option<Self> {
        Some(Self {
            kind: CredentialKind::Token,
            key: details.key_name()?.clone(),
            client_id: client_id(details.client_id()),
            capability: limited(details.capability_text().unwrap_or_default().to_owned()),
            validity: details.issued().zip(details.expires()),
        })
    }
}

/// Returns the text of a credential. It is secret: use it only to report on it.
pub(crate) fn credential_text(credential: &Credential) -> String {
    match credential {
        Credential::Token(token) => token.expose().into(),
        Credential::Key(key) => format!("{}:{}", key.key_name(), key.secret().expose()),
    }
}

/// Returns the key that a refused credential names.
pub(crate) fn named_key(credential: Option<&str>) -> Option<KeyName> {
    let report = ably_auth_inspect::inspect(credential?, Timestamp::from_millis(0));
    KeyName::parse(report.members().get("keyName")?.as_str()?).ok()
}

/// Returns a capability's text, or the beginning of a long one.
pub(super) fn limited(mut text: String) -> Box<str> {
    if text.len() > MAX_CAPABILITY {
        let end = (0..=MAX_CAPABILITY).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
        text.truncate(end);
        text.push('…');
    }
    text.into()
}

fn client_id(client_id: &ClientId) -> Option<Box<str>> {
    client_id.as_str().map(Into::into)
}
