//! Messages as they are sent to the other services that share a store.

use ably_auth_core::Timestamp;
use serde::Deserialize;
use serde::ser::{Serialize, SerializeSeq as _, Serializer};

use super::{Message, Published, Stored};

/// The maximum length of a serial that another service gave, in bytes.
const MAX_SERIAL: usize = 64;

/// Messages for the other services: each with what a service reads only from another one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RelayedMessages<'a>(pub(crate) &'a [Stored]);

#[derive(serde::Serialize)]
struct Outgoing<'a> {
    published: Timestamp,
    serial: &'a str,
    claim: Option<&'a str>,
    message: Published<'a>,
}

impl Serialize for RelayedMessages<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.0.len()))?;
        for stored in self.0 {
            list.serialize_element(&Outgoing {
                published: stored.serial.published,
                serial: &stored.public_serial(),
                claim: stored.message.user_claim(),
                message: stored.published(true),
            })?;
        }
        list.end()
    }
}

/// A message that was published at another service.
#[derive(Debug, Deserialize)]
pub(crate) struct ReceivedMessage {
    published: Timestamp,
    serial: Box<str>,
    claim: Option<Box<str>>,
    message: Message,
}

impl ReceivedMessage {
    /// Returns the time of the message, and the message as a connection there published it. Returns `None` if the other
    /// service has not set what every message has.
    pub(crate) fn into_message(self, publisher: Option<&str>) -> Option<(Timestamp, Message)> {
        let Self { published, serial, claim, message } = self;
        (serial.len() <= MAX_SERIAL && message.id().is_some())
            .then(|| (published, message.of_other_service(serial, publisher, claim.as_deref())))
    }
}
