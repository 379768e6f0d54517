//! The expected results of the algebra, computed with the model of `oracle`: resources are compared by the names that
//! they match.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use super::oracle::{ASKED, Entries, WORLD, covers, has, matches, permits};

/// Every resource of up to three segments, with the names of the world that it matches.
static RESOURCES: LazyLock<Vec<(String, Vec<bool>)>> = LazyLock::new(|| {
    let mut paths = vec![String::new()];
    let mut all = Vec::new();
    for _ in 0..3 {
        let longer = |path: &String| ["a", "b", "a*", "*"].map(|last| format!("{path}:{last}"));
        paths = paths.iter().flat_map(longer).collect();
        all.extend(paths.iter().map(|path| path[1..].to_owned()));
    }
    let kinds = ["", "[*]", "[queue]", "[meta]"];
    let named = kinds.iter().flat_map(|kind| all.iter().map(move |path| format!("{kind}{path}")));
    named.map(|resource| (resource.clone(), names_of(&resource))).collect()
});

fn names_of(resource: &str) -> Vec<bool> {
    WORLD.iter().map(|name| matches(resource, name)).collect()
}

/// Returns the resource that matches the names which both resources match, if they have names in common.
fn common_resource(one: &str, other: &str) -> Option<String> {
    let both: Vec<bool> = names_of(one).into_iter().zip(names_of(other)).map(|(one, other)| one && other).collect();
    let found = RESOURCES.iter().find(|(_, names)| *names == both).map(|(resource, _)| resource.clone());
    assert!(found.is_some() || both.iter().all(|matched| !matched), "{one} and {other}");
    found
}

type Operations = BTreeSet<&'static str>;

/// Adds operations to those of a resource; `*` replaces the others.
fn add(entries: &mut Entries, resource: &str, operations: &Operations) {
    let known = entries.entry(resource.into()).or_default();
    known.extend(operations);
    if known.contains("*") {
        *known = Operations::from(["*"]);
    }
}

fn common_operations(one: &Operations, other: &Operations) -> Operations {
    match (one.contains("*"), other.contains("*")) {
        (true, _) => other.clone(),
        (_, true) => one.clone(),
        _ => one.intersection(other).copied().collect(),
    }
}

fn has_all(operations: &Operations, others: &Operations) -> bool {
    others.iter().all(|other| has(operations, other))
}

pub(crate) fn text(entries: &Entries) -> String {
    serde_json::to_string(entries).unwrap()
}

/// Returns true if the operation is permitted on every name that the resource matches.
pub(crate) fn permits_all_names(entries: &Entries, resource: &str, operation: &str) -> bool {
    WORLD.iter().all(|name| !matches(resource, name) || permits(entries, name, operation))
}

/// Returns true if `entries` permits everything that `other` permits: on the names of the world, and for `*` by single
/// entries.
pub(crate) fn permits_all_of(entries: &Entries, other: &Entries) -> bool {
    let by_names = WORLD
        .iter()
        .all(|name| ASKED.iter().all(|asked| !permits(other, name, asked) || permits(entries, name, asked)));
    let wildcard = |(resource, operations): (&String, &Operations)| {
        !operations.contains("*")
            || entries.iter().any(|(known, of_known)| of_known.contains("*") && covers(known, resource))
    };
    by_names && other.iter().all(wildcard)
}

/// Returns the entries of both.
pub(crate) fn union(one: &Entries, other: &Entries) -> Entries {
    let mut all = one.clone();
    for (resource, operations) in other {
        add(&mut all, resource, operations);
    }
    all
}

/// Returns what both permit. Names that either side wrote stay; a new name stays if no other entry covers it with all of
/// its operations.
pub(crate) fn intersection(one: &Entries, other: &Entries) -> Entries {
    let (mut written, mut made) = (Entries::new(), Vec::new());
    for (ours, our_operations) in one {
        for (theirs, their_operations) in other {
            let operations = common_operations(our_operations, their_operations);
            let Some(name) = common_resource(ours, theirs).filter(|_| !operations.is_empty()) else { continue };
            if name == *ours || name == *theirs {
                add(&mut written, &name, &operations);
            } else {
                made.push((name, operations));
            }
        }
    }
    let mut all = written.clone();
    for (name, operations) in &made {
        if !written.iter().any(|(known, theirs)| covers(known, name) && has_all(theirs, operations)) {
            add(&mut all, name, operations);
        }
    }
    let is_needed = |name: &String, operations: &Operations| {
        let by = |(known, theirs): (&String, &Operations)| {
            known != name && covers(known, name) && has_all(theirs, operations)
        };
        written.contains_key(name) || !all.iter().any(by)
    };
    all.clone().into_iter().filter(|(name, operations)| is_needed(name, operations)).collect()
}

/// Returns the entries without operations that another entry has on the same names.
pub(crate) fn minimal(entries: &Entries) -> Entries {
    let mut needed = BTreeMap::new();
    for (resource, operations) in entries {
        let is_needed = |operation: &&&str| {
            !entries
                .iter()
                .any(|(known, theirs)| known != resource && covers(known, resource) && has(theirs, operation))
        };
        let operations: Operations = operations.iter().filter(is_needed).copied().collect();
        if !operations.is_empty() {
            needed.insert(resource.clone(), operations);
        }
    }
    needed
}

/// Returns the reason of an explanation.
pub(crate) fn reason(entries: &Entries, resource: &str, operation: &str) -> &'static str {
    let covering = || entries.iter().filter(|(known, _)| covers(known, resource));
    if covering().any(|(_, operations)| has(operations, operation)) {
        "permitted"
    } else if covering().next().is_some() {
        "lacksOperation"
    } else if entries.values().any(|operations| has(operations, operation)) {
        "lacksResource"
    } else {
        "lacksBoth"
    }
}
