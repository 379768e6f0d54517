//! Messages as they are sent to the other services that share a store.

use ably_auth_core::Timestamp;
use serde::Deserialize;
use serde::ser::{Serialize, SerializeSeq as _, Serializer};

use super::{Message, Published, Stored};

/// The maximum length of a serial that another service gave, in bytes.
const MAX_SERIAL: usize = 64;

/// Messages for the other services: each with the fields that a service accepts only from another service.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channels::{Channels, Place, Run};

    fn publish(channels: &mut Channels) {
        channels.publish("chat", vec![Message::default()], "batch", Timestamp::from_millis(1));
    }

    #[test]
    fn serial_of_other_run_is_no_place_here() {
        let (mut here, mut there) = (Channels::default(), Channels::of_run(Run::new([1; Run::BYTES])));
        [&mut here, &mut there].iter_mut().for_each(|channels| publish(channels));
        let now = Timestamp::from_millis(1);
        let place_of = |channels: &Channels| Place::of_serial(&channels.serial(now).to_string()).unwrap();
        assert_eq!(here.after("chat", place_of(&here)).map(|later| later.len()), Some(0));
        assert!(here.after("chat", place_of(&there)).is_none());
        for text in
            ["00000000000001-000000000001", "00000000000001-000000000001@", "x", "1-x@AAAAAAAA", "1-1@AAAAAAAAA"]
        {
            assert_eq!(Place::of_serial(text), None, "{text}");
        }
    }

    #[test]
    fn message_of_other_service_keeps_serial_and_is_stored_once() {
        let mut channels = Channels::default();
        publish(&mut channels);
        let message = || {
            let message: Message = serde_json::from_str(r#"{"id":"a:0","extras":{"x":1}}"#).unwrap();
            message.of_other_service("7-7@there".into(), Some("connection"), Some("claim"))
        };
        let received = channels.receive("chat", vec![(Timestamp::from_millis(9), message())]);
        let json = serde_json::to_value(received[0].published(false)).unwrap();
        assert_eq!(
            (&json["serial"], &json["timestamp"], &json["connectionId"]),
            (&"7-7@there".into(), &9.into(), &"connection".into())
        );
        assert_eq!(json["extras"], serde_json::json!({ "x": 1, "userClaim": "claim" }));
        assert_eq!((received[0].place(), received[0].public_serial()), (2, "7-7@there".into()));
        assert!(channels.receive("chat", vec![(Timestamp::from_millis(9), message())]).is_empty());
        let again = channels.publish(
            "chat",
            vec![serde_json::from_str(r#"{"id":"a:0"}"#).unwrap()],
            "b",
            Timestamp::from_millis(9),
        );
        assert_eq!((again.serials, again.new.len()), (vec!["7-7@there".to_owned()], 0), "a retry at another service");
    }

    #[test]
    fn place_before_gap_is_not_continued() {
        let mut channels = Channels::default();
        publish(&mut channels);
        let place = |channels: &Channels| Place { position: channels.published, run: Run::default() };
        let before = place(&channels);
        assert!(channels.after("chat", before).is_some());
        channels.note_gap();
        assert!(channels.after("chat", before).is_none() && channels.after("other", before).is_none());
        assert!(channels.after("chat", place(&channels)).is_some());
    }
}
