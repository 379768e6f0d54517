//! Protocol messages in JSON and in MessagePack: one that was read is written in both formats, and is then read as the
//! same. No field is lost, and `Debug` shows no token.
//!
//! The first byte selects the format.

use ably_auth_core::realtime::ProtocolMessage;
use serde_json::Value;

use crate::memory::Bound;

/// Each `[]` or 0 of a list takes a value of 32 bytes, in a vector that grows by doubling. A message is copied once, since
/// a field may be of another type.
const MEMORY: Bound = Bound { fixed: 16 * 1024, factor: 256 };

/// The fields that have a type. They are left out if they are of another one.
const KNOWN: [&str; 16] = [
    "action",
    "id",
    "channel",
    "channelSerial",
    "connectionId",
    "connectionDetails",
    "auth",
    "error",
    "flags",
    "messages",
    "presence",
    "msgSerial",
    "count",
    "timestamp",
    "params",
    "res",
];

pub fn run(data: &[u8]) {
    let Some((mode, rest)) = data.split_first() else { return };
    if mode % 2 == 0 {
        let Ok(message) = MEMORY.check(rest.len(), || serde_json::from_slice::<ProtocolMessage>(rest)) else { return };
        let Ok(Value::Object(sent)) = serde_json::from_slice(rest) else { return check(&message) };
        for (name, value) in sent.iter().filter(|(name, _)| !KNOWN.contains(&name.as_str())) {
            let kept = message.get_field(name).map(|kept| serde_json::to_value(kept).unwrap());
            assert_eq!(kept.as_ref(), Some(value), "{name}");
        }
        check(&message);
    } else if let Ok(message) = MEMORY.check(rest.len(), || rmp_serde::from_slice::<ProtocolMessage>(rest)) {
        check(&message);
    }
}

fn check(message: &ProtocolMessage) {
    let packed = rmp_serde::to_vec_named(message).unwrap();
    let again: ProtocolMessage = rmp_serde::from_slice(&packed).unwrap();
    assert_eq!(rmp_serde::to_vec_named(&again).unwrap(), packed, "{message:?}");
    let json = serde_json::to_string(message).unwrap();
    // MessagePack may have more levels than the reader of JSON takes.
    let again: ProtocolMessage = match serde_json::from_str(&json) {
        Err(error) if error.to_string().contains("recursion limit") => return,
        again => again.unwrap_or_else(|error| panic!("{json}: {error}")),
    };
    assert_eq!(serde_json::to_string(&again).unwrap(), json);
    if let Some(auth) = message.get_auth() {
        let token = auth.access_token().expose();
        assert!(token.len() < 12 || !format!("{message:?}").contains(token));
    }
}
