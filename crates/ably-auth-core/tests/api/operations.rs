//! Sets of operations, including unknown ones.

use std::collections::BTreeSet;

use ably_auth_core::capability::{OperationName, Operations};
use ably_auth_core::{Capability, Operation};
use proptest::collection::btree_set;
use proptest::prelude::*;
use proptest::sample::select;

use super::support::config;

const NAMES: [&str; 9] =
    ["*", "annotation-publish", "history", "publish", "subscribe", "aaa", "publish-later", "teleport", "zzz"];

/// Generates some names. `*` stands for all operations.
fn names() -> impl Strategy<Value = BTreeSet<&'static str>> {
    btree_set(prop_oneof![1 => Just("*"), 12 => select(&NAMES[1..])], 0..6)
}

fn has(names: &BTreeSet<&str>, name: &str) -> bool {
    names.contains("*") || names.contains(name)
}

proptest! {
    #![proptest_config(config())]

    /// A set has exactly the names that were added. `*` stands for all names.
    #[test]
    fn set_has_exactly_added_names(names in names()) {
        let set: Operations = names.iter().copied().collect();
        for name in NAMES {
            prop_assert_eq!(set.contains(name), has(&names, name), "{}", name);
        }
        prop_assert_eq!(set.is_empty(), names.is_empty());
        prop_assert_eq!(set.is_all(), names.contains("*"));
    }

    /// The names are in byte order, known and unknown ones mixed. `*` is the only name in its set.
    #[test]
    fn names_are_in_byte_order(names in names()) {
        let set: Operations = names.iter().copied().collect();
        let expected = if names.contains("*") { vec!["*"] } else { names.into_iter().collect() };
        prop_assert_eq!(set.iter().map(OperationName::as_str).collect::<Vec<_>>(), expected.clone());
        prop_assert_eq!(set.to_string(), serde_json::to_string(&expected).unwrap());
    }

    /// An intersection has the operations that both sets have. A set covers another exactly if it has all of its
    /// operations.
    #[test]
    fn sets_intersect_and_cover_by_name(one in names(), other in names()) {
        let (ours, theirs): (Operations, Operations) = (one.iter().copied().collect(), other.iter().copied().collect());
        let common = ours.intersect(&theirs);
        for name in NAMES {
            prop_assert_eq!(common.contains(name), has(&one, name) && has(&other, name), "{}", name);
        }
        prop_assert_eq!(ours.covers(&theirs), other.iter().all(|name| has(&one, name)));
        prop_assert_eq!(&theirs.intersect(&ours), &common);
        prop_assert!(ours.covers(&common) && theirs.covers(&common));
    }
}

/// Each operation is found by its name, and the list of all operations is in the order of the canonical text.
#[test]
fn operation_is_found_by_name() {
    let names: Vec<_> = Operation::ALL.iter().map(|operation| operation.as_str()).collect();
    assert!(names.is_sorted());
    assert_eq!(names.len(), 17);
    for &operation in Operation::ALL {
        assert_eq!(Operation::from_name(operation.as_str()), Some(operation));
        let only = Operations::from([operation]);
        assert!(Operation::ALL.iter().all(|&other| only.contains(other) == (other == operation)));
    }
    assert_eq!((Operation::from_name("*"), Operation::from_name("Publish")), (None, None));
}

#[test]
fn names_in_any_order_are_kept_once() {
    let names = ["zzz", "publish", "aaa", "zzz", "publish", "aaa", "teleport"];
    let expected = r#"["aaa","publish","teleport","zzz"]"#;
    let collected: Operations = names.into_iter().collect();
    let mut inserted = Operations::NONE;
    names.into_iter().for_each(|name| inserted.insert(name));
    let parsed = Capability::parse_lenient(&serde_json::json!({ "a": names }).to_string()).unwrap();
    let wire: Operations = serde_json::from_value(serde_json::json!(names)).unwrap();
    for set in [&collected, &inserted, parsed.get("a").unwrap(), &wire] {
        assert_eq!((set, set.to_string().as_str()), (&collected, expected));
        assert!(names.into_iter().all(|name| set.contains(name)));
    }
}

#[test]
fn union_merges_unknown_names() {
    let parse = |text: &str| Capability::parse_lenient(text).unwrap();
    let (one, other) = (parse(r#"{"a":["zzz","aaa","publish"]}"#), parse(r#"{"a":["mmm","aaa","bbb"]}"#));
    let both = r#"{"a":["aaa","bbb","mmm","publish","zzz"]}"#;
    assert_eq!((one.union(&other).to_string(), other.union(&one).to_string()), (both.into(), both.into()));
    assert_eq!(one.union(&Capability::none()), one);
}
