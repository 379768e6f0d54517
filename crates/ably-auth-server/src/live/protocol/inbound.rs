//! Protocol messages from clients.

use serde::Deserialize;

use super::Action;
use crate::channels::Message;
use crate::channels::presence::PresenceMessage;

/// A protocol message from a client. Fields that this version does not know are ignored (`RTF1`).
#[derive(Debug, Deserialize)]
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
    pub(crate) messages: Option<Vec<Message>>,
    #[serde(default)]
    pub(crate) presence: Option<Vec<PresenceMessage>>,
}

/// The parameters of an ATTACH that the service supports.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct AttachParams {
    #[serde(default)]
    pub(crate) rewind: Option<Box<str>>,
    #[serde(default)]
    pub(crate) modes: Option<Box<str>>,
}

/// The credential of an AUTH.
#[derive(Deserialize)]
pub(crate) struct AuthDetails {
    #[serde(default, rename = "accessToken")]
    pub(crate) access_token: Option<Box<str>>,
}

impl std::fmt::Debug for AuthDetails {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
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
    fn token_is_not_in_debug_text() {
        let read = Format::Json.decode::<Inbound>(br#"{"action":17,"auth":{"accessToken":"secret-token"}}"#).unwrap();
        assert!(!format!("{read:?}").contains("secret-token"));
    }
}
