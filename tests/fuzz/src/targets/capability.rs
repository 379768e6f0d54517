//! Capability text: the parsers agree with `serde_json` about what is a capability and what it says, and checks of the text
//! agree with checks of the parsed capability.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use ably_auth_core::Capability;
use ably_auth_core::capability::{Matcher, Resource, text_permits};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

use crate::memory::Bound;

/// Short lists cost most: `"a":[]` takes an entry of 100 bytes, in a vector that grows by doubling, next to the one that is
/// sorted.
const MEMORY: Bound = Bound { fixed: 4 * 1024, factor: 64 };

const ASKED: [(&str, &str); 6] =
    [("a", "publish"), ("a:b", "subscribe"), ("*", "publish"), ("[queue]a", "subscribe"), ("[*]*", "*"), ("a:*", "x")];

pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let lenient = MEMORY.check(text.len(), || Capability::parse_lenient(text));
    let strict = MEMORY.check(text.len(), || Capability::parse_strict(text));
    let expected = expected(text);
    assert_eq!(lenient.as_ref().ok().map(ToString::to_string), expected, "{text:?}: {lenient:?}");
    match (&strict, &lenient) {
        (Ok(strict), Ok(lenient)) => assert_eq!(strict, lenient),
        (Ok(_), Err(error)) => panic!("{text:?} is accepted strictly, but not leniently: {error}"),
        (Err(error), _) => assert!(error.offset().is_none_or(|at| at <= text.len()), "{error}"),
    }
    for (resource, operation) in ASKED {
        let by_text = text_permits(text, resource, operation);
        let permitted = lenient.as_ref().ok().map(|capability| capability.permits(resource, operation));
        assert_eq!(by_text.ok(), permitted, "{text:?} on {resource} {operation}");
    }
    let Ok(capability) = lenient else { return };
    let canonical = capability.to_string();
    assert_eq!(Capability::parse_lenient(&canonical).unwrap(), capability);
    let matcher = Matcher::new(&capability);
    for (resource, operation) in ASKED {
        let permitted = capability.permits(resource, operation);
        assert_eq!(matcher.permits(resource, operation), permitted, "{canonical} on {resource} {operation}");
        assert_eq!(capability.explain(resource, operation).is_permitted(), permitted);
    }
    assert_eq!(capability.intersect(&capability), capability);
    assert!(capability.covers(&capability.minimal()) && capability.minimal().covers(&capability));
}

/// Returns the canonical text of the capability, as a JSON library reads it.
fn expected(text: &str) -> Option<String> {
    let Object(members) = serde_json::from_str(text).ok()?;
    let mut entries = BTreeMap::new();
    for (resource, operations) in members {
        Resource::parse_lenient(&resource).ok()?;
        if entries.insert(resource, operations.into_iter().collect::<BTreeSet<_>>()).is_some() {
            return None;
        }
    }
    let mut granting: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (resource, operations) in entries {
        if operations.contains("*") {
            granting.insert(resource, BTreeSet::from(["*".to_owned()]));
        } else if !operations.is_empty() {
            granting.insert(resource, operations);
        }
    }
    serde_json::to_string(&granting).ok()
}

/// The members of an object, with those that are repeated.
struct Object(Vec<(String, Vec<String>)>);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Object;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Object(members))
            }
        }
        deserializer.deserialize_map(Members)
    }
}
