//! Credentials in serde formats, as text.

use alloc::borrow::Cow;

use serde::de::{self, Deserializer};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

use super::client_id::{ClientId, Identity};
use super::key::{ApiKey, KeyName};
use super::nonce::Nonce;
use super::secret::Token;

macro_rules! as_text {
    ($($type:ty $(, $text:expr)?;)+) => {$(
        $(impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let text: fn(&Self) -> &str = $text;
                serializer.serialize_str(text(self))
            }
        })?

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <Cow<'_, str>>::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }
    )+};
}

as_text! {
    // A key is only read, so that no secret is written by mistake.
    ApiKey;
    Identity, Identity::as_str;
    KeyName, KeyName::as_str;
    Nonce, Nonce::as_str;
    Token, Token::expose;
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
