//! Seeds that copy a value of any format into MessagePack, without a tree in between.

use std::fmt;

use rmp::encode as write;
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::pieces::{LENGTH_BYTES, Pieces};

/// A seed that reads a value of any format and appends it to the buffer.
pub(super) struct Copy<'a>(pub(super) &'a mut Pieces);

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
