//! Serde implementations and helpers that several wire types share.

use alloc::string::String;
use core::fmt;

use serde::de::{self, Deserializer, Visitor};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

/// Fields that this version does not know, by name. They are kept and passed on.
pub(crate) type OtherFields = alloc::collections::BTreeMap<String, serde_json::Value>;

/// Implements serde for a type with `serde(remote = "Self")`, and accepts only a map. The derived code alone would
/// quote a value that is not a map, which may be a whole token.
macro_rules! map_only {
    ($($type:ident: $what:literal;)+) => {$(
        impl Serialize for crate::$type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                crate::$type::serialize(self, serializer)
            }
        }

        impl<'de> Deserialize<'de> for crate::$type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Map;

                impl<'de> Visitor<'de> for Map {
                    type Value = crate::$type;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($what)
                    }

                    fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                        crate::$type::deserialize(de::value::MapAccessDeserializer::new(map))
                    }

                    fn visit_str<E: de::Error>(self, _text: &str) -> Result<Self::Value, E> {
                        Err(E::custom(concat!("expected ", $what, ", found a string")))
                    }

                    fn visit_bytes<E: de::Error>(self, _bytes: &[u8]) -> Result<Self::Value, E> {
                        Err(E::custom(concat!("expected ", $what, ", found bytes")))
                    }
                }

                // Not `deserialize_map`: serde_json would quote a value that is not a map.
                deserializer.deserialize_any(Map)
            }
        }
    )+};
}

map_only! {
    TokenDetails: "the fields of token details";
}

macro_rules! as_text {
    ($($type:ty: $parse:path, $text:expr;)+) => {$(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let text: fn(&Self) -> &str = $text;
                serializer.serialize_str(text(self))
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <alloc::borrow::Cow<'_, str>>::deserialize(deserializer)?;
                $parse(&text).map_err(de::Error::custom)
            }
        }
    )+};
}

as_text! {
    crate::KeyName: crate::KeyName::parse, crate::KeyName::as_str;
    crate::Token: crate::Token::new, crate::Token::expose;
}

impl Serialize for crate::ClientId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.as_str() {
            Some(text) => serializer.serialize_str(text),
            None => serializer.serialize_none(),
        }
    }
}

impl<'de> Deserialize<'de> for crate::ClientId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Option::<alloc::borrow::Cow<'_, str>>::deserialize(deserializer)? {
            Some(text) => Self::parse_sent(&text).map_err(de::Error::custom),
            None => Ok(Self::None),
        }
    }
}
