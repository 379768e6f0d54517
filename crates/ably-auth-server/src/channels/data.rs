//! The data of a message: any JSON value, or bytes, which only MessagePack has.

use std::borrow::Cow;
use std::fmt;

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{self, Deserialize, Deserializer, IntoDeserializer as _, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::raw::RawValue;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Data {
    Bytes(Box<[u8]>),
    Json(RawValue),
}

impl Data {
    pub(super) const fn is_bytes(&self) -> bool {
        matches!(self, Self::Bytes(_))
    }

    /// Returns how many bytes the data uses.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Json(value) => value.size(),
        }
    }

    /// Returns the data ready to serialize. Without `has_bytes`, the format has no byte type and bytes become base64.
    pub(super) fn rendered(&self, has_bytes: bool) -> impl Serialize + '_ {
        Rendered { data: self, has_bytes }
    }
}

/// Returns the encoding of data that is rendered: bytes become base64 for a format without a byte type, and the encoding
/// says so (`RSL4`).
pub(super) fn rendered_encoding<'a>(
    data: Option<&Data>,
    encoding: Option<&'a str>,
    has_bytes: bool,
) -> Option<Cow<'a, str>> {
    let is_converted = !has_bytes && data.is_some_and(Data::is_bytes);
    match encoding.filter(|encoding| !is_converted || !encoding.is_empty()) {
        Some(encoding) if is_converted => Some(format!("{encoding}/base64").into()),
        None if is_converted => Some("base64".into()),
        encoding => encoding.map(Cow::Borrowed),
    }
}

/// Writes the data, the encoding and the extras of a message, for a format that has a byte type if `has_bytes` is true.
/// `encoding` is the [`rendered_encoding`].
pub(super) fn write_content<M: SerializeMap>(
    object: &mut M,
    data: Option<&Data>,
    encoding: Option<&str>,
    extras: Option<&impl Serialize>,
    has_bytes: bool,
) -> Result<(), M::Error> {
    if let Some(data) = data {
        object.serialize_entry("data", &data.rendered(has_bytes))?;
    }
    if let Some(encoding) = encoding {
        object.serialize_entry("encoding", encoding)?;
    }
    extras.map_or(Ok(()), |extras| object.serialize_entry("extras", extras))
}

struct Rendered<'a> {
    data: &'a Data,
    has_bytes: bool,
}

impl Serialize for Rendered<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.data {
            Data::Bytes(bytes) if self.has_bytes => serializer.serialize_bytes(bytes),
            Data::Bytes(bytes) => serializer.collect_str(&Base64Display::new(bytes, &STANDARD)),
            Data::Json(value) => value.serialize(serializer),
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
        RawValue::deserialize(text.into_deserializer()).map(Data::Json)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Data, E> {
        RawValue::deserialize(value.into_deserializer()).map(Data::Json)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Data, E> {
        RawValue::deserialize(number.into_deserializer()).map(Data::Json)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Data, E> {
        RawValue::deserialize(number.into_deserializer()).map(Data::Json)
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Data, E> {
        RawValue::deserialize(number.into_deserializer()).map(Data::Json)
    }

    fn visit_unit<E: de::Error>(self) -> Result<Data, E> {
        RawValue::deserialize(().into_deserializer()).map(Data::Json)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Data, A::Error> {
        RawValue::deserialize(SeqAccessDeserializer::new(list)).map(Data::Json)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Data, A::Error> {
        RawValue::deserialize(MapAccessDeserializer::new(map)).map(Data::Json)
    }
}
