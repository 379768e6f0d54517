//! The request for a connection: its parameters and its credential.

use std::borrow::Cow;

use ably_auth_backend::credentials::{self, Accepted, Credential};
use ably_auth_core::{ErrorCode, ErrorInfo, Identity, jwt};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::request::Parts;
use serde::de::IgnoredAny;

use crate::format::Format;
use crate::refusal::Refusal;

/// The lowest version of the protocol that the service speaks.
const MIN_VERSION: u32 = 2;

/// The maximum length of a connection key, in bytes: twice that of one that the service issues.
const MAX_CONNECTION_KEY: usize = 128;

/// The request for a connection (`RTN2`). It has no `Debug`, since the connection key is a secret.
pub(crate) struct Opening {
    pub(crate) format: Format,
    /// False if the connection does not receive what it publishes.
    pub(crate) echo: bool,
    /// True if the client needs HEARTBEAT messages, because it cannot see WebSocket pings.
    pub(crate) heartbeats: bool,
    /// The connection key of a connection to resume or recover.
    pub(crate) resume: Option<Box<str>>,
    /// The credential, and the identity that the client claims; or the refusal of the request.
    pub(crate) claim: Result<(Credential, Option<Identity>), Refusal>,
}

impl Opening {
    /// Reads a request. `may_hold_keys` is true if a key may be sent on this socket.
    pub(crate) fn of(parts: &Parts, may_hold_keys: bool) -> Self {
        let query = parts.uri.query().unwrap_or_default();
        let value = |name: &str| -> Option<Cow<'_, str>> {
            form_urlencoded::parse(query.as_bytes()).find(|(found, _)| found == name).map(|(_, value)| value)
        };
        let is = |name, expected| value(name).as_deref() == Some(expected);
        let resume = value("resume").or_else(|| value("recover"));
        Self {
            format: if is("format", "msgpack") { Format::MsgPack } else { Format::Json },
            echo: !is("echo", "false"),
            heartbeats: is("heartbeats", "true"),
            resume: resume.filter(|key| key.len() <= MAX_CONNECTION_KEY && !key.is_empty()).map(Into::into),
            claim: check_parameters(value("v").as_deref(), value("format").as_deref())
                .and_then(|()| read_claim(parts, value("clientId"), may_hold_keys)),
        }
    }

    /// Returns whether the credential is a token.
    pub(crate) const fn has_token(&self) -> bool {
        matches!(self.claim, Ok((Credential::Token(_), _)))
    }
}

fn check_parameters(version: Option<&str>, format: Option<&str>) -> Result<(), Refusal> {
    let major = version.map(|version| version.split('.').next().unwrap_or_default().parse::<u32>());
    if major.is_some_and(|major| major.is_ok_and(|major| major < MIN_VERSION)) {
        let message = format!("unsupported protocol version; send `v={MIN_VERSION}` or later");
        return Err(Refusal::new(ErrorCode::UNSUPPORTED_PROTOCOL_VERSION, message));
    }
    if format.is_some_and(|format| format != "json" && format != "msgpack") {
        return Err(Refusal::new(ErrorCode::INVALID_PARAMETER, "unknown format; send `json` or `msgpack`"));
    }
    Ok(())
}

fn read_claim(
    parts: &Parts,
    client_id: Option<Cow<'_, str>>,
    may_hold_keys: bool,
) -> Result<(Credential, Option<Identity>), Refusal> {
    let credential = match credentials::from_query(&parts.uri, Accepted::TokensAndKeys)? {
        None => credentials::from_headers(&parts.headers, Accepted::TokensAndKeys)?,
        credential => credential,
    };
    let credential = credential.ok_or_else(ably_auth_backend::Refusal::missing_credential)?;
    if matches!(credential, Credential::Key(_)) && !may_hold_keys {
        return Err(Refusal::key_without_tls());
    }
    // A client that may assume any identity sends `*`.
    let claimed = match client_id.filter(|client_id| *client_id != "*") {
        Some(client_id) => Some(Identity::new(&client_id)?),
        None => credentials::claimed_identity(&parts.headers)?,
    };
    Ok((credential, claimed))
}

/// Refuses a JWT whose header or payload is not JSON in base64, so that its client does not try again.
pub(super) fn check_readable(credential: &Credential) -> Result<(), Refusal> {
    let Credential::Token(token) = credential else {
        return Ok(());
    };
    let is_json = |part: &str| {
        let decoded = URL_SAFE_NO_PAD.decode(part);
        decoded.is_ok_and(|json| serde_json::from_slice::<IgnoredAny>(&json).is_ok())
    };
    let text = token.expose();
    if !jwt::has_jwt_form(text) || text.split('.').take(2).all(is_json) {
        return Ok(());
    }
    let message = "invalid JWT: its header or payload is not JSON in base64url; pass it on exactly as it was minted";
    Err(Refusal::new(ErrorCode::INVALID_CREDENTIALS, message))
}

/// Returns the error of a connection whose credential is refused. Unreadable credentials, unknown apps and unknown keys
/// are 40101 on a connection, so that clients do not try again. A token of an unknown key is 40143: another token may help.
pub(crate) fn as_connection_error(refusal: &Refusal, is_token: bool) -> ErrorInfo {
    let info = refusal.info();
    match info.code() {
        ErrorCode::NOT_FOUND if is_token => ErrorInfo::new(ErrorCode::TOKEN_UNRECOGNISED, info.message()),
        ErrorCode::INVALID_CREDENTIAL | ErrorCode::INVALID_TOKEN | ErrorCode::NOT_FOUND => {
            ErrorInfo::new(ErrorCode::INVALID_CREDENTIALS, info.message())
        }
        _ => info.clone(),
    }
}
