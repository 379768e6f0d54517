//! Capabilities in serde formats: as a string, which the wire uses, and as an object.

use alloc::borrow::Cow;
use alloc::string::String;
use core::fmt;

use serde::de::{self, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

use super::Capability;
use super::operation::{Operation, OperationName, Operations};
use super::resource::Resource;

/// Serializes as on the wire: a string with the canonical text.
impl Serialize for Capability {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Parses a string with the text, or an object, both [leniently](Capability::parse_lenient).
impl<'de> Deserialize<'de> for Capability {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EitherForm)
    }
}

/// Capabilities as objects, as in configuration files and control APIs, for use with `#[serde(with = "…")]`.
///
/// ```
/// use ably_auth_core::Capability;
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Key {
///     #[serde(with = "ably_auth_core::capability::as_object")]
///     capability: Capability,
/// }
/// let key: Key = serde_json::from_str(r#"{"capability":{"chat":["subscribe","publish"]}}"#)?;
/// assert_eq!(serde_json::to_string(&key)?, r#"{"capability":{"chat":["publish","subscribe"]}}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
pub mod as_object {
    use serde::ser::{SerializeMap as _, Serializer};
    use serde::{Deserialize as _, Deserializer};

    use super::Capability;

    /// Writes an object with resources and operations in byte order.
    ///
    /// # Errors
    /// Returns the error of the serializer.
    pub fn serialize<S: Serializer>(capability: &Capability, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(capability.len()))?;
        for entry in capability {
            map.serialize_entry(entry.resource, entry.operations)?;
        }
        map.end()
    }

    /// Reads an object, or a string with the text, [leniently](Capability::parse_lenient).
    ///
    /// # Errors
    /// Returns the error of the deserializer, or says why the capability is invalid.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Capability, D::Error> {
        Capability::deserialize(deserializer)
    }
}

struct EitherForm;

impl<'de> Visitor<'de> for EitherForm {
    type Value = Capability;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a capability, as an object or as a string with its JSON text")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Capability, E> {
        Capability::parse_lenient(text).map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Capability, A::Error> {
        let mut capability = Capability::none();
        while let Some(name) = map.next_key::<String>()? {
            let resource = Resource::parse_lenient(&name).map_err(de::Error::custom)?;
            if capability.get(&name).is_some() {
                map.next_value::<IgnoredAny>()?;
                return Err(de::Error::custom(format_args!("repeated resource `{}`", crate::text::Escaped(&name))));
            }
            capability.add(resource, map.next_value()?);
        }
        capability.entries.retain(|(_, operations)| !operations.is_empty());
        Ok(capability)
    }
}

impl Serialize for Resource {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl Serialize for Operation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Operation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <Cow<'_, str>>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl Serialize for Operations {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(OperationName::as_str))
    }
}

impl<'de> Deserialize<'de> for Operations {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;

        impl<'de> Visitor<'de> for Names {
            type Value = Operations;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of operation names")
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut names: A) -> Result<Operations, A::Error> {
                let mut operations = Operations::NONE;
                while let Some(name) = names.next_element::<String>()? {
                    operations.push(name.as_str().into());
                }
                operations.sort();
                Ok(operations)
            }
        }

        deserializer.deserialize_seq(Names)
    }
}
