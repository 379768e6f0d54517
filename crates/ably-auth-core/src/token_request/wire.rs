//! Deserialization of token requests, which keeps or skips unknown fields.

use alloc::string::{String, ToString as _};
use core::fmt;

use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::field::Field;
use super::plain;
use super::request::TokenRequest;
use crate::text::OtherFields;

impl TokenRequest {
    /// Deserializes a request and skips the fields that this version does not know.
    ///
    /// Use it for requests from senders that are not authenticated yet: a skipped field takes no memory, even if its value
    /// is large. [`Deserialize`] keeps unknown fields, so that they can be passed on. For JSON,
    /// [`from_json_known_fields`](Self::from_json_known_fields) is faster.
    ///
    /// ```
    /// use ably_auth_core::TokenRequest;
    ///
    /// let body = r#"{"keyName":"app.key","nonce":"0123456789abcdef","later":[[1],[2]]}"#;
    /// let mut reader = serde_json::Deserializer::from_str(body);
    /// let request = TokenRequest::deserialize_known_fields(&mut reader)?;
    /// assert_eq!(request.key_name(), "app.key");
    /// assert!(!serde_json::to_string(&request)?.contains("later"));
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    ///
    /// # Errors
    /// The format's error, if the input is not a map, lacks `keyName`, repeats a known field, has more than 64 unknown
    /// fields, or has a value of the wrong type.
    pub fn deserialize_known_fields<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Fields { keeps_others: false })
    }

    /// Parses the JSON of a request like [`deserialize_known_fields`](Self::deserialize_known_fields), with a third fewer
    /// instructions for what SDKs send.
    ///
    /// ```
    /// use ably_auth_core::TokenRequest;
    ///
    /// let request = TokenRequest::from_json_known_fields(br#"{"keyName":"app.key","nonce":"0123456789abcdef"}"#)?;
    /// assert_eq!(request.key_name(), "app.key");
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    ///
    /// # Errors
    /// The errors of [`deserialize_known_fields`](Self::deserialize_known_fields), and that of text after the request.
    pub fn from_json_known_fields(json: &[u8]) -> Result<Self, serde_json::Error> {
        if let Some(request) = core::str::from_utf8(json).ok().and_then(plain::read) {
            return Ok(request);
        }
        let mut reader = serde_json::Deserializer::from_slice(json);
        let request = Self::deserialize_known_fields(&mut reader)?;
        reader.end()?;
        Ok(request)
    }

    /// Returns a request without any field, into which fields are read.
    pub(super) const fn empty() -> Self {
        Self {
            key_name: String::new(),
            ttl: None,
            capability: None,
            client_id: None,
            timestamp: None,
            nonce: None,
            mac: None,
            other: OtherFields::new(),
        }
    }
}

impl<'de> Deserialize<'de> for TokenRequest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Not `deserialize_map`: serde_json would quote a value that is not a map, which may be a token.
        deserializer.deserialize_any(Fields { keeps_others: true })
    }
}

/// The maximum number of unknown fields that are skipped. A newer SDK adds a few; an untrusted sender must not cause
/// unlimited work.
const MAX_SKIPPED: usize = 64;

/// The name of a field. An unknown name is stored only if its field is kept.
enum Name {
    Known(Field),
    Other(Option<String>),
}

#[derive(Clone, Copy)]
struct Names {
    keeps_others: bool,
}

impl<'de> DeserializeSeed<'de> for Names {
    type Value = Name;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Name, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for Names {
    type Value = Name;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Name, E> {
        let other = || Name::Other(self.keeps_others.then(|| name.to_string()));
        Ok(Field::named(name).map_or_else(other, Name::Known))
    }
}

#[derive(Clone, Copy)]
struct Fields {
    keeps_others: bool,
}

impl<'de> Visitor<'de> for Fields {
    type Value = TokenRequest;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the fields of a token request")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<TokenRequest, A::Error> {
        let (mut key_name, mut seen, mut skipped) = (None, 0, 0_usize);
        let mut read = TokenRequest::empty();
        while let Some(name) = map.next_key_seed(Names { keeps_others: self.keeps_others })? {
            let field = match name {
                Name::Known(field) => field,
                Name::Other(None) => {
                    skipped = skipped.saturating_add(1);
                    if skipped > MAX_SKIPPED {
                        return Err(de::Error::custom("too many unknown fields"));
                    }
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
                Name::Other(Some(name)) => {
                    read.other.insert(name, map.next_value()?);
                    continue;
                }
            };
            if seen & field.bit() != 0 {
                return Err(de::Error::duplicate_field(field.name()));
            }
            seen |= field.bit();
            match field {
                Field::KeyName => key_name = Some(map.next_value()?),
                Field::Ttl => read.ttl = map.next_value()?,
                Field::Capability => read.capability = map.next_value()?,
                Field::ClientId => read.client_id = map.next_value()?,
                Field::Timestamp => read.timestamp = map.next_value()?,
                Field::Nonce => read.nonce = map.next_value()?,
                Field::Mac => read.mac = map.next_value()?,
            }
        }
        read.key_name = key_name.ok_or_else(|| de::Error::missing_field(Field::KeyName.name()))?;
        Ok(read)
    }

    // Do not quote the value: it may be a whole key or a token.
    fn visit_str<E: de::Error>(self, _: &str) -> Result<TokenRequest, E> {
        Err(E::custom("expected the fields of a token request, found a string"))
    }

    fn visit_bytes<E: de::Error>(self, _: &[u8]) -> Result<TokenRequest, E> {
        Err(E::custom("expected the fields of a token request, found bytes"))
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    const BODY: &str = r#"{"keyName":"app.key","ttl":"60000","later":{"a":[1,2]},"mac":"AA=="}"#;

    #[test]
    fn unknown_field_is_kept_or_skipped() {
        let kept: TokenRequest = serde_json::from_str(BODY).unwrap();
        assert_eq!(
            serde_json::to_string(&kept).unwrap(),
            r#"{"keyName":"app.key","ttl":"60000","mac":"AA==","later":{"a":[1,2]}}"#
        );
        let skipped = TokenRequest::deserialize_known_fields(&mut serde_json::Deserializer::from_str(BODY)).unwrap();
        assert!(skipped.other.is_empty());
        assert_eq!(skipped, TokenRequest { other: OtherFields::new(), ..kept });
    }

    #[test]
    fn known_field_is_read_once() {
        for name in ["keyName", "ttl", "capability", "clientId", "timestamp", "nonce", "mac"] {
            let body = format!(r#"{{"keyName":"app.key","{name}":"1","{name}":"1"}}"#);
            let error = serde_json::from_str::<TokenRequest>(&body).unwrap_err().to_string();
            assert!(error.starts_with(&format!("duplicate field `{name}`")), "{error}");
        }
        let error = serde_json::from_str::<TokenRequest>("{}").unwrap_err().to_string();
        assert!(error.starts_with("missing field `keyName`"), "{error}");
    }

    #[test]
    fn too_many_unknown_fields_are_refused() {
        let read = |count: usize| {
            let body = format!(r#"{{"keyName":"a.b"{}}}"#, r#","":0"#.repeat(count));
            TokenRequest::deserialize_known_fields(&mut serde_json::Deserializer::from_str(&body))
        };
        assert!(read(MAX_SKIPPED).is_ok());
        assert!(read(MAX_SKIPPED + 1).unwrap_err().to_string().starts_with("too many unknown fields"));
    }

    #[test]
    fn null_counts_as_absent() {
        let read: TokenRequest = serde_json::from_str(r#"{"keyName":"a.b","ttl":null,"mac":null}"#).unwrap();
        assert!(read.ttl.is_none() && !read.is_signed());
    }
}
