//! Serde implementations and helpers that several wire types share.

use alloc::boxed::Box;
use alloc::string::{String, ToString as _};
use core::fmt;

use serde::de::{self, Deserializer, Visitor};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

use crate::token_request::Integer;

/// Fields that this version does not know, by name. They are kept and passed on.
pub(crate) type OtherFields = alloc::collections::BTreeMap<String, serde_json::Value>;

impl Serialize for Integer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Millis(millis) => serializer.serialize_u64(*millis),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Negative(number) => serializer.serialize_i64(*number),
            Self::Fraction(number) => serializer.serialize_f64(f64::from_bits(*number)),
        }
    }
}

impl<'de> Deserialize<'de> for Integer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyNumber;

        impl Visitor<'_> for AnyNumber {
            type Value = Integer;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("milliseconds, as an integer or a decimal string")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Integer, E> {
                Ok(Integer::Millis(number))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Integer, E> {
                Ok(u64::try_from(number).map_or(Integer::Negative(number), Integer::Millis))
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Integer, E> {
                // Some encoders write every large number as a float, so a float without a fraction counts as an
                // integer.
                let digits = number.to_string();
                Ok(digits.parse().map_or(Integer::Fraction(number.to_bits()), Integer::Millis))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Integer, E> {
                Ok(Integer::Text(Box::from(text)))
            }
        }

        deserializer.deserialize_any(AnyNumber)
    }
}

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

/// Serde functions for milliseconds, as a number or as a decimal string.
pub(crate) mod millis {
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    use crate::time::Timestamp;
    use crate::token_request::Integer;

    #[allow(clippy::ref_option, clippy::trivially_copy_pass_by_ref, reason = "serde's `with` asks for this form")]
    pub(crate) fn serialize<S: Serializer>(millis: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
        match millis {
            Some(millis) => serializer.serialize_u64(millis.as_millis()),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
        match Option::<Integer>::deserialize(deserializer)? {
            None => Ok(None),
            Some(integer) => match integer.as_millis() {
                Some(millis) => Ok(Some(Timestamp::from_millis(millis))),
                None => Err(D::Error::custom("not a number of milliseconds since the epoch")),
            },
        }
    }
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

impl Serialize for crate::Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.as_millis())
    }
}

impl<'de> Deserialize<'de> for crate::Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let millis = Integer::deserialize(deserializer)?.as_millis();
        millis.map(Self::from_millis).ok_or_else(|| de::Error::custom("not a number of milliseconds since the epoch"))
    }
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
