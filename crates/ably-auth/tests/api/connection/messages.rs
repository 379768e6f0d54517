//! Protocol messages, in both formats.

use ably_auth::connection::{Action, AuthDetails, Format, ProtocolMessage, Value};
use ably_auth::{ErrorKind, Token};
use proptest::prelude::*;

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<u64>().prop_map(Value::Unsigned),
        (i64::MIN..0).prop_map(Value::Negative),
        // Not integers, and exact in JSON.
        any::<i16>().prop_map(|number| Value::Float(f64::from(number) + 0.5)),
        ".{0,8}".prop_map(Value::Text),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::List),
            prop::collection::btree_map(".{0,4}", inner, 0..4).prop_map(Value::Map),
        ]
    })
}

fn any_message() -> impl Strategy<Value = ProtocolMessage> {
    let messages = prop::collection::vec(any_value(), 0..4);
    (0..40_u64, prop::option::of(".{0,8}"), any::<u64>(), messages, "x[a-z]{1,8}", any_value()).prop_map(
        |(action, channel, serial, messages, name, value)| {
            let message = ProtocolMessage::new(Action::from_number(action)).msg_serial(serial).messages(messages);
            let message = message.field(name, value);
            channel.into_iter().fold(message, ProtocolMessage::channel)
        },
    )
}

proptest! {
    #[test]
    fn message_is_read_as_it_was_written(message in any_message()) {
        for format in [Format::Json, Format::MsgPack] {
            let frame = format.encode(&message).unwrap();
            prop_assert_eq!(format.decode(&frame).unwrap(), message.clone());
        }
    }

    #[test]
    fn any_frame_is_read_or_refused(frame in prop::collection::vec(any::<u8>(), 0..64)) {
        for format in [Format::Json, Format::MsgPack] {
            if let Err(error) = format.decode(&frame) {
                prop_assert_eq!(error.kind(), ErrorKind::Answer);
            }
        }
    }
}

#[test]
fn binary_data_is_base64_in_json() {
    let message =
        ProtocolMessage::new(Action::Message).messages([Value::map([("data", Value::Binary(vec![1, 2, 255]))])]);
    let json = String::from_utf8(Format::Json.encode(&message).unwrap()).unwrap();
    assert_eq!(json, r#"{"action":15,"messages":[{"data":"AQL/"}]}"#);
    let frame = Format::MsgPack.encode(&message).unwrap();
    assert_eq!(Format::MsgPack.decode(&frame).unwrap(), message);
}

#[test]
fn field_of_unexpected_type_is_left_out() {
    let json = r#"{"action":4,"id":7,"channel":null,"connectionId":"c","timestamp":-5,"msgSerial":-1,"count":2.0,"flags":"x",
        "messages":{"data":"x"},"presence":[{"action":1}],"params":[],"error":{"message":4},"auth":{},
        "connectionDetails":{"connectionKey":"k","maxIdleInterval":15000.0,"connectionStateTtl":-1,"clientId":5,"serverId":1}}"#;
    let message = Format::Json.decode(json.as_bytes()).unwrap();
    assert_eq!((message.get_id(), message.get_channel(), message.get_connection_id()), (None, None, Some("c")));
    assert_eq!((message.get_timestamp(), message.get_msg_serial(), message.get_count()), (None, None, Some(2)));
    assert_eq!((message.get_flags(), message.get_messages().len(), message.get_presence().len()), (0, 0, 1));
    assert!(message.get_error().is_none() && message.get_auth().is_none());
    let details = message.get_connection_details().unwrap();
    assert_eq!((details.connection_key(), details.server_id()), (Some("k"), None));
    assert_eq!(details.max_idle_interval(), Some(std::time::Duration::from_secs(15)));
    assert_eq!((details.connection_state_ttl(), details.client_id().is_none()), (None, true));
}

#[test]
fn values_that_json_lacks_are_read_from_msgpack() {
    // {"action": 15, "messages": [{1: ext type 3 with 2 bytes}]}
    let frame = [&b"\x82\xa6action\x0f\xa8messages\x91\x81\x01"[..], &[0xd5, 3, 8, 9]].concat();
    let message = Format::MsgPack.decode(&frame).unwrap();
    let value = Value::List(vec![Value::Unsigned(3), Value::Binary(vec![8, 9])]);
    assert_eq!(message.get_messages(), [Value::map([("1", value)])]);
}

#[test]
fn repeated_field_is_refused() {
    for twice in [r#"{"action":0,"id":"a","id":"b"}"#, r#"{"action":0,"x":1,"x":1}"#] {
        assert_eq!(Format::Json.decode(twice.as_bytes()).unwrap_err().kind(), ErrorKind::Answer, "{twice}");
    }
    for lacking in [r#"{"channel":"chat"}"#, r#"{"action":"15"}"#, "[15]", "15"] {
        assert_eq!(Format::Json.decode(lacking.as_bytes()).unwrap_err().kind(), ErrorKind::Answer, "{lacking}");
    }
}

#[test]
fn deep_values_are_refused() {
    let deep = |open: &[u8], depth: usize| [&b"\x81\xa1x"[..], &open.repeat(depth)].concat();
    assert_eq!(Format::MsgPack.decode(&deep(b"\x91", 100_000)).unwrap_err().kind(), ErrorKind::Answer);
    let json = [br#"{"action":0,"x":"#, &b"[".repeat(100_000)[..]].concat();
    assert_eq!(Format::Json.decode(&json).unwrap_err().kind(), ErrorKind::Answer);
}

#[test]
fn debug_shows_no_secret_and_no_content() {
    let json = r#"{"action":4,"connectionKey":"old!k3y","connectionDetails":{"connectionKey":"c!k3y","serverId":"s1"},
        "messages":[{"data":"k3y of the house"}],"presence":[{"data":"k3y"}],"params":{"p":"k3y"}}"#;
    let message = Format::Json.decode(json.as_bytes()).unwrap().auth(AuthDetails::new(Token::new("app.k3y").unwrap()));
    let shown = format!("{message:?}");
    assert!(!shown.contains("k3y") && shown.contains("s1"), "{shown}");
}
