//! What a message carries: anything of JSON, or bytes, which only MessagePack has.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_json::Value;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Data {
    Bytes(Vec<u8>),
    Json(Value),
}

impl Data {
    /// The same for a format that has no bytes; none if nothing had to change.
    pub(super) fn to_text(&self) -> Option<Self> {
        match self {
            Self::Bytes(bytes) => Some(Self::Json(STANDARD.encode(bytes).into())),
            Self::Json(_) => None,
        }
    }
}

impl Serialize for Data {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Bytes(bytes) => serializer.serialize_bytes(bytes),
            Self::Json(value) => value.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Data {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyData)
    }
}

struct AnyData;

impl<'de> Visitor<'de> for AnyData {
    type Value = Data;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, bytes, or JSON")
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Data, E> {
        Ok(Data::Bytes(bytes.into()))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Data, E> {
        Ok(Data::Json(text.into()))
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Data, E> {
        Ok(Data::Json(value.into()))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Data, E> {
        Ok(Data::Json(number.into()))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Data, E> {
        Ok(Data::Json(number.into()))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Data, E> {
        Ok(Data::Json(number.into()))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Data, E> {
        Ok(Data::Json(Value::Null))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Data, A::Error> {
        Value::deserialize(SeqAccessDeserializer::new(list)).map(Data::Json)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Data, A::Error> {
        Value::deserialize(MapAccessDeserializer::new(map)).map(Data::Json)
    }
}
