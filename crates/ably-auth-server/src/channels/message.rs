//! A message, as it is published and as it is stored.

use std::fmt;
use std::mem::size_of;

use ably_auth_core::{ClientId, ErrorCode, Identity, Timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap as _, Serializer};

use super::data::{self, Data};
use super::extras::Extras;
use crate::raw::{FieldCollector, RawFields};
use crate::refusal::Refusal;

/// The maximum length, in bytes, of the id that a publisher gives a message. Messages published with it, and the
/// answer, repeat it.
const MAX_ID: usize = 256;

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Message {
    id: Option<Box<str>>,
    name: Option<Box<str>>,
    client_id: Option<Box<str>>,
    data: Option<Data>,
    encoding: Option<Box<str>>,
    extras: Option<Extras>,
    /// The connection that published the message, if it did not come in a request.
    connection_id: Option<Box<str>>,
    /// The serial that another service gave the message, if it was published there.
    foreign_serial: Option<Box<str>>,
    /// True if the message is to change or delete another one.
    is_edit: bool,
    other: RawFields,
}

/// The publisher of a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Author<'a> {
    /// The identity that the publisher acts as; `None` for an anonymous one.
    pub(crate) identity: Option<&'a Identity>,
    /// The clientId of the publisher's credential.
    pub(crate) client_id: &'a ClientId,
    /// The publisher's claim for the channel.
    pub(crate) user_claim: Option<&'a str>,
    /// The connection of the publisher, if there is one.
    pub(crate) connection_id: Option<&'a str>,
}

impl Author<'_> {
    /// Returns whether the author may publish with this clientId: the one that it acts as, or otherwise one that its
    /// credential permits.
    fn may_publish_as(&self, client_id: &str) -> bool {
        match self.identity {
            Some(identity) => identity.as_str() == client_id,
            None => self.client_id.permits(client_id),
        }
    }
}

impl Message {
    /// Sets the message's clientId to the author's, or checks the one that it has (`RSL1m`). Adds the author's claim to
    /// the extras.
    pub(crate) fn signed_by(mut self, author: &Author<'_>) -> Result<Self, Refusal> {
        match &self.client_id {
            None => self.client_id = author.identity.map(|identity| identity.as_str().into()),
            Some(client_id) => {
                Identity::new(client_id)?;
                if !author.may_publish_as(client_id) {
                    let message = "invalid clientId of a message: the credential does not permit it; leave it out";
                    return Err(Refusal::new(ErrorCode::INVALID_CLIENT_ID, message));
                }
            }
        }
        self.connection_id = author.connection_id.map(Into::into);
        if let Some(claim) = author.user_claim {
            self.extras = Some(self.extras.unwrap_or_default().with_user_claim(claim));
        }
        Ok(self)
    }

    /// Refuses a message whose id is too long.
    pub(crate) fn check_id(&self) -> Result<(), Refusal> {
        if self.id().is_none_or(|id| id.len() <= MAX_ID) {
            return Ok(());
        }
        let message =
            format!("invalid message id: it is longer than {MAX_ID} bytes; use a shorter one, or leave it out");
        Err(Refusal::new(ErrorCode::INVALID_MESSAGE_ID, message))
    }

    pub(crate) const fn has_client_id(&self) -> bool {
        self.client_id.is_some()
    }

    /// Returns whether the message needs the operation `privileged-headers`.
    pub(crate) fn is_privileged(&self) -> bool {
        self.extras.as_ref().is_some_and(Extras::is_privileged)
    }

    /// Returns whether the message is to change or delete another one, or to append to it.
    pub(crate) const fn is_edit(&self) -> bool {
        self.is_edit
    }

    /// Returns the size of the message by which `maxMessageSize` limits it, in bytes (`TM6`). Base64 counts as the bytes
    /// that it encodes.
    pub(crate) fn payload(&self) -> usize {
        let texts = [&self.name, &self.client_id].map(|text| text.as_deref().map_or(0, str::len));
        let is_base64 = self.encoding.as_deref().is_some_and(|encoding| encoding.ends_with("base64"));
        let data = self.data.as_ref().map_or(0, Data::size);
        let data = if is_base64 { data.saturating_sub(data / 4) } else { data };
        let values = [data, self.extras.as_ref().map_or(0, Extras::size)];
        texts.into_iter().chain(values).fold(0, usize::saturating_add)
    }

    pub(super) fn connection_id(&self) -> Option<&str> {
        self.connection_id.as_deref()
    }

    pub(super) fn foreign_serial(&self) -> Option<&str> {
        self.foreign_serial.as_deref()
    }

    pub(super) fn user_claim(&self) -> Option<&str> {
        self.extras.as_ref().and_then(Extras::user_claim)
    }

    /// Returns the message as another service published it, with the fields that only a service sets.
    pub(super) fn of_other_service(
        mut self,
        serial: Box<str>,
        connection_id: Option<&str>,
        user_claim: Option<&str>,
    ) -> Self {
        self.foreign_serial = Some(serial);
        self.connection_id = connection_id.map(Into::into);
        if let Some(claim) = user_claim {
            self.extras = Some(self.extras.unwrap_or_default().with_user_claim(claim));
        }
        self
    }

    pub(super) fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Returns whether both messages have the same id. If a connection made the id from its own, the other message must
    /// come from it too: everybody can guess such an id, and must not be able to take it first.
    pub(super) fn is_same(&self, published: &Self) -> bool {
        let is_made_of =
            |id: &str, connection: &str| id.strip_prefix(connection).is_some_and(|rest| rest.starts_with(':'));
        published.id().is_some_and(|id| {
            let is_own = published.connection_id().is_some_and(|connection| is_made_of(id, connection));
            self.id() == Some(id) && (!is_own || self.connection_id == published.connection_id)
        })
    }

    /// Gives the message an id, unless it has one.
    pub(crate) fn with_id(mut self, id: impl FnOnce() -> String) -> Self {
        self.id.get_or_insert_with(|| id().into());
        self
    }

    /// Returns approximately how many bytes of memory the message uses.
    pub(super) fn size(&self) -> usize {
        /// The overhead of an allocation, in bytes.
        const ALLOCATION: usize = 16;
        let texts = [&self.id, &self.name, &self.client_id, &self.encoding, &self.connection_id, &self.foreign_serial];
        let texts = texts.into_iter().map(|text| text.as_deref().map_or(0, str::len));
        let values =
            [self.data.as_ref().map_or(0, Data::size), self.extras.as_ref().map_or(0, Extras::size), self.other.size()];
        let parts = texts.chain(values).filter(|size| *size > 0);
        parts.map(|size| size.saturating_add(ALLOCATION)).fold(size_of::<Self>(), usize::saturating_add)
    }
}

/// A message with the fields that the service adds: the timestamp and the serial.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Published<'a> {
    pub(super) message: &'a Message,
    pub(super) serial: Serial,
    /// True if the response format has a byte type. Otherwise bytes become base64, and the encoding says so (`RSL4`).
    pub(super) has_bytes: bool,
}

/// The name of a service's run for one app, which is part of the serials that it gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run([u8; 8]);

impl Run {
    /// The number of random bytes that a name is made of.
    pub(crate) const BYTES: usize = 6;

    /// Returns a name, from random bytes.
    pub(crate) fn new(random: [u8; Self::BYTES]) -> Self {
        let mut text = [b'-'; 8];
        // 6 bytes are 8 characters of base64.
        let _ = URL_SAFE_NO_PAD.encode_slice(random, &mut text);
        Self(text)
    }
}

impl Default for Run {
    fn default() -> Self {
        Self::new([0; Self::BYTES])
    }
}

/// An identifier of a message, unique within its app. Serials sort by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Serial {
    pub(super) published: Timestamp,
    pub(super) position: u64,
    pub(super) run: Run,
}

/// A place in the messages of one run of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(super) position: u64,
    pub(super) run: Run,
}

impl Place {
    /// Reads the place from the text of a serial.
    pub(crate) fn of_serial(text: &str) -> Option<Self> {
        let (position, run) = text.split_once('-')?.1.split_once('@')?;
        Some(Self { position: position.parse().ok()?, run: Run(run.as_bytes().try_into().ok()?) })
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The run is text of base64.
        let run = std::str::from_utf8(&self.run.0).unwrap_or_default();
        write!(f, "{:014}-{:012}@{run}", self.published.as_millis(), self.position)
    }
}

impl Serialize for Published<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Message { id, name, client_id, data, encoding, extras, connection_id, foreign_serial, is_edit: _, other } =
            self.message;
        let encoding = data::rendered_encoding(data.as_ref(), encoding.as_deref(), self.has_bytes);
        let is_there = [
            id.is_some(),
            name.is_some(),
            client_id.is_some(),
            connection_id.is_some(),
            data.is_some(),
            encoding.is_some(),
            extras.is_some(),
        ];
        let optional = is_there.into_iter().filter(|is_there| *is_there).count();
        // Two more for the timestamp and the serial.
        let fields = optional.saturating_add(2).saturating_add(other.count());
        let mut object = serializer.serialize_map(Some(fields))?;
        let texts = [("id", id), ("name", name), ("clientId", client_id), ("connectionId", connection_id)];
        for (field, value) in texts {
            if let Some(value) = value {
                object.serialize_entry(field, value)?;
            }
        }
        data::write_content(&mut object, data.as_ref(), encoding.as_deref(), extras.as_ref(), self.has_bytes)?;
        object.serialize_entry("timestamp", &self.serial.published)?;
        match foreign_serial {
            Some(serial) => object.serialize_entry("serial", serial)?,
            None => object.serialize_entry("serial", &self.serial.to_string())?,
        }
        other.write_to(&mut object)?;
        object.end()
    }
}

impl<'de> Deserialize<'de> for Message {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Fields)
    }
}

struct Fields;

/// Sets a field, or fails if the message contains it twice.
fn set<T, E: de::Error>(field: &mut Option<T>, name: &'static str, value: Option<T>) -> Result<(), E> {
    if field.is_some() {
        return Err(E::duplicate_field(name));
    }
    *field = value;
    Ok(())
}

impl<'de> Visitor<'de> for Fields {
    type Value = Message;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a message")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Message, A::Error> {
        let (mut message, mut other) = (Message::default(), FieldCollector::default());
        while let Some(name) = map.next_key::<String>()? {
            match &*name {
                "id" => set(&mut message.id, "id", map.next_value()?)?,
                "name" => set(&mut message.name, "name", map.next_value()?)?,
                "clientId" => set(&mut message.client_id, "clientId", map.next_value()?)?,
                "data" => set(&mut message.data, "data", map.next_value()?)?,
                "encoding" => set(&mut message.encoding, "encoding", map.next_value()?)?,
                "extras" => set(&mut message.extras, "extras", map.next_value()?)?,
                // Only the service sets these; values from the publisher are ignored. A connection key is a secret.
                "timestamp" | "serial" | "connectionId" | "connectionKey" => drop(map.next_value::<IgnoredAny>()?),
                // 0 creates a message, as does no action.
                "action" => message.is_edit = map.next_value::<Option<u64>>()?.is_some_and(|action| action > 0),
                name => other.add(name, &mut map)?,
            }
        }
        message.other = other.finish();
        Ok(message)
    }
}
