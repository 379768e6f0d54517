//! Values of fields that the protocol leaves to applications, or that this version does not know.

use alloc::borrow::ToOwned as _;
use alloc::collections::BTreeMap;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{self, Deserialize, DeserializeOwned, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap as _, SerializeSeq as _, Serializer};

/// A value of JSON or MessagePack.
///
/// JSON has no binary data: [`Binary`](Self::Binary) becomes base64 text there, as Ably's SDKs write it.
///
/// ```
/// use ably_auth_core::realtime::Value;
///
/// let message = Value::map([("name", Value::from("greeting")), ("data", Value::from("hello"))]);
/// assert_eq!(message.get("data").and_then(Value::as_str), Some("hello"));
/// assert_eq!(serde_json::to_string(&message)?, r#"{"data":"hello","name":"greeting"}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// No value.
    #[default]
    Null,
    /// True or false.
    Bool(bool),
    /// An integer from 0 to 2^64 - 1.
    Unsigned(u64),
    /// A negative integer.
    Negative(i64),
    /// Another number.
    Float(f64),
    /// Text.
    Text(String),
    /// Binary data.
    Binary(Vec<u8>),
    /// A list.
    List(Vec<Value>),
    /// A map with text as keys.
    Map(BTreeMap<String, Value>),
}

impl Value {
    /// Creates a map.
    #[must_use]
    pub fn map<K: Into<String>>(entries: impl IntoIterator<Item = (K, Self)>) -> Self {
        Self::Map(entries.into_iter().map(|(key, value)| (key.into(), value)).collect())
    }

    /// Returns the value under `key`, if this is a map that has the key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Map(entries) => entries.get(key),
            _ => None,
        }
    }

    /// Returns the text, if this is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the integer, if this is one that is not negative.
    #[must_use]
    pub const fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Unsigned(number) => Some(*number),
            _ => None,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Unsigned(number)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        u64::try_from(number).map_or(Self::Negative(number), Self::Unsigned)
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Unsigned(number) => serializer.serialize_u64(*number),
            Self::Negative(number) => serializer.serialize_i64(*number),
            Self::Float(number) => serializer.serialize_f64(*number),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Binary(bytes) if serializer.is_human_readable() => serializer.serialize_str(&STANDARD.encode(bytes)),
            Self::Binary(bytes) => serializer.serialize_bytes(bytes),
            Self::List(values) => {
                let mut list = serializer.serialize_seq(Some(values.len()))?;
                values.iter().try_for_each(|value| list.serialize_element(value))?;
                list.end()
            }
            Self::Map(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                entries.iter().try_for_each(|(key, value)| map.serialize_entry(key, value))?;
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Unsigned(number))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Value, E> {
        Ok(Value::from(number))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Float(number))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::from(text))
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<Value, E> {
        Ok(Value::Text(text))
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Value, E> {
        Ok(Value::Binary(bytes.to_owned()))
    }

    fn visit_byte_buf<E: de::Error>(self, bytes: Vec<u8>) -> Result<Value, E> {
        Ok(Value::Binary(bytes))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element()? {
            values.push(value);
        }
        Ok(Value::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = BTreeMap::new();
        while let Some((Key(key), value)) = map.next_entry()? {
            entries.insert(key, value);
        }
        Ok(Value::Map(entries))
    }

    /// MessagePack's extension types: a list of the type and the data.
    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }
}

/// The key of a map. MessagePack also has keys that are no text.
struct Key(String);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(match Value::deserialize(deserializer)? {
            Value::Text(text) => text,
            Value::Unsigned(number) => number.to_string(),
            Value::Negative(number) => number.to_string(),
            Value::Bool(value) => value.to_string(),
            _ => return Err(de::Error::custom("a key of a map is neither text nor a number")),
        }))
    }
}

/// The fields of a message, by name. None is repeated.
pub(super) struct Fields(pub(super) BTreeMap<String, Value>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(AllFields)
    }
}

struct AllFields;

impl<'de> Visitor<'de> for AllFields {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the fields of a message")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut fields = BTreeMap::new();
        while let Some((Key(name), value)) = map.next_entry()? {
            if fields.insert(name, value).is_some() {
                return Err(de::Error::custom("a field of the message is repeated"));
            }
        }
        Ok(Fields(fields))
    }
}

/// Conversions of a field. `None` is a field of another type: a message must not be lost because one field is invalid.
impl Value {
    pub(super) fn into_fitting<T: DeserializeOwned>(self) -> Option<T> {
        serde_json::to_value(self).ok().and_then(|json| serde_json::from_value(json).ok())
    }

    /// Returns a whole number that is not negative, also one that was written as a float.
    pub(super) fn into_whole(self) -> Option<u64> {
        /// The floats up to 2^53 are exact.
        const MAX_EXACT: f64 = 9_007_199_254_740_992.0;
        match self {
            Self::Unsigned(number) => Some(number),
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "the number is whole and in range"
            )]
            Self::Float(number) if (0.0..=MAX_EXACT).contains(&number) && number % 1.0 == 0.0 => Some(number as u64),
            _ => None,
        }
    }

    pub(super) fn into_text(self) -> Option<String> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    pub(super) fn into_list(self) -> Option<Vec<Self>> {
        if let Self::List(values) = self { Some(values) } else { None }
    }

    pub(super) fn into_map(self) -> Option<BTreeMap<String, Self>> {
        if let Self::Map(entries) = self { Some(entries) } else { None }
    }
}

/// Reads a whole number, or leaves it out.
pub(super) fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    Value::deserialize(deserializer).map(Value::into_whole)
}

/// Reads a text, or leaves it out.
pub(super) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Value::deserialize(deserializer).map(Value::into_text)
}
