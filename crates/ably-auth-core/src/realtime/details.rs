//! The parts of protocol messages that concern authentication.

use alloc::string::String;
use core::fmt;
use core::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};

use super::value::{Value, text, whole};
use crate::credentials::{ClientId, Token};

/// The credential of an AUTH (`AD1`). `Debug` does not show the token.
///
/// ```
/// use ably_auth_core::Token;
/// use ably_auth_core::realtime::AuthDetails;
///
/// let auth = AuthDetails::new(Token::new("xVLyHw.Dtxd9tuz")?);
/// assert_eq!(serde_json::to_string(&auth).unwrap(), r#"{"accessToken":"xVLyHw.Dtxd9tuz"}"#);
/// # Ok::<(), ably_auth_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthDetails {
    access_token: Token,
}

impl AuthDetails {
    /// Creates the credential of an AUTH with `token`.
    #[must_use]
    pub const fn new(token: Token) -> Self {
        Self { access_token: token }
    }

    /// Returns the token.
    #[must_use]
    pub const fn access_token(&self) -> &Token {
        &self.access_token
    }
}

/// The properties of a connection, from CONNECTED (`CD1`). Durations are in ms on the wire. `Debug` does not show the
/// connection key, which lets its owner resume the connection.
///
/// ```
/// use std::time::Duration;
/// use ably_auth_core::realtime::ConnectionDetails;
///
/// let details: ConnectionDetails = serde_json::from_str(r#"{"connectionKey":"k!1","maxIdleInterval":15000}"#)?;
/// assert_eq!(details.connection_key(), Some("k!1"));
/// assert_eq!(details.max_idle_interval(), Some(Duration::from_secs(15)));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConnectionDetails {
    #[serde(deserialize_with = "client_id", skip_serializing_if = "ClientId::is_none")]
    client_id: ClientId,
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    connection_key: Option<String>,
    #[serde(deserialize_with = "whole", skip_serializing_if = "Option::is_none")]
    max_message_size: Option<u64>,
    #[serde(deserialize_with = "whole", skip_serializing_if = "Option::is_none")]
    max_frame_size: Option<u64>,
    #[serde(deserialize_with = "whole", skip_serializing_if = "Option::is_none")]
    max_inbound_rate: Option<u64>,
    #[serde(deserialize_with = "whole", skip_serializing_if = "Option::is_none")]
    connection_state_ttl: Option<u64>,
    #[serde(deserialize_with = "whole", skip_serializing_if = "Option::is_none")]
    max_idle_interval: Option<u64>,
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    server_id: Option<String>,
}

fn client_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ClientId, D::Error> {
    Ok(Value::deserialize(deserializer)?.into_fitting().unwrap_or_default())
}

impl ConnectionDetails {
    /// Returns the identity of the connection (`CD2a`): none, one, or any.
    #[must_use]
    pub const fn client_id(&self) -> &ClientId {
        &self.client_id
    }

    /// Returns the secret key that resumes the connection (`CD2b`).
    #[must_use]
    pub fn connection_key(&self) -> Option<&str> {
        self.connection_key.as_deref()
    }

    /// Returns the maximum size of a message, in bytes (`CD2c`).
    #[must_use]
    pub const fn max_message_size(&self) -> Option<u64> {
        self.max_message_size
    }

    /// Returns the maximum size of a frame, in bytes (`CD2d`).
    #[must_use]
    pub const fn max_frame_size(&self) -> Option<u64> {
        self.max_frame_size
    }

    /// Returns the maximum number of messages a second (`CD2e`).
    #[must_use]
    pub const fn max_inbound_rate(&self) -> Option<u64> {
        self.max_inbound_rate
    }

    /// Returns how long a lost connection can be resumed (`CD2f`).
    #[must_use]
    pub fn connection_state_ttl(&self) -> Option<Duration> {
        self.connection_state_ttl.map(Duration::from_millis)
    }

    /// Returns the longest silence of the service (`CD2h`).
    #[must_use]
    pub fn max_idle_interval(&self) -> Option<Duration> {
        self.max_idle_interval.map(Duration::from_millis)
    }

    /// Returns the name of the server (`CD2g`).
    #[must_use]
    pub fn server_id(&self) -> Option<&str> {
        self.server_id.as_deref()
    }
}

impl fmt::Debug for ConnectionDetails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionDetails")
            .field("client_id", &self.client_id)
            .field("connection_key", &self.connection_key.as_ref().map(|_| format_args!("[redacted]")))
            .field("max_message_size", &self.max_message_size)
            .field("max_frame_size", &self.max_frame_size)
            .field("connection_state_ttl", &self.connection_state_ttl)
            .field("max_idle_interval", &self.max_idle_interval)
            .field("server_id", &self.server_id)
            .finish_non_exhaustive()
    }
}
