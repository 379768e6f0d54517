//! The protocol message.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::Serialize;
use serde::de::{self, Deserialize, Deserializer};

use super::action::Action;
use super::details::{AuthDetails, ConnectionDetails};
use super::value::{Fields, Value};
use crate::error::ErrorInfo;
use crate::time::Timestamp;

/// A protocol message (`TR4`).
///
/// Setters have the names of the fields, and getters begin with `get_`. Fields that this version does not know are kept
/// (`RTF1`): see [`field`](Self::field). A field of an unexpected type is left out. `Debug` shows no token, no connection
/// key and no content of messages.
///
/// ```
/// use ably_auth_core::realtime::{Action, ProtocolMessage, Value};
///
/// let publish = ProtocolMessage::new(Action::Message)
///     .channel("chat")
///     .msg_serial(0)
///     .messages([Value::map([("data", Value::from("hello"))])]);
/// let json = r#"{"action":15,"channel":"chat","messages":[{"data":"hello"}],"msgSerial":0}"#;
/// assert_eq!(serde_json::to_string(&publish)?, json);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProtocolMessage {
    action: Action,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel_serial: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connection_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connection_details: Option<ConnectionDetails>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth: Option<AuthDetails>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorInfo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flags: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    messages: Option<Vec<Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    presence: Option<Vec<Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    msg_serial: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    params: Option<BTreeMap<String, Value>>,
    #[serde(flatten)]
    other: BTreeMap<String, Value>,
}

impl ProtocolMessage {
    /// Creates a message with only an action.
    #[must_use]
    pub const fn new(action: Action) -> Self {
        Self {
            action,
            id: None,
            channel: None,
            channel_serial: None,
            connection_id: None,
            connection_details: None,
            auth: None,
            error: None,
            flags: None,
            messages: None,
            presence: None,
            msg_serial: None,
            count: None,
            timestamp: None,
            params: None,
            other: BTreeMap::new(),
        }
    }

    /// Returns the action (`TR4a`).
    #[must_use]
    pub const fn action(&self) -> Action {
        self.action
    }

    /// Sets the id.
    #[must_use]
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Returns the id, which a HEARTBEAT and its answer have in common.
    #[must_use]
    pub fn get_id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Sets the channel.
    #[must_use]
    pub fn channel(mut self, channel: impl Into<String>) -> Self {
        self.channel = Some(channel.into());
        self
    }

    /// Returns the channel (`TR4b`).
    #[must_use]
    pub fn get_channel(&self) -> Option<&str> {
        self.channel.as_deref()
    }

    /// Sets the serial of the channel, from which an ATTACH continues.
    #[must_use]
    pub fn channel_serial(mut self, serial: impl Into<String>) -> Self {
        self.channel_serial = Some(serial.into());
        self
    }

    /// Returns the serial of the channel (`TR4c`).
    #[must_use]
    pub fn get_channel_serial(&self) -> Option<&str> {
        self.channel_serial.as_deref()
    }

    /// Returns the id of the connection (`TR4d`).
    #[must_use]
    pub fn get_connection_id(&self) -> Option<&str> {
        self.connection_id.as_deref()
    }

    /// Returns the properties of the connection, from CONNECTED (`TR4o`).
    #[must_use]
    pub const fn get_connection_details(&self) -> Option<&ConnectionDetails> {
        self.connection_details.as_ref()
    }

    /// Sets the credential of an AUTH.
    #[must_use]
    pub fn auth(mut self, auth: AuthDetails) -> Self {
        self.auth = Some(auth);
        self
    }

    /// Returns the credential of an AUTH (`TR4p`).
    #[must_use]
    pub const fn get_auth(&self) -> Option<&AuthDetails> {
        self.auth.as_ref()
    }

    /// Sets the error.
    #[must_use]
    pub fn error(mut self, error: ErrorInfo) -> Self {
        self.error = Some(error);
        self
    }

    /// Returns the error (`TR4h`).
    #[must_use]
    pub const fn get_error(&self) -> Option<&ErrorInfo> {
        self.error.as_ref()
    }

    /// Sets the [flags](super::flags).
    #[must_use]
    pub const fn flags(mut self, flags: u64) -> Self {
        self.flags = Some(flags);
        self
    }

    /// Returns the [flags](super::flags) (`TR4i`), or 0 without any.
    #[must_use]
    pub fn get_flags(&self) -> u64 {
        self.flags.unwrap_or_default()
    }

    /// Sets the messages of a MESSAGE.
    #[must_use]
    pub fn messages(mut self, messages: impl IntoIterator<Item = Value>) -> Self {
        self.messages = Some(messages.into_iter().collect());
        self
    }

    /// Returns the messages of a MESSAGE (`TR4k`).
    #[must_use]
    pub fn get_messages(&self) -> &[Value] {
        self.messages.as_deref().unwrap_or_default()
    }

    /// Sets the presence messages of a PRESENCE.
    #[must_use]
    pub fn presence(mut self, presence: impl IntoIterator<Item = Value>) -> Self {
        self.presence = Some(presence.into_iter().collect());
        self
    }

    /// Returns the presence messages of a PRESENCE or SYNC (`TR4l`).
    #[must_use]
    pub fn get_presence(&self) -> &[Value] {
        self.presence.as_deref().unwrap_or_default()
    }

    /// Sets the serial that an ACK or NACK answers to.
    #[must_use]
    pub const fn msg_serial(mut self, serial: u64) -> Self {
        self.msg_serial = Some(serial);
        self
    }

    /// Returns the serial of the message, or the first that an ACK or NACK answers to (`TR4j`).
    #[must_use]
    pub const fn get_msg_serial(&self) -> Option<u64> {
        self.msg_serial
    }

    /// Returns the number of messages that an ACK or NACK answers to (`TR4f`).
    #[must_use]
    pub const fn get_count(&self) -> Option<u64> {
        self.count
    }

    /// Returns the time at which the service received the message (`TR4n`).
    #[must_use]
    pub const fn get_timestamp(&self) -> Option<Timestamp> {
        self.timestamp
    }

    /// Sets the parameters of an ATTACH, such as `rewind`.
    #[must_use]
    pub fn params<K: Into<String>>(mut self, params: impl IntoIterator<Item = (K, Value)>) -> Self {
        self.params = Some(params.into_iter().map(|(name, value)| (name.into(), value)).collect());
        self
    }

    /// Returns a parameter of the channel (`TR4q`).
    #[must_use]
    pub fn get_param(&self, name: &str) -> Option<&Value> {
        self.params.as_ref()?.get(name)
    }

    /// Sets a field that this version does not know, by its name on the wire. A field that has a setter is written
    /// twice, so use its setter.
    #[must_use]
    pub fn field(mut self, name: impl Into<String>, value: Value) -> Self {
        self.other.insert(name.into(), value);
        self
    }

    /// Returns a field that this version does not know, by its name on the wire.
    #[must_use]
    pub fn get_field(&self, name: &str) -> Option<&Value> {
        self.other.get(name)
    }
}

/// Reads all fields as values first. serde's derived implementation would buffer unknown fields itself, and reserve a
/// megabyte for each list of a MessagePack text that announces a large length.
impl<'de> Deserialize<'de> for ProtocolMessage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Fields(mut other) = Fields::deserialize(deserializer)?;
        let mut take = |name| other.remove(name).unwrap_or_default();
        let Value::Unsigned(action) = take("action") else {
            return Err(de::Error::custom("a protocol message has a number as `action`"));
        };
        Ok(Self {
            action: Action::from_number(action),
            id: take("id").into_text(),
            channel: take("channel").into_text(),
            channel_serial: take("channelSerial").into_text(),
            connection_id: take("connectionId").into_text(),
            connection_details: take("connectionDetails").into_fitting(),
            auth: take("auth").into_fitting(),
            error: take("error").into_fitting(),
            flags: take("flags").into_whole(),
            messages: take("messages").into_list(),
            presence: take("presence").into_list(),
            msg_serial: take("msgSerial").into_whole(),
            count: take("count").into_whole(),
            timestamp: take("timestamp").into_fitting(),
            params: take("params").into_map(),
            other,
        })
    }
}

impl fmt::Debug for ProtocolMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProtocolMessage")
            .field("action", &self.action)
            .field("id", &self.id)
            .field("channel", &self.channel)
            .field("msg_serial", &self.msg_serial)
            .field("flags", &self.flags)
            .field("error", &self.error)
            .field("connection_details", &self.connection_details)
            .finish_non_exhaustive()
    }
}
