//! Credentials in serde formats, as text.

use alloc::borrow::Cow;

use serde::de::{self, Deserializer};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

use super::client_id::ClientId;
use super::key::KeyName;
use super::secret::Token;

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
                let text = <Cow<'_, str>>::deserialize(deserializer)?;
                $parse(&text).map_err(de::Error::custom)
            }
        }
    )+};
}

as_text! {
    KeyName: KeyName::parse, KeyName::as_str;
    Token: Token::new, Token::expose;
}

impl Serialize for ClientId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.as_str() {
            Some(text) => serializer.serialize_str(text),
            None => serializer.serialize_none(),
        }
    }
}

impl<'de> Deserialize<'de> for ClientId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Option::<Cow<'_, str>>::deserialize(deserializer)? {
            Some(text) => Self::parse_sent(&text).map_err(de::Error::custom),
            None => Ok(Self::None),
        }
    }
}
