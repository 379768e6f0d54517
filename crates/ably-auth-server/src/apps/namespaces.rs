//! Namespaces that only identified clients may use.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::raw::RawValue;

/// The namespace that requires identified clients by default; an app can change this.
const DEFAULT_NAMESPACE: &str = "identified";

/// The bytes that an entry uses in addition to its text.
const ENTRY_BYTES: usize = 48;

/// The namespaces of an app that only identified clients may use.
#[derive(Clone, Debug)]
pub(crate) struct IdentifiedNamespaces(BTreeSet<Box<str>>);

impl Default for IdentifiedNamespaces {
    fn default() -> Self {
        Self(BTreeSet::from([DEFAULT_NAMESPACE.into()]))
    }
}

/// An entry of an app's `namespaces`. Entries of another form have no effect.
#[derive(Deserialize)]
#[serde(untagged)]
enum Entry {
    Namespace { id: Box<str>, identified: bool },
    Other(IgnoredAny),
}

impl IdentifiedNamespaces {
    /// Reads an app's `namespaces`. If several entries name the same namespace, the last one applies.
    pub(crate) fn of(namespaces: &RawValue) -> Self {
        let mut found = Self::default();
        for entry in namespaces.read::<Vec<Entry>>().unwrap_or_default() {
            match entry {
                Entry::Namespace { id, identified: true } => drop(found.0.insert(id)),
                Entry::Namespace { id, identified: false } => drop(found.0.remove(&id)),
                Entry::Other(_) => {}
            }
        }
        found
    }

    /// Returns whether `channel` is in one of the namespaces. Its namespace is the part of its name before the first
    /// `:`.
    pub(crate) fn has(&self, channel: &str) -> bool {
        self.0.contains(channel.split(':').next().unwrap_or_default())
    }

    /// Returns approximately how many bytes of memory the namespaces use.
    pub(crate) fn size(&self) -> usize {
        let sizes = self.0.iter().map(|id| id.len().saturating_add(ENTRY_BYTES));
        sizes.fold(0, usize::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(namespaces: &str) -> IdentifiedNamespaces {
        IdentifiedNamespaces::of(&serde_json::from_str(namespaces).unwrap())
    }

    #[test]
    fn identified_namespaces_are_found() {
        let read = of(r#"[1, null, {"id":"a","identified":true}, {"id":"b"}, {"id":"c","identified":false,"x":1},
            {"id":5,"identified":true}, {"identified":true}, {"id":"d","identified":"true"}, [],
            {"persisted":true,"id":"e","identified":true}, {"id":"ä","identified":true}]"#);
        let is_in = |channel: &str| read.has(channel);
        assert!(["a", "a:x", "a:b:c", "e:1", "ä", "identified", "identified:x"].into_iter().all(is_in));
        assert!(!["aa", "b", "c:x", "x:a", "d", "5", "", "Identified:x"].into_iter().any(is_in));
    }

    #[test]
    fn default_namespace_can_be_opened() {
        assert!(of("[]").has("identified:x") && of(r#"[{"id":"identified","persisted":true}]"#).has("identified"));
        assert!(!of(r#"[{"id":"identified","identified":false}]"#).has("identified:x"));
    }

    #[test]
    fn size_grows_with_ids() {
        let long = "n".repeat(1_000);
        assert!(of(&format!(r#"[{{"id":"{long}","identified":true}}]"#)).size() > of("[]").size() + 1_000);
    }
}
