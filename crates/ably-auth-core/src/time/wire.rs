//! Milliseconds as peers send them: as a number or as a decimal string.

use alloc::borrow::Cow;
#[cfg(feature = "serde")]
use alloc::boxed::Box;
#[cfg(feature = "serde")]
use alloc::string::ToString as _;
#[cfg(feature = "serde")]
use core::fmt;

#[cfg(feature = "serde")]
use serde::de::{self, Deserializer, Visitor};
#[cfg(feature = "serde")]
use serde::ser::Serializer;
#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

#[cfg(feature = "serde")]
use super::{Timestamp, Ttl};
use crate::text::{Decimal, control_character};

/// The maximum bytes of a ttl or a timestamp. Every valid number of milliseconds is shorter.
const MAX_INTEGER_BYTES: usize = 32;

/// A number of milliseconds in the form in which it was received. A signature covers that form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Integer {
    Millis(u64),
    /// A string: decimal digits from some peers, but any text is possible.
    #[cfg(feature = "serde")]
    Text(Box<str>),
    #[cfg(feature = "serde")]
    Negative(i64),
    /// The bits of a number that is a fraction, or is too large.
    #[cfg(feature = "serde")]
    Fraction(u64),
}

impl Integer {
    /// Returns the number if it was received as an integer.
    pub(crate) const fn as_integer(&self) -> Option<u64> {
        match self {
            Self::Millis(millis) => Some(*millis),
            #[cfg(feature = "serde")]
            Self::Text(_) | Self::Negative(_) | Self::Fraction(_) => None,
        }
    }

    pub(crate) fn as_millis(&self) -> Option<u64> {
        match self {
            Self::Millis(millis) => Some(*millis),
            #[cfg(feature = "serde")]
            Self::Text(text) => text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten(),
            #[cfg(feature = "serde")]
            Self::Negative(_) | Self::Fraction(_) => None,
        }
    }

    /// Returns the text that a mac covers, or `None` if it is longer than [`MAX_INTEGER_BYTES`] or has a control
    /// character.
    pub(crate) fn to_text(&self) -> Option<Cow<'_, str>> {
        let text: Cow<'_, str> = match self {
            Self::Millis(millis) => Cow::Owned(Decimal::new(*millis).as_str().into()),
            #[cfg(feature = "serde")]
            Self::Text(text) => Cow::Borrowed(text),
            #[cfg(feature = "serde")]
            Self::Negative(number) => Cow::Owned(number.to_string()),
            #[cfg(feature = "serde")]
            Self::Fraction(bits) => Cow::Owned(f64::from_bits(*bits).to_string()),
        };
        (text.len() <= MAX_INTEGER_BYTES && control_character(&text).is_none()).then_some(text)
    }
}

#[cfg(feature = "serde")]
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

#[cfg(feature = "serde")]
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

#[cfg(feature = "serde")]
impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.as_millis())
    }
}

#[cfg(feature = "serde")]
impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let millis = Integer::deserialize(deserializer)?.as_millis();
        millis.map(Self::from_millis).ok_or_else(|| de::Error::custom("not a number of milliseconds since the epoch"))
    }
}

/// Writes whole milliseconds, as on the wire.
#[cfg(feature = "serde")]
impl Serialize for Ttl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.as_millis())
    }
}

/// Reads whole milliseconds as a number or in a string, as on the wire, or a duration with units, as in configuration
/// files.
#[cfg(feature = "serde")]
impl<'de> Deserialize<'de> for Ttl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let integer = Integer::deserialize(deserializer)?;
        let ttl = match (integer.as_millis(), &integer) {
            (Some(millis), _) => Self::from_millis(millis),
            (None, Integer::Text(text)) => text.parse(),
            (None, _) => Err(Self::out_of_range()),
        };
        ttl.map_err(de::Error::custom)
    }
}

#[cfg(feature = "serde")]
/// Serde functions for an optional timestamp: milliseconds, as a number or as a decimal string.
pub(crate) mod optional_timestamp {
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    use super::Integer;
    use super::Timestamp;

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
