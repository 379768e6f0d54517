//! A reader of MessagePack maps that skips ignored values without decoding them and without allocating.

use rmp_serde::decode::Error;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor, value::BorrowedStrDeserializer};
use serde::forward_to_deserialize_any;

/// A body that is a map. Each value is read from its own bytes; an ignored value is not decoded.
pub(super) struct Map<'de> {
    body: &'de [u8],
    at: usize,
    entries_left: usize,
}

/// The bytes of one value.
struct Value<'de> {
    bytes: &'de [u8],
    max_depth: usize,
}

/// The maximum nesting depth of a value that is decoded.
const MAX_DEPTH: usize = 16;

impl<'de> Map<'de> {
    /// Reads the header of the map. Returns `None` if the body is not a map.
    pub(super) fn of(body: &'de [u8]) -> Option<Self> {
        let (marker, rest) = body.split_first()?;
        let (at, entries_left) = match marker {
            0x80..=0x8f => (1, usize::from(marker & 0x0f)),
            0xde => (3, number(rest, 2)?),
            0xdf => (5, number(rest, 4)?),
            _ => return None,
        };
        Some(Self { body, at, entries_left })
    }

    /// Returns the byte offset at which reading stopped.
    pub(super) const fn position(&self) -> usize {
        self.at
    }

    fn take(&mut self) -> Result<&'de [u8], Error> {
        let end = end_of_value(self.body, self.at).ok_or(Error::Syntax("malformed or incomplete value".into()))?;
        let bytes = self.body.get(self.at..end).unwrap_or_default();
        self.at = end;
        Ok(bytes)
    }
}

impl<'de> Deserializer<'de> for &mut Map<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_map(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de> MapAccess<'de> for Map<'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some(left) = self.entries_left.checked_sub(1) else {
            return Ok(None);
        };
        self.entries_left = left;
        let key = self.take()?;
        let text: &str =
            rmp_serde::from_slice(key).map_err(|_| Error::Syntax("a field name is not a string".into()))?;
        seed.deserialize(BorrowedStrDeserializer::new(text)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let bytes = self.take()?;
        seed.deserialize(Value { bytes, max_depth: MAX_DEPTH })
    }
}

impl<'de> Value<'de> {
    fn reader(&self) -> rmp_serde::Deserializer<rmp_serde::decode::ReadRefReader<'de, [u8]>> {
        let mut reader = rmp_serde::Deserializer::from_read_ref(self.bytes);
        reader.set_max_depth(self.max_depth);
        reader
    }
}

impl<'de> Deserializer<'de> for Value<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.reader().deserialize_any(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.reader().deserialize_option(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier
    }
}

/// Returns the end of the value that begins at `at`; `None` if the value is malformed or incomplete.
fn end_of_value(bytes: &[u8], mut at: usize) -> Option<usize> {
    // The number of values still to be read. Each has at least one byte, so a larger count than bytes left is invalid.
    let mut pending = 1_usize;
    while let Some(left) = pending.checked_sub(1) {
        let (marker, rest) = bytes.get(at..)?.split_first()?;
        let (nested, length) = match marker {
            0x00..=0x7f | 0xe0..=0xff | 0xc0 | 0xc2 | 0xc3 => (0, 0),
            0x80..=0x8f => (usize::from(marker & 0x0f).checked_mul(2)?, 0),
            0x90..=0x9f => (usize::from(marker & 0x0f), 0),
            0xa0..=0xbf => (0, usize::from(marker & 0x1f)),
            0xc4 | 0xd9 => (0, number(rest, 1)?.checked_add(1)?),
            0xc5 | 0xda => (0, number(rest, 2)?.checked_add(2)?),
            0xc6 | 0xdb => (0, number(rest, 4)?.checked_add(4)?),
            // An extension has a type byte after its length.
            0xc7 => (0, number(rest, 1)?.checked_add(2)?),
            0xc8 => (0, number(rest, 2)?.checked_add(3)?),
            0xc9 => (0, number(rest, 4)?.checked_add(5)?),
            0xcc | 0xd0 => (0, 1),
            0xcd | 0xd1 | 0xd4 => (0, 2),
            0xd5 => (0, 3),
            0xca | 0xce | 0xd2 => (0, 4),
            0xd6 => (0, 5),
            0xcb | 0xcf | 0xd3 => (0, 8),
            0xd7 => (0, 9),
            0xd8 => (0, 17),
            0xdc => (number(rest, 2)?, 2),
            0xdd => (number(rest, 4)?, 4),
            0xde => (number(rest, 2)?.checked_mul(2)?, 2),
            0xdf => (number(rest, 4)?.checked_mul(2)?, 4),
            0xc1 => return None,
        };
        if length > rest.len() || nested > rest.len() {
            return None;
        }
        pending = left.checked_add(nested)?;
        at = at.checked_add(1)?.checked_add(length)?;
    }
    Some(at)
}

/// Reads the first `count` bytes as a big-endian number.
fn number(bytes: &[u8], count: usize) -> Option<usize> {
    let digits = bytes.get(..count)?;
    digits.iter().try_fold(0_usize, |number, digit| number.checked_mul(256)?.checked_add(usize::from(*digit)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::de::IgnoredAny;

    use super::*;

    proptest! {
        #[test]
        fn value_ends_where_other_reader_ends(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let mut reader = rmp_serde::Deserializer::new(std::io::Cursor::new(&bytes));
            let read = serde::Deserialize::deserialize(&mut reader);
            let end = end_of_value(&bytes, 0);
            if let Ok(IgnoredAny) = read {
                prop_assert_eq!(end, usize::try_from(reader.position()).ok());
            }
        }

        #[test]
        fn truncated_value_is_malformed(value in json(), tail in any::<u8>()) {
            let mut bytes = rmp_serde::to_vec(&value).unwrap();
            let whole = bytes.len();
            bytes.push(tail);
            prop_assert_eq!(end_of_value(&bytes, 0), Some(whole));
            for cut in 0..whole {
                prop_assert_eq!(end_of_value(&bytes[..cut], 0), None);
            }
        }
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<f64>().prop_map(Into::into),
            ".{0,40}".prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..20).prop_map(Into::into),
                prop::collection::btree_map(".{0,5}", inner, 0..20)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    #[test]
    fn count_above_remaining_bytes_is_refused() {
        for lie in
            [&[0xdd, 0xff, 0xff, 0xff, 0xff][..], &[0xdf, 0x7f, 0xff, 0xff, 0xff, 0xa0], &[0xdb, 0xff, 0, 0, 0, 1]]
        {
            assert_eq!(end_of_value(lie, 0), None);
        }
    }
}
