//! The formats of frames.

use ably_auth_core::realtime::ProtocolMessage;

use crate::error::Error;

/// The format of a connection's frames.
///
/// ```
/// use ably_auth::connection::{Action, Format, ProtocolMessage};
///
/// let attach = ProtocolMessage::new(Action::Attach).channel("chat");
/// let frame = Format::Json.encode(&attach)?;
/// assert_eq!(frame, br#"{"action":10,"channel":"chat"}"#);
/// assert_eq!(Format::Json.decode(&frame)?, attach);
/// # Ok::<(), ably_auth::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// JSON, in text frames.
    Json,
    /// MessagePack, in binary frames.
    MsgPack,
}

impl Format {
    /// Returns the value of the query parameter `format`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::MsgPack => "msgpack",
        }
    }

    /// Returns the frame of a message.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if the message has a float that JSON lacks.
    pub fn encode(self, message: &ProtocolMessage) -> Result<Vec<u8>, Error> {
        let encoded = match self {
            Self::Json => serde_json::to_vec(message).ok(),
            Self::MsgPack => rmp_serde::to_vec_named(message).ok(),
        };
        encoded.ok_or_else(|| Error::configuration("invalid message: it cannot be written in the connection's format"))
    }

    /// Returns the message of a frame.
    ///
    /// # Errors
    /// [`ErrorKind::Answer`](crate::ErrorKind::Answer) if the frame holds no protocol message.
    pub fn decode(self, frame: &[u8]) -> Result<ProtocolMessage, Error> {
        let decoded = match self {
            Self::Json => serde_json::from_slice(frame).ok(),
            Self::MsgPack => {
                let mut deserializer = rmp_serde::Deserializer::from_read_ref(frame);
                deserializer.set_max_depth(MAX_DEPTH);
                serde::Deserialize::deserialize(&mut deserializer).ok()
            }
        };
        decoded.ok_or_else(|| Error::answer("invalid frame: it holds no protocol message in the connection's format"))
    }
}

/// The maximum depth of values in MessagePack, the same as in JSON.
const MAX_DEPTH: usize = 128;
