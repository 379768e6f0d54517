//! The formats of data: JSON and MessagePack.

use ably_auth_core::ErrorCode;
use serde::de::DeserializeOwned;
use serde::ser::Serialize;

use crate::decode_error;
use crate::refusal::Refusal;

/// The maximum nesting depth of a MessagePack body. No valid body is deeper, and a deeper one would use much stack.
const MAX_DEPTH: usize = 100;

/// The initial capacity of an answer, in bytes. Most answers fit.
pub(crate) const INITIAL_CAPACITY: usize = 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    MsgPack,
}

impl Format {
    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::MsgPack => "application/x-msgpack",
        }
    }

    pub(crate) fn encode<T: Serialize + ?Sized>(self, value: &T) -> Result<Vec<u8>, Refusal> {
        let mut text = Vec::with_capacity(INITIAL_CAPACITY);
        match self {
            Self::Json => serde_json::to_writer(&mut text, value).map_err(|_| Refusal::internal())?,
            Self::MsgPack => rmp_serde::encode::write_named(&mut text, value).map_err(|_| Refusal::internal())?,
        }
        Ok(text)
    }

    pub(crate) fn decode<T: DeserializeOwned>(self, body: &[u8]) -> Result<T, Refusal> {
        match self {
            Self::Json => serde_json::from_slice(body).map_err(|error| invalid_json(&error)),
            Self::MsgPack => from_msgpack(body).map_err(|problem| invalid_body("MessagePack", &problem)),
        }
    }
}

pub(crate) fn invalid_body(format: &str, problem: &str) -> Refusal {
    let message = format!("invalid body: cannot decode {format}: {problem}; send the fields that the endpoint accepts");
    Refusal::new(ErrorCode::INVALID_BODY, message)
}

pub(crate) fn invalid_json(error: &serde_json::Error) -> Refusal {
    invalid_body("JSON", &decode_error::explain_json(error))
}

pub(crate) fn explain_msgpack(error: &rmp_serde::decode::Error, place: &str) -> String {
    match error {
        rmp_serde::decode::Error::Syntax(error) | rmp_serde::decode::Error::Uncategorized(error) => {
            decode_error::explain(error, place)
        }
        // All other errors have a fixed text, some with a number, so they quote nothing of the body.
        error => format!("{error} at {place}"),
    }
}

fn from_msgpack<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    let mut reader = rmp_serde::Deserializer::new(std::io::Cursor::new(body));
    reader.set_max_depth(MAX_DEPTH);
    let value = T::deserialize(&mut reader);
    let place = format!("byte {}", reader.position());
    match value {
        Ok(value) if reader.position() == u64::try_from(body.len()).unwrap_or(u64::MAX) => Ok(value),
        Ok(_) => Err(format!("trailing bytes at {place}")),
        Err(error) => Err(explain_msgpack(&error, &place)),
    }
}
