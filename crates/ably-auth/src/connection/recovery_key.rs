//! Recovery keys.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// A key with which another client continues a connection (`RTN16`). It is a secret, and is text for storage.
///
/// ```
/// use ably_auth::connection::RecoveryKey;
///
/// let key = RecoveryKey::parse(r#"{"connectionKey":"k!1","msgSerial":3,"channelSerials":{"chat":"s7"}}"#)?;
/// assert_eq!((key.connection_key(), key.msg_serial()), ("k!1", 3));
/// assert_eq!(key.channel_serial("chat"), Some("s7"));
/// # Ok::<(), ably_auth::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecoveryKey {
    connection_key: String,
    #[serde(default)]
    msg_serial: u64,
    #[serde(default)]
    channel_serials: BTreeMap<String, String>,
}

impl RecoveryKey {
    /// Creates the key of a connection. The application knows the serials of its messages and channels (`RTN16g`).
    #[must_use]
    pub fn new<C: Into<String>, S: Into<String>>(
        connection_key: impl Into<String>,
        msg_serial: u64,
        channel_serials: impl IntoIterator<Item = (C, S)>,
    ) -> Self {
        let channel_serials =
            channel_serials.into_iter().map(|(channel, serial)| (channel.into(), serial.into())).collect();
        Self { connection_key: connection_key.into(), msg_serial, channel_serials }
    }

    /// Parses a key.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if `text` is not a recovery key.
    pub fn parse(text: &str) -> Result<Self, Error> {
        serde_json::from_str(text).map_err(|_| {
            Error::configuration("invalid recovery key: expected the text that `RecoveryKey::to_text` returned")
        })
    }

    /// Returns the key as text, which is secret.
    #[must_use]
    pub fn to_text(&self) -> String {
        // Maps with text as keys are always valid JSON.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Returns the connection key.
    #[must_use]
    pub fn connection_key(&self) -> &str {
        &self.connection_key
    }

    /// Returns the serial of the next message (`RTN16f`).
    #[must_use]
    pub const fn msg_serial(&self) -> u64 {
        self.msg_serial
    }

    /// Returns the serial of a channel, for the ATTACH (`RTN16j`).
    #[must_use]
    pub fn channel_serial(&self, channel: &str) -> Option<&str> {
        self.channel_serials.get(channel).map(String::as_str)
    }
}

impl std::fmt::Debug for RecoveryKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RecoveryKey").field("msg_serial", &self.msg_serial).finish_non_exhaustive()
    }
}
