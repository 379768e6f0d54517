//! Tokens with their details, as the service issues them.

use alloc::string::{String, ToString as _};
use core::fmt;

use serde::de::{self, Deserializer, Visitor};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

use crate::capability::Capability;
use crate::credentials::{ClientId, KeyName, Token};
use crate::error::Error;
use crate::text::json_writer::{BufferedWriter, Json as _};
use crate::text::{Decimal, OtherFields};
use crate::time::{Timestamp, optional_timestamp};

/// The time of issue and the time of expiry of a token, both by the service's clock.
///
/// ```
/// use ably_auth_core::{Timestamp, Ttl, Validity};
///
/// let issued = Timestamp::from_millis(1_449_746_287_318);
/// let validity = Validity { issued, expires: issued.saturating_add(Ttl::DEFAULT) };
/// assert_eq!(validity.expires - validity.issued, Ttl::DEFAULT.as_duration());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Validity {
    /// The time of issue.
    pub issued: Timestamp,
    /// The time at which the token expires.
    pub expires: Timestamp,
}

/// A token and its details (`TD1`).
///
/// If only the token string is known, the other fields are unknown, not zero. `Debug` does not show the token.
/// `Serialize` writes it, because the wire needs it.
///
/// ```
/// use ably_auth_core::{Timestamp, TokenDetails};
///
/// let details: TokenDetails = serde_json::from_str(
///     r#"{"token":"xVLyHw.Dtxd9tuz","keyName":"xVLyHw.key","issued":1,"expires":3600001,"capability":"{\"*\":[\"*\"]}"}"#,
/// )?;
/// assert_eq!(details.expires(), Some(Timestamp::from_millis(3_600_001)));
/// assert!(details.capability().unwrap()?.permits("chat", "publish"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", remote = "Self")]
pub struct TokenDetails {
    token: Token,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key_name: Option<KeyName>,
    #[serde(default, with = "optional_timestamp", skip_serializing_if = "Option::is_none")]
    issued: Option<Timestamp>,
    #[serde(default, with = "optional_timestamp", skip_serializing_if = "Option::is_none")]
    expires: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    capability: Option<String>,
    #[serde(default, skip_serializing_if = "ClientId::is_none")]
    client_id: ClientId,
    #[serde(flatten)]
    other: OtherFields,
}

impl TokenDetails {
    /// Creates details with only the token known.
    #[must_use]
    pub const fn from_token(token: Token) -> Self {
        Self {
            token,
            key_name: None,
            issued: None,
            expires: None,
            capability: None,
            client_id: ClientId::None,
            other: OtherFields::new(),
        }
    }

    /// Creates the details of a token that an issuer has just made. Omit the capability of a JWT that has none, because
    /// it then has the capability of its key, which the issuer may not know.
    ///
    /// ```
    /// use ably_auth_core::{Capability, ClientId, KeyName, Timestamp, Token, TokenDetails, Ttl, Validity};
    ///
    /// let issued = Timestamp::from_millis(1_449_746_287_318);
    /// let details = TokenDetails::issued_by(
    ///     KeyName::parse("app.key")?,
    ///     Token::new("app.xyz")?,
    ///     Validity { issued, expires: issued.saturating_add(Ttl::DEFAULT) },
    ///     &r#"{"chat":["publish"]}"#.parse::<Capability>()?,
    ///     ClientId::parse("bob")?,
    /// );
    /// assert_eq!(details.capability_text(), Some(r#"{"chat":["publish"]}"#));
    /// # Ok::<(), ably_auth_core::Error>(())
    /// ```
    #[must_use]
    pub fn issued_by<'a>(
        key_name: KeyName,
        token: Token,
        validity: Validity,
        capability: impl Into<Option<&'a Capability>>,
        client_id: ClientId,
    ) -> Self {
        Self {
            token,
            key_name: Some(key_name),
            issued: Some(validity.issued),
            expires: Some(validity.expires),
            capability: capability.into().map(Capability::to_string),
            client_id,
            other: OtherFields::new(),
        }
    }

    /// Sets the text of the capability, for an issuer that has written it already.
    ///
    /// ```
    /// use ably_auth_core::{Token, TokenDetails};
    ///
    /// let details = TokenDetails::from_token(Token::new("app.xyz")?).with_capability_text(r#"{"chat":["publish"]}"#);
    /// assert!(details.capability().unwrap()?.permits("chat", "publish"));
    /// # Ok::<(), ably_auth_core::Error>(())
    /// ```
    #[must_use]
    pub fn with_capability_text(mut self, text: impl Into<String>) -> Self {
        self.capability = Some(text.into());
        self
    }

    /// Writes the JSON of the details to `out`. The text is the same as with serde, which takes longer.
    ///
    /// ```
    /// use ably_auth_core::{Token, TokenDetails};
    ///
    /// let mut json = String::new();
    /// let details = TokenDetails::from_token(Token::new("app.xyz")?);
    /// details.write_json(&mut json).expect("a string takes any text");
    /// assert_eq!(json, r#"{"token":"app.xyz"}"#);
    /// # Ok::<(), ably_auth_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns the error of `out`.
    pub fn write_json(&self, out: &mut (impl fmt::Write + ?Sized)) -> fmt::Result {
        if !self.other.is_empty() {
            return out.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?);
        }
        let [issued, expires] = [self.issued, self.expires].map(|time| time.map(|time| Decimal::new(time.as_millis())));
        let mut json = BufferedWriter::new(out);
        json.raw(b"{\"token\":");
        json.text(self.token.expose());
        if let Some(key_name) = &self.key_name {
            json.raw(b",\"keyName\":");
            json.text(key_name.as_str());
        }
        if let Some(issued) = &issued {
            json.raw(b",\"issued\":");
            json.raw(issued.as_bytes());
        }
        if let Some(expires) = &expires {
            json.raw(b",\"expires\":");
            json.raw(expires.as_bytes());
        }
        if let Some(capability) = &self.capability {
            json.raw(b",\"capability\":");
            json.text_with_escapes(capability);
        }
        if let Some(client_id) = self.client_id.as_str() {
            json.raw(b",\"clientId\":");
            json.text(client_id);
        }
        json.raw(b"}");
        json.finish()
    }

    /// Returns the token (`TD2`).
    #[must_use]
    pub const fn token(&self) -> &Token {
        &self.token
    }

    /// Returns the name of the key that issued the token, if known.
    #[must_use]
    pub const fn key_name(&self) -> Option<&KeyName> {
        self.key_name.as_ref()
    }

    /// Returns the time of issue by the service's clock, if known (`TD4`).
    #[must_use]
    pub const fn issued(&self) -> Option<Timestamp> {
        self.issued
    }

    /// Returns the time of expiry by the service's clock, if known (`TD3`).
    #[must_use]
    pub const fn expires(&self) -> Option<Timestamp> {
        self.expires
    }

    /// Returns the text of the capability as the service wrote it, if known (`TD5`).
    #[must_use]
    pub fn capability_text(&self) -> Option<&str> {
        self.capability.as_deref()
    }

    /// Parses the capability [leniently](Capability::parse_lenient), if it is known.
    #[must_use]
    pub fn capability(&self) -> Option<Result<Capability, Error>> {
        self.capability.as_deref().map(Capability::parse_lenient)
    }

    /// Returns the identity of the token (`TD6`).
    #[must_use]
    pub const fn client_id(&self) -> &ClientId {
        &self.client_id
    }
}

impl From<Token> for TokenDetails {
    fn from(token: Token) -> Self {
        Self::from_token(token)
    }
}

impl fmt::Debug for TokenDetails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenDetails")
            .field("token", &self.token)
            .field("key_name", &self.key_name)
            .field("issued", &self.issued)
            .field("expires", &self.expires)
            .field("capability", &self.capability)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

impl Serialize for TokenDetails {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        TokenDetails::serialize(self, serializer)
    }
}

/// Accepts only a map. The derived code alone would quote a value that is not a map, which may be a whole token.
impl<'de> Deserialize<'de> for TokenDetails {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Map;

        impl<'de> Visitor<'de> for Map {
            type Value = TokenDetails;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the fields of token details")
            }

            /// Reads all fields as values first. The derived code would buffer unknown fields itself, and reserve a megabyte
            /// for each list of a MessagePack text that announces a large length.
            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = serde_json::Map::new();
                while let Some((name, value)) = map.next_entry::<String, serde_json::Value>()? {
                    if fields.insert(name, value).is_some() {
                        return Err(de::Error::custom("a field of the token details is repeated"));
                    }
                }
                TokenDetails::deserialize(serde_json::Value::Object(fields)).map_err(de::Error::custom)
            }

            fn visit_str<E: de::Error>(self, _text: &str) -> Result<Self::Value, E> {
                Err(E::custom("expected the fields of token details, found a string"))
            }

            fn visit_bytes<E: de::Error>(self, _bytes: &[u8]) -> Result<Self::Value, E> {
                Err(E::custom("expected the fields of token details, found bytes"))
            }
        }

        // Not `deserialize_map`: serde_json would quote a value that is not a map.
        deserializer.deserialize_any(Map)
    }
}
