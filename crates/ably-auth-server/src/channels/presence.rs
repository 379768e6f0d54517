//! Presence: messages by which clients enter and leave a channel, and the members that result.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use ably_auth_core::Timestamp;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use serde::ser::{Serialize, SerializeMap as _, Serializer};

use super::data::{self, Data};
use crate::raw::RawValue;

/// The event of a presence message (`TP2`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PresenceAction {
    Absent = 0,
    Present = 1,
    Enter = 2,
    Leave = 3,
    Update = 4,
}

impl PresenceAction {
    const ALL: [Self; 5] = [Self::Absent, Self::Present, Self::Enter, Self::Leave, Self::Update];
}

impl<'de> Deserialize<'de> for PresenceAction {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = usize::deserialize(deserializer)?;
        Self::ALL.get(number).copied().ok_or_else(|| D::Error::custom("unknown presence action, expected 0 to 4"))
    }
}

/// A presence message from a client. Other fields are ignored.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PresenceMessage {
    pub(crate) action: PresenceAction,
    #[serde(default)]
    pub(crate) client_id: Option<Box<str>>,
    #[serde(default)]
    data: Option<Data>,
    #[serde(default)]
    encoding: Option<Box<str>>,
    #[serde(default)]
    extras: Option<RawValue>,
}

impl PresenceMessage {
    pub(crate) const fn names_client(&self) -> bool {
        self.client_id.is_some()
    }

    /// Returns the size of the message by which `maxMessageSize` limits it, in bytes.
    pub(crate) fn payload(&self) -> usize {
        let texts = [&self.client_id, &self.encoding].map(|text| text.as_deref().map_or(0, str::len));
        let values = [self.data.as_ref().map_or(0, Data::size), self.extras.as_ref().map_or(0, RawValue::size)];
        texts.into_iter().chain(values).fold(0, usize::saturating_add)
    }

    /// Returns the message as others see it.
    pub(crate) fn of_member(
        self,
        client_id: &str,
        connection_id: &Arc<str>,
        id: String,
        now: Timestamp,
    ) -> PresentMember {
        PresentMember {
            action: self.action,
            id: id.into(),
            client_id: client_id.into(),
            connection_id: Arc::clone(connection_id),
            timestamp: now,
            data: self.data,
            encoding: self.encoding,
            extras: self.extras,
            is_local: true,
        }
    }
}

/// A presence message as the service sends it: an event of a member, or the member itself.
#[derive(Clone, Debug)]
pub(crate) struct PresentMember {
    pub(crate) action: PresenceAction,
    id: Box<str>,
    pub(crate) client_id: Box<str>,
    pub(crate) connection_id: Arc<str>,
    timestamp: Timestamp,
    data: Option<Data>,
    encoding: Option<Box<str>>,
    extras: Option<RawValue>,
    /// False if the connection of the member is one of another service.
    pub(crate) is_local: bool,
}

impl<'de> Deserialize<'de> for PresentMember {
    /// Reads a member that another service sent.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Received {
            action: PresenceAction,
            id: Box<str>,
            client_id: Box<str>,
            connection_id: Box<str>,
            timestamp: Timestamp,
            data: Option<Data>,
            encoding: Option<Box<str>>,
            extras: Option<RawValue>,
        }

        let Received { action, id, client_id, connection_id, timestamp, data, encoding, extras } =
            Received::deserialize(deserializer)?;
        let connection_id = connection_id.into();
        Ok(Self { action, id, client_id, connection_id, timestamp, data, encoding, extras, is_local: false })
    }
}

impl PresentMember {
    /// Returns whether both are the same message of a member.
    pub(crate) fn is_same_message(&self, other: &Self) -> bool {
        self.id == other.id
    }

    /// Returns the member as a message that says that it has left. `cause` makes its id unique for its connection.
    pub(crate) fn left(&self, cause: impl fmt::Display, now: Timestamp) -> Self {
        // Clients read a serial after an id that begins with the connection's, and drop what has none. All others they
        // compare by timestamp (`RTP2b1`).
        let id = format!("left:{}:{cause}", self.connection_id).into();
        Self { action: PresenceAction::Leave, id, timestamp: now.max(self.timestamp), ..self.clone() }
    }

    /// Returns approximately how many bytes of memory the member uses.
    pub(crate) fn size(&self) -> usize {
        let texts = [self.id.len(), self.client_id.len(), self.encoding.as_deref().map_or(0, str::len)];
        let values = [self.data.as_ref().map_or(0, Data::size), self.extras.as_ref().map_or(0, RawValue::size)];
        texts.into_iter().chain(values).fold(size_of::<Self>(), usize::saturating_add)
    }

    /// Returns the message ready to serialize, for a format that has a byte type if `has_bytes` is true.
    pub(crate) fn rendered(&self, has_bytes: bool) -> impl Serialize + '_ {
        Rendered { member: self, has_bytes }
    }
}

struct Rendered<'a> {
    member: &'a PresentMember,
    has_bytes: bool,
}

impl Serialize for Rendered<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let PresentMember { action, id, client_id, connection_id, timestamp, data, encoding, extras, is_local: _ } =
            self.member;
        let encoding = data::rendered_encoding(data.as_ref(), encoding.as_deref(), self.has_bytes);
        let optional = [data.is_some(), encoding.is_some(), extras.is_some()];
        let fields = optional.into_iter().filter(|is_there| *is_there).count().saturating_add(5);
        let mut object = serializer.serialize_map(Some(fields))?;
        object.serialize_entry("action", &(*action as u8))?;
        object.serialize_entry("id", id)?;
        object.serialize_entry("clientId", client_id)?;
        object.serialize_entry("connectionId", &**connection_id)?;
        object.serialize_entry("timestamp", timestamp)?;
        data::write_content(&mut object, data.as_ref(), encoding.as_deref(), extras.as_ref(), self.has_bytes)?;
        object.end()
    }
}

/// The presence members of a channel: at most one for each client of each connection.
#[derive(Debug, Default)]
pub(crate) struct Members {
    members: BTreeMap<(Arc<str>, Box<str>), PresentMember>,
    /// The memory that all members use.
    bytes: usize,
}

impl Members {
    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    /// Returns the number of connections that have members.
    pub(crate) fn connections(&self) -> usize {
        let mut ids: Vec<_> = self.members.keys().map(|(connection_id, _)| connection_id).collect();
        // The keys are sorted by connection.
        ids.dedup();
        ids.len()
    }

    pub(crate) fn get(&self, connection_id: &Arc<str>, client_id: &str) -> Option<&PresentMember> {
        self.members.get(&(Arc::clone(connection_id), client_id.into()))
    }

    /// Returns how many bytes of memory the member uses that the message would replace, if there is one.
    pub(crate) fn size_of(&self, connection_id: &Arc<str>, client_id: &str) -> Option<usize> {
        self.get(connection_id, client_id).map(PresentMember::size)
    }

    /// Applies a message: adds, replaces or removes its member.
    pub(crate) fn apply(&mut self, message: &PresentMember) {
        let key = (Arc::clone(&message.connection_id), message.client_id.clone());
        let before = match message.action {
            PresenceAction::Leave | PresenceAction::Absent => self.members.remove(&key),
            PresenceAction::Present | PresenceAction::Enter | PresenceAction::Update => {
                self.bytes = self.bytes.saturating_add(message.size());
                self.members.insert(key, PresentMember { action: PresenceAction::Present, ..message.clone() })
            }
        };
        self.bytes = self.bytes.saturating_sub(before.as_ref().map_or(0, PresentMember::size));
    }

    /// Returns how many bytes of memory all members use.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns the members of a connection.
    pub(crate) fn of_connection(&self, connection_id: &Arc<str>) -> impl Iterator<Item = &PresentMember> {
        let from = (Arc::clone(connection_id), "".into());
        let all = self.members.range(from..).take_while(move |((owner, _), _)| owner == connection_id);
        all.map(|(_, member)| member)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &PresentMember> {
        self.members.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leave_by_service_has_no_id_of_its_connection() {
        let connection_id: Arc<str> = "connection".into();
        let enter: PresenceMessage = serde_json::from_str(r#"{"action":2,"data":"a"}"#).unwrap();
        let member = enter.of_member("bob", &connection_id, "connection:7:0".into(), Timestamp::from_millis(1));
        let left = [member.left("3:0", Timestamp::from_millis(2)), member.left("3:1", Timestamp::from_millis(2))];
        let read = left.map(|left| serde_json::to_value(left.rendered(false)).unwrap());
        for left in &read {
            assert!(!left["id"].as_str().unwrap().starts_with("connection"), "{left}");
            assert_eq!((&left["action"], &left["timestamp"]), (&3.into(), &2.into()));
            assert_eq!((&left["clientId"], &left["connectionId"]), (&"bob".into(), &"connection".into()));
        }
        assert_ne!(read[0]["id"], read[1]["id"]);
    }
}
