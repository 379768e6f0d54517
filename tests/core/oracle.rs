//! Brute force: what resources and capabilities mean, by matching every name of a small world one by one.
//!
//! Resources are written over the segments `a`, `b`, `a*` and `*`; the world's names have one segment, `z`, and
//! one kind, `[new]`, that no resource here names, and are one segment longer than any resource. So a set of resources
//! covers another in this world only if it does in the world without end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use ably_auth_core::Capability;
use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;
use proptest::sample::select;

/// Operations that capabilities name here, and two that none does: one that is known, one that is not.
pub const NAMED: [&str; 3] = ["history", "publish", "subscribe"];
pub const ASKED: [&str; 5] = ["history", "publish", "subscribe", "presence", "teleport"];

/// The segments of the world's names.
const SEGMENTS: [&str; 4] = ["a", "b", "z", "a*"];

/// A concrete name: of a channel (no kind), or of a thing of another kind.
pub struct Name {
    kind: &'static str,
    segments: Vec<&'static str>,
    pub text: String,
}

pub static WORLD: LazyLock<Vec<Name>> = LazyLock::new(|| {
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

/// Whether a resource's segments match a name's.
fn segments_match(resource: &[&str], name: &[&str]) -> bool {
    match (resource, name) {
        ([], []) => true,
        (["*"], [_, ..]) => true,
        (["*", resource @ ..], [_, name @ ..]) => segments_match(resource, name),
        ([one, resource @ ..], [other, name @ ..]) => one == other && segments_match(resource, name),
        _ => false,
    }
}

/// Whether a resource, by its text, matches a name.
pub fn matches(resource: &str, name: &Name) -> bool {
    let (kind, path) = match resource.strip_prefix('[') {
        Some(bracketed) => bracketed.split_once(']').unwrap(),
        None => ("", resource),
    };
    (kind == "*" || kind == name.kind) && segments_match(&path.split(':').collect::<Vec<_>>(), &name.segments)
}

/// Whether every name of the world that `other` matches, `resource` matches too.
pub fn covers(resource: &str, other: &str) -> bool {
    WORLD.iter().all(|name| !matches(other, name) || matches(resource, name))
}

/// A capability as data: resources and their operations.
pub type Entries = BTreeMap<String, BTreeSet<&'static str>>;

pub fn has(operations: &BTreeSet<&'static str>, operation: &str) -> bool {
    operations.contains("*") || operations.contains(operation)
}

/// Whether two lists of operations have one in common.
pub fn meet(one: &BTreeSet<&'static str>, other: &BTreeSet<&'static str>) -> bool {
    NAMED.iter().chain(&["presence"]).any(|operation| has(one, operation) && has(other, operation))
}

/// Whether an entry that matches the name has the operation or `*`.
pub fn permits(entries: &Entries, name: &Name, operation: &str) -> bool {
    entries.iter().any(|(resource, operations)| has(operations, operation) && matches(resource, name))
}

/// The capability of these entries, read from JSON that a JSON library wrote.
pub fn read(entries: &Entries) -> Capability {
    let text = serde_json::to_string(entries).unwrap();
    Capability::parse_strict(&text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// A resource of up to three segments.
pub fn resource() -> impl Strategy<Value = String> {
    let kind = prop_oneof![6 => Just(""), 2 => Just("[*]"), 1 => Just("[queue]"), 1 => Just("[meta]")];
    let segment = prop_oneof![8 => select(vec!["a", "b", "*"]), 1 => Just("a*")];
    (kind, vec(segment, 1..=3)).prop_map(|(kind, path)| format!("{kind}{}", path.join(":")))
}

/// A resource that matches `a:b:a`, so that any two overlap.
fn overlapping_resource() -> impl Strategy<Value = String> {
    (1..=3_usize, [any::<bool>(), any::<bool>(), any::<bool>()]).prop_map(|(length, wild)| {
        let segment = |at: usize| if wild[at] || length < 3 && at + 1 == length { "*" } else { ["a", "b", "a"][at] };
        (0..length).map(segment).collect::<Vec<_>>().join(":")
    })
}

fn operations() -> impl Strategy<Value = BTreeSet<&'static str>> {
    prop_oneof![5 => btree_set(select(&NAMED[..]), 1..=2), 1 => Just(BTreeSet::from(["*"]))]
}

/// A capability of a few entries: of unlike resources, or of resources that overlap much.
pub fn entries() -> impl Strategy<Value = Entries> {
    prop_oneof![
        2 => btree_map(resource(), operations(), 0..=4),
        1 => btree_map(overlapping_resource(), operations(), 1..=6),
    ]
}
