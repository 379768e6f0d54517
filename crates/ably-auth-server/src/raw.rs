//! JSON values of any shape, stored as MessagePack bytes.
//!
//! A tree of parsed values uses tens of times the bytes that it was read from. So a value that is only stored and
//! returned stays encoded: a [`RawValue`] uses at most two and a half times the bytes of its input. Its buffer grows in
//! pieces, because moving one large buffer to a larger one would occupy both for a moment.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher as _;
use std::io::{self, Read, Write};

use rmp::encode as write;
use serde::de::{self, Deserialize, DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{self, Serialize, SerializeMap, Serializer};
use serde_transcode::Transcoder;

use crate::decode_error;

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

/// A byte buffer in pieces. Every piece except the last has [`Self::FULL`] bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Pieces(Vec<Vec<u8>>);

impl Pieces {
    const FULL: usize = 8 * 1024;

    fn len(&self) -> usize {
        let full = self.0.len().saturating_sub(1).saturating_mul(Self::FULL);
        full.saturating_add(self.0.last().map_or(0, Vec::len))
    }

    /// Returns how many bytes of memory the pieces use.
    fn size(&self) -> usize {
        let pieces = self.0.iter().map(|piece| piece.capacity().saturating_add(size_of::<Vec<u8>>()));
        pieces.fold(0, usize::saturating_add)
    }

    fn first(&self) -> Option<u8> {
        self.0.first()?.first().copied()
    }

    fn append(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.0.last().is_none_or(|last| last.len() >= Self::FULL) {
                self.0.push(Vec::new());
            }
            let Some(last) = self.0.last_mut() else { return };
            let (now, later) = bytes.split_at(bytes.len().min(Self::FULL.saturating_sub(last.len())));
            last.extend_from_slice(now);
            bytes = later;
        }
    }

    /// Overwrites the bytes from offset `at`; ignores those beyond the end.
    fn replace(&mut self, at: usize, bytes: [u8; LENGTH_BYTES]) {
        for (at, byte) in (at..).zip(bytes) {
            let piece = self.0.get_mut(at / Self::FULL);
            if let Some(place) = piece.and_then(|piece| piece.get_mut(at % Self::FULL)) {
                *place = byte;
            }
        }
    }

    fn finish(mut self) -> Self {
        self.0.shrink_to_fit();
        self.0.last_mut().map(Vec::shrink_to_fit);
        self
    }

    fn reader(&self) -> Reader<'_> {
        Reader { pieces: &self.0, at: 0 }
    }
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.append(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A reader of the pieces, one after the other.
struct Reader<'a> {
    pieces: &'a [Vec<u8>],
    /// The number of bytes of the first piece that have been read.
    at: usize,
}

impl Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some((first, others)) = self.pieces.split_first() else {
            return Ok(0);
        };
        let read = first.get(self.at..).unwrap_or_default().read(buffer)?;
        self.at = self.at.saturating_add(read);
        if self.at >= first.len() {
            (self.pieces, self.at) = (others, 0);
        }
        Ok(read)
    }
}

/// A seed that reads a value of any format and appends it to the buffer.
struct Copy<'a>(&'a mut Pieces);

impl Copy<'_> {
    /// Begins a list or an object. If its length is not known yet, returns the offset at which to write it.
    fn begin(&mut self, hint: Option<usize>, marker: u8) -> Result<Option<usize>, rmp::encode::ValueWriteError> {
        let length = hint.and_then(|hint| u32::try_from(hint).ok());
        match length {
            Some(length) if marker == ARRAY_32 => write::write_array_len(self.0, length).map(|_| None),
            Some(length) => write::write_map_len(self.0, length).map(|_| None),
            None => {
                self.0.append(&[marker, 0, 0, 0, 0]);
                Ok(Some(self.0.len().saturating_sub(LENGTH_BYTES)))
            }
        }
    }

    /// Ends a list or an object: writes its length, or checks the length that `begin` wrote.
    fn end<E: de::Error>(&mut self, place: Option<usize>, hint: Option<usize>, count: usize) -> Result<(), E> {
        let Some(place) = place else {
            return if hint == Some(count) { Ok(()) } else { Err(E::custom("wrong length")) };
        };
        self.0.replace(place, u32::try_from(count).map_err(E::custom)?.to_be_bytes());
        Ok(())
    }
}

const ARRAY_32: u8 = 0xdd;
const MAP_32: u8 = 0xdf;
const LENGTH_BYTES: usize = 4;

impl<'de> DeserializeSeed<'de> for Copy<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// A seed that reads a field name, which is a string in every format, and appends it to the buffer.
struct CopyName<'a>(&'a mut Pieces);

impl<'de> DeserializeSeed<'de> for CopyName<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for CopyName<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field name")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<(), E> {
        write::write_str(self.0, name).map_err(E::custom)
    }
}

/// Accepts every JSON value. Bytes are refused, because JSON has none.
impl<'de> Visitor<'de> for Copy<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        write::write_nil(self.0).map_err(E::custom)
    }

    fn visit_none<E: de::Error>(self) -> Result<(), E> {
        self.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.deserialize(deserializer)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<(), E> {
        write::write_bool(self.0, value).map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<(), E> {
        write::write_sint(self.0, number).map(drop).map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<(), E> {
        write::write_uint(self.0, number).map(drop).map_err(E::custom)
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<(), E> {
        write::write_f64(self.0, number).map_err(E::custom)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<(), E> {
        write::write_str(self.0, text).map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        let (hint, mut count) = (list.size_hint(), 0_usize);
        let place = self.begin(hint, ARRAY_32).map_err(de::Error::custom)?;
        while list.next_element_seed(Copy(self.0))?.is_some() {
            count = count.saturating_add(1);
        }
        self.end(place, hint, count)
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut object: A) -> Result<(), A::Error> {
        let (hint, mut count) = (object.size_hint(), 0_usize);
        let place = self.begin(hint, MAP_32).map_err(de::Error::custom)?;
        while object.next_key_seed(CopyName(self.0))?.is_some() {
            object.next_value_seed(Copy(self.0))?;
            count = count.saturating_add(1);
        }
        self.end(place, hint, count)
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
