//! JSON values of any shape, stored as MessagePack bytes.
//!
//! A tree of parsed values uses tens of times the bytes that it was read from. So a value that is only stored and
//! returned stays encoded: a [`RawValue`] uses at most two and a half times the bytes of its input. Its buffer grows in
//! pieces, because moving one large buffer to a larger one would occupy both for a moment.

mod copy;
mod pieces;

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;

use rmp::encode as write;
use serde::de::{self, Deserialize, DeserializeOwned, DeserializeSeed, Deserializer, MapAccess};
use serde::ser::{self, Serialize, SerializeMap, Serializer};
use serde_transcode::Transcoder;

use crate::decode_error;
use copy::Copy;
use pieces::Pieces;

/// A JSON value of any type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RawValue(Pieces);

impl RawValue {
    /// Returns an empty list.
    pub(crate) fn empty_list() -> Self {
        Self(Pieces(vec![vec![0x90]]))
    }

    /// Returns how many bytes of memory the value uses.
    pub(crate) fn size(&self) -> usize {
        self.0.size()
    }

    /// Reads the value as a `T`; returns `None` if it has another form.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Option<T> {
        T::deserialize(&mut rmp_serde::Deserializer::new(self.0.reader())).ok()
    }

    /// Returns whether the value is a list.
    pub(crate) fn is_list(&self) -> bool {
        matches!(self.0.first(), Some(0x90..=0x9f | 0xdc | 0xdd))
    }
}

impl<'de> Deserialize<'de> for RawValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut pieces = Pieces::default();
        Copy(&mut pieces).deserialize(deserializer)?;
        Ok(Self(pieces.finish()))
    }
}

impl Serialize for RawValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serde_transcode::transcode(&mut rmp_serde::Deserializer::new(self.0.reader()), serializer)
    }
}

/// A [`RawValue`] that is a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RawList(pub(crate) RawValue);

impl Default for RawList {
    fn default() -> Self {
        Self(RawValue::empty_list())
    }
}

impl<'de> Deserialize<'de> for RawList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = RawValue::deserialize(deserializer)?;
        if value.is_list() {
            Ok(Self(value))
        } else {
            Err(de::Error::custom("invalid type: not a list, expected a list"))
        }
    }
}

impl Serialize for RawList {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// The unknown fields of an object, in order and without duplicate names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RawFields {
    /// Names and values, alternating.
    pairs: Pieces,
    count: u32,
}

impl RawFields {
    pub(crate) fn size(&self) -> usize {
        self.pairs.size()
    }

    pub(crate) fn count(&self) -> usize {
        usize::try_from(self.count).unwrap_or(usize::MAX)
    }

    /// Adds the fields to an object that is being written.
    pub(crate) fn write_to<M: SerializeMap>(&self, object: &mut M) -> Result<(), M::Error> {
        let mut reader = rmp_serde::Deserializer::new(self.pairs.reader());
        for _ in 0..self.count {
            let name = String::deserialize(&mut reader).map_err(ser::Error::custom)?;
            object.serialize_entry(&name, &Transcoder::new(&mut reader))?;
        }
        Ok(())
    }
}

/// A collector of [`RawFields`] while an object is read.
#[derive(Default)]
pub(crate) struct FieldCollector {
    pairs: Pieces,
    /// The hashes of the names added so far.
    names: Vec<u64>,
    hasher: RandomState,
}

impl FieldCollector {
    /// The maximum number of unknown fields in an object.
    const MAX_FIELDS: usize = 64;

    /// Adds a field: its `name`, and its value, which is read from `map`.
    pub(crate) fn add<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        if self.names.len() >= Self::MAX_FIELDS {
            return Err(de::Error::custom(decode_error::TOO_MANY_FIELDS));
        }
        let hash = self.hasher.hash_one(name);
        if self.names.contains(&hash) {
            return Err(de::Error::custom(decode_error::REPEATED_FIELD));
        }
        self.names.push(hash);
        write::write_str(&mut self.pairs, name).map_err(de::Error::custom)?;
        map.next_value_seed(Copy(&mut self.pairs))
    }

    pub(crate) fn finish(self) -> RawFields {
        let count = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        RawFields { pairs: self.pairs.finish(), count }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn values() -> Vec<Value> {
        let deep = (0..60).fold(json!(1), |inner, _| json!([inner]));
        let long: Vec<_> = (0..70_000).collect();
        let text = "x".repeat(70_000);
        vec![
            json!(null),
            json!(true),
            json!(-1),
            json!(u64::MAX),
            json!(i64::MIN),
            json!(1.5),
            json!("ä\u{0}\""),
            json!([]),
            json!({}),
            json!({ "a": [1, { "b": null }], "": "" }),
            json!(text),
            json!(long),
            deep,
        ]
    }

    #[test]
    fn value_round_trips_between_formats() {
        for value in values() {
            let from_json: RawValue = serde_json::from_str(&value.to_string()).unwrap();
            let from_msgpack: RawValue = rmp_serde::from_slice(&rmp_serde::to_vec(&value).unwrap()).unwrap();
            for raw in [from_json, from_msgpack] {
                assert_eq!(serde_json::to_value(&raw).unwrap(), value);
                assert_eq!(rmp_serde::from_slice::<Value>(&rmp_serde::to_vec(&raw).unwrap()).unwrap(), value);
                assert_eq!(raw.is_list(), value.is_array());
                assert_eq!(raw.read::<Value>(), Some(value.clone()));
            }
        }
    }

    #[test]
    fn value_uses_at_most_two_and_a_half_times_its_text() {
        for unit in ["[]", "{}", "0", "null", "1.5", "1e9", "\"\"", "\"\\u0000\"", "{\"\":0}", "[[]]"] {
            let text = format!("[{}]", vec![unit; 1_000].join(","));
            let raw: RawValue = serde_json::from_str(&text).unwrap();
            assert!(raw.size() * 2 <= text.len() * 5 + 100, "{unit}: {} of {}", raw.size(), text.len());
        }
    }

    #[test]
    fn msgpack_bytes_are_rejected() {
        assert!(rmp_serde::from_slice::<RawValue>(&[0xc4, 1, 0]).is_err());
        assert!(rmp_serde::from_slice::<RawValue>(&[0x91, 0xc4, 1, 0]).is_err());
        assert!(rmp_serde::from_slice::<RawValue>(&[0x81, 0x01, 0x01]).is_err(), "a name is a string");
    }
}
