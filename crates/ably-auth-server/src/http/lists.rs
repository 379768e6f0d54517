//! Deserializers for values and lists of a body. They enforce limits, and their errors quote nothing of the body.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// Returns the error for an unexpected string. It does not quote the string, which may be a secret and as long as the
/// body.
fn unexpected_string<E: de::Error>(expected: &dyn de::Expected) -> E {
    E::invalid_type(de::Unexpected::Other("string"), expected)
}

/// A value that is read from an object only. A derived `Deserialize` also accepts a list of the fields' values.
pub(super) struct Object<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }

            fn visit_str<E: de::Error>(self, _: &str) -> Result<Object<T>, E> {
                Err(unexpected_string(&self))
            }
        }

        // Not `deserialize_map`: its serde_json error quotes the value found instead of a map.
        deserializer.deserialize_any(ObjectVisitor(PhantomData))
    }
}

/// A list of at most `N` values. Reading stops with an error at the first value above the limit.
pub(super) struct AtMost<T, const N: usize>(pub(super) Vec<T>);

impl<'de, T: Deserialize<'de>, const N: usize> Deserialize<'de> for AtMost<T, N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ListVisitor<T, const N: usize>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>, const N: usize> Visitor<'de> for ListVisitor<T, N> {
            type Value = AtMost<T, N>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a list of at most {N}")
            }

            fn visit_str<E: de::Error>(self, _: &str) -> Result<Self::Value, E> {
                Err(unexpected_string(&self))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = list.next_element()? {
                    if values.len() == N {
                        return Err(de::Error::invalid_length(N.saturating_add(1), &self));
                    }
                    values.push(value);
                }
                Ok(AtMost(values))
            }
        }

        // Not `deserialize_seq`: its serde_json error quotes the value found instead of a list.
        deserializer.deserialize_any(ListVisitor(PhantomData))
    }
}

/// One object, or a list of at most `N` objects.
pub(super) struct OneOrMany<T, const N: usize> {
    pub(super) values: Vec<T>,
    pub(super) is_list: bool,
}

impl<'de, T: Deserialize<'de>, const N: usize> Deserialize<'de> for OneOrMany<T, N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrManyVisitor<T, const N: usize>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>, const N: usize> Visitor<'de> for OneOrManyVisitor<T, N> {
            type Value = OneOrMany<T, N>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "an object, or a list of at most {N} objects")
            }

            fn visit_str<E: de::Error>(self, _: &str) -> Result<Self::Value, E> {
                Err(unexpected_string(&self))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                let value = T::deserialize(MapAccessDeserializer::new(map))?;
                Ok(OneOrMany { values: vec![value], is_list: false })
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
                let AtMost(values): AtMost<Object<T>, N> = AtMost::deserialize(SeqAccessDeserializer::new(list))?;
                Ok(OneOrMany { values: values.into_iter().map(|Object(value)| value).collect(), is_list: true })
            }
        }

        deserializer.deserialize_any(OneOrManyVisitor(PhantomData))
    }
}
