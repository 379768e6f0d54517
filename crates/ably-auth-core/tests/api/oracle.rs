//! A brute-force model of resources and capabilities: it matches every name of a small world.
//!
//! Resources have the segments `a`, `b`, `a*` and `*`. The names of the world also have a segment, `z`, and a kind,
//! `[new]`, that no resource has, and they are one segment longer than any resource. So a set of resources covers
//! another in this world only if it does so for all possible names.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use ably_auth_core::Capability;
use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;
use proptest::sample::select;

/// The operations in the capabilities, and those that are checked. The latter also have a known and an unknown
/// operation that is in no capability.
pub(crate) const NAMED: [&str; 3] = ["history", "publish", "subscribe"];
pub(crate) const ASKED: [&str; 5] = ["history", "publish", "subscribe", "presence", "teleport"];

/// The segments of the world's names.
const SEGMENTS: [&str; 4] = ["a", "b", "z", "a*"];

/// A name of a channel (empty kind), or of a resource of another kind.
pub(crate) struct Name {
    kind: &'static str,
    segments: Vec<&'static str>,
    pub(crate) text: String,
}

pub(crate) static WORLD: LazyLock<Vec<Name>> = LazyLock::new(|| {
    let longer = |path: &Vec<&'static str>| SEGMENTS.map(|last| path.iter().copied().chain([last]).collect::<Vec<_>>());
    let mut paths = Vec::new();
    let mut longest = vec![Vec::new()];
    for _ in 0..4 {
        longest = longest.iter().flat_map(longer).collect();
        paths.extend(longest.iter().cloned());
    }
    let named = |kind: &'static str| {
        let prefix = if kind.is_empty() { String::new() } else { format!("[{kind}]") };
        let name = move |segments: &Vec<&'static str>| Name {
            kind,
            segments: segments.clone(),
            text: prefix.clone() + &segments.join(":"),
        };
        paths.iter().map(name).collect::<Vec<_>>()
    };
    ["", "queue", "meta", "new"].into_iter().flat_map(named).collect()
});

/// Returns true if the segments of a resource match those of a name.
fn segments_match(resource: &[&str], name: &[&str]) -> bool {
    match (resource, name) {
        ([], []) => true,
        (["*"], [_, ..]) => true,
        (["*", resource @ ..], [_, name @ ..]) => segments_match(resource, name),
        ([one, resource @ ..], [other, name @ ..]) => one == other && segments_match(resource, name),
        _ => false,
    }
}

/// Returns true if the resource matches the name.
pub(crate) fn matches(resource: &str, name: &Name) -> bool {
    let (kind, path) = match resource.strip_prefix('[') {
        Some(bracketed) => bracketed.split_once(']').unwrap(),
        None => ("", resource),
    };
    (kind == "*" || kind == name.kind) && segments_match(&path.split(':').collect::<Vec<_>>(), &name.segments)
}

/// Returns true if `resource` matches every name of the world that `other` matches.
pub(crate) fn covers(resource: &str, other: &str) -> bool {
    WORLD.iter().all(|name| !matches(other, name) || matches(resource, name))
}

/// A capability as data: resources and their operations.
pub(crate) type Entries = BTreeMap<String, BTreeSet<&'static str>>;

pub(crate) fn has(operations: &BTreeSet<&'static str>, operation: &str) -> bool {
    operations.contains("*") || operations.contains(operation)
}

/// Returns true if two lists of operations have one in common.
pub(crate) fn meet(one: &BTreeSet<&'static str>, other: &BTreeSet<&'static str>) -> bool {
    NAMED.iter().chain(&["presence"]).any(|operation| has(one, operation) && has(other, operation))
}

/// Returns true if an entry that matches the name has the operation or `*`.
pub(crate) fn permits(entries: &Entries, name: &Name, operation: &str) -> bool {
    entries.iter().any(|(resource, operations)| has(operations, operation) && matches(resource, name))
}

/// Parses the capability with these entries from JSON that a JSON library wrote.
pub(crate) fn read(entries: &Entries) -> Capability {
    let text = serde_json::to_string(entries).unwrap();
    Capability::parse_strict(&text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Generates a resource of up to three segments.
pub(crate) fn resource() -> impl Strategy<Value = String> {
    let kind = prop_oneof![6 => Just(""), 2 => Just("[*]"), 1 => Just("[queue]"), 1 => Just("[meta]")];
    let segment = prop_oneof![8 => select(vec!["a", "b", "*"]), 1 => Just("a*")];
    (kind, vec(segment, 1..=3)).prop_map(|(kind, path)| format!("{kind}{}", path.join(":")))
}

/// Generates a resource that matches `a:b:a`, so that any two of them overlap.
fn overlapping_resource() -> impl Strategy<Value = String> {
    (1..=3_usize, [any::<bool>(), any::<bool>(), any::<bool>()]).prop_map(|(length, wild)| {
        let segment = |at: usize| if wild[at] || length < 3 && at + 1 == length { "*" } else { ["a", "b", "a"][at] };
        (0..length).map(segment).collect::<Vec<_>>().join(":")
    })
}

fn operations() -> impl Strategy<Value = BTreeSet<&'static str>> {
    prop_oneof![5 => btree_set(select(&NAMED[..]), 1..=2), 1 => Just(BTreeSet::from(["*"]))]
}

/// Generates a capability of a few entries, with different resources or with resources that overlap.
pub(crate) fn entries() -> impl Strategy<Value = Entries> {
    prop_oneof![
        2 => btree_map(resource(), operations(), 0..=4),
        1 => btree_map(overlapping_resource(), operations(), 1..=6),
    ]
}
