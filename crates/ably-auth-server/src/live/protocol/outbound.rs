//! Protocol messages to clients.

use ably_auth_core::{ErrorInfo, Timestamp};
use bytes::Bytes;
use serde::ser::{Serialize, SerializeSeq as _, Serializer};

use super::Action;
use crate::channels::Stored;
use crate::channels::presence::PresentMember;
use crate::format::Format;

/// The maximum size of a message that a client may publish, in bytes (`TO3l8`).
pub(crate) const MAX_MESSAGE_SIZE: usize = 64 * 1024;

/// The maximum size of a frame, in bytes (`CD2d`).
pub(crate) const MAX_FRAME_SIZE: usize = 512 * 1024;

/// A protocol message to a client. Fields without a value are left out.
#[derive(Clone, Copy, Debug, Default, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Outbound<'a> {
    pub(crate) action: Action,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) channel: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) channel_serial: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) connection_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) connection_details: Option<ConnectionDetails<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) msg_serial: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) count: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) flags: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<&'a ErrorInfo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) timestamp: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) params: Option<Params<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) res: Option<[PublishResult<'a>; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) messages: Option<Messages<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) presence: Option<Members<'a>>,
}

/// The details of a connection (`CD2`).
#[derive(Clone, Copy, Debug, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ConnectionDetails<'a> {
    /// The identity of the client; `*` if it may assume any; left out if it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_id: Option<&'a str>,
    pub(crate) connection_key: &'a str,
    pub(crate) max_message_size: usize,
    pub(crate) max_frame_size: usize,
    /// The maximum rate of messages from the client, per second.
    pub(crate) max_inbound_rate: u32,
    /// The time for which a lost connection can be resumed, in milliseconds.
    pub(crate) connection_state_ttl: u64,
    /// The maximum time without a message from the service, in milliseconds.
    pub(crate) max_idle_interval: u64,
    pub(crate) server_id: &'a str,
}

/// The parameters of an attachment, as the service applies them.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub(crate) struct Params<'a> {
    pub(crate) rewind: &'a str,
}

/// The result of one published message (`TR4s`).
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub(crate) struct PublishResult<'a> {
    pub(crate) serials: &'a [String],
}

/// Published messages, for a format that has a byte type if `has_bytes` is true.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Messages<'a> {
    pub(crate) messages: &'a [Stored],
    pub(crate) has_bytes: bool,
}

impl Serialize for Messages<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.messages.len()))?;
        self.messages.iter().try_for_each(|message| list.serialize_element(&message.published(self.has_bytes)))?;
        list.end()
    }
}

/// Presence messages, for a format that has a byte type if `has_bytes` is true.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Members<'a> {
    pub(crate) members: &'a [PresentMember],
    pub(crate) has_bytes: bool,
}

impl Serialize for Members<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.members.len()))?;
        self.members.iter().try_for_each(|member| list.serialize_element(&member.rendered(self.has_bytes)))?;
        list.end()
    }
}

impl Outbound<'_> {
    pub(crate) fn new(action: Action) -> Self {
        Self { action, ..Self::default() }
    }

    /// Encodes the message as the content of a frame.
    pub(crate) fn encode(&self, format: Format) -> Bytes {
        // Serializing to memory fails only if a value refuses to be serialized, which none of these does.
        format.encode(self).map(Bytes::from).unwrap_or_default()
    }
}
