//! The facts about credentials that were accepted.

use std::borrow::Cow;

use ably_auth_backend::credentials::Credential;
use ably_auth_core::{ClientId, KeyName, TokenDetails, UnverifiedJwt};
use ably_auth_inspect::redact;

use crate::journal::row::{CredentialFacts, CredentialKind};
use crate::policy::authenticate::Principal;

/// The maximum length of a capability that the journal keeps, in bytes.
const MAX_CAPABILITY: usize = 4096;

/// The maximum length of a text in a row, in bytes.
const MAX_TEXT: usize = 256;

/// The part of a text in which keys and tokens are looked for, in bytes. The rest is not shown.
const MAX_REDACTED: usize = 4096;

impl CredentialKind {
    /// Returns the kind of a caller's credential.
    pub(crate) fn of(principal: &Principal) -> Self {
        match principal.token() {
            None => Self::Key,
            Some(token) if token.claims().is_some() => Self::Jwt,
            Some(_) => Self::Token,
        }
    }
}

impl<'a> CredentialFacts<'a> {
    /// Returns the facts about the credential of a caller.
    pub(crate) fn of(principal: &'a Principal) -> Self {
        let token = principal.token();
        Self {
            kind: CredentialKind::of(principal),
            key: Cow::Borrowed(principal.key.name()),
            client_id: token.and_then(|token| client_id(token.client_id())),
            capability: limited(principal.capability().to_string()),
            validity: token.map(|token| (token.issued(), token.expires())),
        }
    }

    /// Returns the facts about a token that was issued.
    pub(crate) fn of_details(details: &'a TokenDetails) -> Option<Self> {
        Some(Self {
            kind: CredentialKind::Token,
            key: Cow::Borrowed(details.key_name()?),
            client_id: client_id(details.client_id()),
            capability: limited(details.capability_text().unwrap_or_default()),
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

/// Returns true if the name of a key is very long, or has the form of a token, which somebody sent in its place.
pub(crate) fn is_secret(name: &KeyName) -> bool {
    name.as_str().len() > MAX_TEXT || matches!(redact(name.as_str()), Cow::Owned(_))
}

/// Returns the key that a refused credential names.
pub(crate) fn named_key(credential: Option<&str>) -> Option<KeyName> {
    let credential = credential?;
    // A JWT with invalid claims still names its key.
    if let Ok(jwt) = UnverifiedJwt::parse(credential) {
        return Some(jwt.key_name().clone()).filter(|name| !is_secret(name));
    }
    // A native token does not name its key, but may have the form of one.
    let (name, _) = credential.split_once(':')?;
    KeyName::parse(name).ok().filter(|name| !is_secret(name))
}

/// Returns a text, or the beginning of a long one.
pub(crate) fn limited<'a>(text: impl Into<Cow<'a, str>>) -> Cow<'a, str> {
    let text = text.into();
    match start(&text, MAX_CAPABILITY) {
        short if short.len() == text.len() => text,
        short => format!("{short}…").into(),
    }
}

/// Returns the beginning of a text from outside, for a row of the log, without keys and tokens.
pub(crate) fn shown(text: &str) -> Cow<'_, str> {
    match redact(start(text, MAX_REDACTED)) {
        Cow::Borrowed(text) => start(text, MAX_TEXT).into(),
        Cow::Owned(text) => start(&text, MAX_TEXT).to_owned().into(),
    }
}

/// Returns at most the first `max` bytes of a text.
fn start(text: &str, max: usize) -> &str {
    let end = if text.len() <= max {
        text.len()
    } else {
        (0..=max).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0)
    };
    text.get(..end).unwrap_or_default()
}

fn client_id(client_id: &ClientId) -> Option<Cow<'_, str>> {
    client_id.as_str().map(shown)
}
