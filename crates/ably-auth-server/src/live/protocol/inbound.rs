//! Protocol messages from clients.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, Deserialize, Deserializer, IgnoredAny, SeqAccess, Visitor};

use super::Action;
use crate::channels::presence::PresenceMessage;
use crate::channels::{MAX_PUBLISHED, Message};

/// A protocol message from a client. Fields that this version does not know are ignored (`RTF1`).
#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Inbound {
    pub(crate) action: Action,
    #[serde(default)]
    pub(crate) id: Option<Box<str>>,
    #[serde(default)]
    pub(crate) channel: Option<Box<str>>,
    #[serde(default)]
    pub(crate) channel_serial: Option<Box<str>>,
    #[serde(default)]
    pub(crate) msg_serial: Option<u64>,
    #[serde(default)]
    pub(crate) flags: Option<u64>,
    #[serde(default)]
    pub(crate) params: Option<AttachParams>,
    #[serde(default)]
    pub(crate) auth: Option<AuthDetails>,
    #[serde(default)]
    pub(crate) messages: AtMost<Message, MAX_PUBLISHED>,
    #[serde(default)]
    pub(crate) presence: AtMost<PresenceMessage, MAX_PRESENCE_MESSAGES>,
}

/// The fields of a protocol message that say what it answers to if the rest cannot be read.
#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Head {
    pub(crate) action: Action,
    #[serde(default)]
    pub(crate) channel: Option<Box<str>>,
    #[serde(default)]
    pub(crate) msg_serial: Option<u64>,
}

/// The maximum number of presence messages in one PRESENCE.
pub(crate) const MAX_PRESENCE_MESSAGES: usize = 100;

/// A list that keeps its first `MOST` values, so that a long list uses little memory.
#[derive(Debug)]
pub(crate) struct AtMost<T, const MOST: usize> {
    pub(crate) values: Vec<T>,
    /// True if the list had more values.
    pub(crate) is_cut: bool,
}

impl<T, const MOST: usize> Default for AtMost<T, MOST> {
    fn default() -> Self {
        Self { values: Vec::new(), is_cut: false }
    }
}

impl<'de, T: Deserialize<'de>, const MOST: usize> Deserialize<'de> for AtMost<T, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List<T, const MOST: usize>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>, const MOST: usize> Visitor<'de> for List<T, MOST> {
            type Value = AtMost<T, MOST>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
                Ok(AtMost::default())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut read = AtMost::default();
                while read.values.len() < MOST {
                    match list.next_element()? {
                        Some(value) => read.values.push(value),
                        None => return Ok(read),
                    }
                }
                while list.next_element::<IgnoredAny>()?.is_some() {
                    read.is_cut = true;
                }
                Ok(read)
            }
        }

        deserializer.deserialize_any(List(PhantomData))
    }
}

/// The parameters of an ATTACH that the service supports.
#[derive(Debug, Default, serde::Deserialize)]
pub(crate) struct AttachParams {
    #[serde(default)]
    pub(crate) rewind: Option<Box<str>>,
    #[serde(default)]
    pub(crate) modes: Option<Box<str>>,
}

/// The credential of an AUTH.
#[derive(serde::Deserialize)]
pub(crate) struct AuthDetails {
    #[serde(default, rename = "accessToken")]
    pub(crate) access_token: Option<Box<str>>,
}

impl fmt::Debug for AuthDetails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuthDetails")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Format;

    #[test]
    fn both_formats_are_read_and_unknown_fields_are_ignored() {
        let json = r#"{"action":10,"channel":"chat","flags":131072,"params":{"rewind":"1","delta":"vcdiff"},
            "channelSerial":null,"new":{"a":[1]}}"#;
        let value: serde_json::Value = serde_json::from_str(json).unwrap();
        let msgpack = rmp_serde::to_vec_named(&value).unwrap();
        for read in [Format::Json.decode::<Inbound>(json.as_bytes()), Format::MsgPack.decode(&msgpack)] {
            let read = read.unwrap();
            assert_eq!((read.action, read.channel.as_deref()), (Action::Attach, Some("chat")));
            assert_eq!((read.flags, read.channel_serial), (Some(131_072), None));
            assert_eq!(read.params.unwrap().rewind.as_deref(), Some("1"));
        }
        let unknown = Format::Json.decode::<Inbound>(br#"{"action":99}"#).unwrap();
        assert_eq!(unknown.action, Action::Unknown(99));
        assert!(Format::Json.decode::<Inbound>(br#"{"channel":"chat"}"#).is_err());
    }

    #[test]
    fn long_list_is_cut() {
        let messages = vec!["{}"; MAX_PUBLISHED + 2].join(",");
        let text = format!(r#"{{"action":15,"messages":[{messages}],"channel":"chat"}}"#);
        let read = Format::Json.decode::<Inbound>(text.as_bytes()).unwrap();
        assert_eq!((read.messages.values.len(), read.messages.is_cut), (MAX_PUBLISHED, true));
        assert_eq!(read.channel.as_deref(), Some("chat"));
        let read =
            Format::Json.decode::<Inbound>(br#"{"action":15,"messages":null,"presence":[{"action":2}]}"#).unwrap();
        assert_eq!((read.messages.values.len(), read.presence.values.len(), read.presence.is_cut), (0, 1, false));
    }

    #[test]
    fn token_is_not_in_debug_text() {
        let read = Format::Json.decode::<Inbound>(br#"{"action":17,"auth":{"accessToken":"secret-token"}}"#).unwrap();
        assert!(!format!("{read:?}").contains("secret-token"));
    }
}
