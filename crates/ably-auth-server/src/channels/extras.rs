//! The extras of a message: an object in which only the service sets `userClaim`.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap as _, Serializer};

use crate::raw::{FieldCollector, RawFields};

/// The field that holds a claim of the publisher's JWT. A value that the publisher sends is dropped.
const USER_CLAIM: &str = "userClaim";

/// The field that needs the operation `privileged-headers`.
const PRIVILEGED: &str = "privileged";

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Extras {
    fields: RawFields,
    user_claim: Option<Box<str>>,
    is_privileged: bool,
}

impl Extras {
    pub(super) const fn is_privileged(&self) -> bool {
        self.is_privileged
    }

    pub(super) fn with_user_claim(mut self, claim: &str) -> Self {
        self.user_claim = Some(claim.into());
        self
    }

    pub(super) fn user_claim(&self) -> Option<&str> {
        self.user_claim.as_deref()
    }

    /// Returns how many bytes the extras use.
    pub(super) fn size(&self) -> usize {
        self.fields.size().saturating_add(self.user_claim.as_deref().map_or(0, str::len))
    }
}

impl Serialize for Extras {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = self.fields.count().saturating_add(usize::from(self.user_claim.is_some()));
        let mut object = serializer.serialize_map(Some(fields))?;
        self.fields.write_to(&mut object)?;
        if let Some(claim) = &self.user_claim {
            object.serialize_entry(USER_CLAIM, claim)?;
        }
        object.end()
    }
}

impl<'de> Deserialize<'de> for Extras {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Extras;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Extras, A::Error> {
                let (mut fields, mut is_privileged) = (FieldCollector::default(), false);
                while let Some(name) = map.next_key::<String>()? {
                    is_privileged |= name == PRIVILEGED;
                    if name == USER_CLAIM {
                        map.next_value::<IgnoredAny>()?;
                    } else {
                        fields.add(&name, &mut map)?;
                    }
                }
                Ok(Extras { fields: fields.finish(), user_claim: None, is_privileged })
            }

            // The string is not quoted: it may be a secret, and as long as the body.
            fn visit_str<E: de::Error>(self, _: &str) -> Result<Extras, E> {
                Err(E::custom("invalid type: string, expected an object"))
            }
        }

        deserializer.deserialize_any(Object)
    }
}
