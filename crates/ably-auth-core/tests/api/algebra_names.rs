//! The names of the resources in an intersection, by which tokens are revoked.

use ably_auth_core::Capability;
use ably_auth_core::capability::Entry;
use proptest::prelude::*;

use super::oracle::{ASKED, Entries, covers, entries, has, meet, read};
use super::support::config;

/// Returns the entries of one side whose name the other side covers, with the operations that both have.
fn kept<'a>(side: &'a Entries, by: &'a Entries) -> impl Iterator<Item = (&'a String, Vec<&'static str>)> {
    side.iter().filter_map(move |(resource, operations)| {
        let covering: Vec<_> = by.iter().filter(|(other, _)| covers(other, resource)).collect();
        let granted = |asked: &&str| has(operations, asked) && covering.iter().any(|(_, theirs)| has(theirs, asked));
        let some = covering.iter().any(|(_, theirs)| meet(operations, theirs));
        some.then(|| (resource, ASKED.into_iter().filter(granted).collect()))
    })
}

proptest! {
    #![proptest_config(config())]

    /// A name of either side that the other side covers is in the result, with every operation that both have there.
    #[test]
    fn written_names_are_kept(one in entries(), other in entries()) {
        let common = read(&one).intersect(&read(&other));
        for (resource, operations) in kept(&one, &other).chain(kept(&other, &one)) {
            let known = common.get(resource);
            prop_assert!(known.is_some(), "{} is not in {}", resource, common);
            prop_assert!(operations.iter().all(|&operation| known.unwrap().contains(operation)), "{} in {}", resource, common);
        }
    }

    /// A name that neither side has is in the result only if no other entry covers all of it.
    #[test]
    fn made_names_are_needed(one in entries(), other in entries()) {
        let common = read(&one).intersect(&read(&other));
        for Entry { resource, operations } in &common {
            let name = resource.as_str();
            let covered = common.iter().any(|Entry { resource: by, operations: theirs }| {
                by != resource && covers(by.as_str(), name) && operations.iter().all(|operation| theirs.contains(operation))
            });
            prop_assert!(one.contains_key(name) || other.contains_key(name) || !covered, "{} in {}", resource, common);
        }
    }

    /// Every name in the result is from either side, or is what one entry of each side has in common.
    #[test]
    fn every_name_comes_from_the_inputs(one in entries(), other in entries()) {
        let (ours, theirs) = (read(&one), read(&other));
        let meets = ours.meets(&theirs);
        for Entry { resource, .. } in &ours.intersect(&theirs) {
            prop_assert!(meets.iter().any(|meet| meet.resource() == resource), "{}", resource);
        }
    }
}

/// A name of either side stays even if another entry covers it. A new name is dropped then.
#[test]
fn only_made_names_are_dropped() {
    let intersect =
        |one: &str, other: &str| one.parse::<Capability>().unwrap().intersect(&other.parse().unwrap()).to_string();
    for (one, other, common) in [
        // Each requested name stays.
        (
            r#"{"*":["*"]}"#,
            r#"{"a":["publish"],"a:*":["publish"],"a:b":["publish"]}"#,
            r#"{"a":["publish"],"a:*":["publish"],"a:b":["publish"]}"#,
        ),
        // `a:b` is new, and `a:*` covers it.
        (r#"{"a:*":["publish"]}"#, r#"{"*:b":["publish"],"a:*":["publish"]}"#, r#"{"a:*":["publish"]}"#),
        // `a:b` is new, and nothing covers it.
        (r#"{"a:*":["publish"]}"#, r#"{"*:b":["publish"]}"#, r#"{"a:b":["publish"]}"#),
        // `a:b` is new, and is also a name of both sides. Both parts are kept.
        (
            r#"{"a:*":["publish"],"a:b":["history"]}"#,
            r#"{"*:b":["publish"],"a:b":["history"]}"#,
            r#"{"a:b":["history","publish"]}"#,
        ),
        // `a:b:c` is new. A name of one side covers it, with an operation that the intersection added to that name.
        (
            r#"{"*":["subscribe"],"*:b:c":["*"],"a:*:*":["history"]}"#,
            r#"{"[*]a:*:*":["history","subscribe"]}"#,
            r#"{"a:*:*":["history","subscribe"]}"#,
        ),
        // `a:b` is new, and is covered only in part.
        (
            r#"{"a:*":["publish","history"]}"#,
            r#"{"*:b":["publish","history"],"a:*":["publish"]}"#,
            r#"{"a:*":["publish"],"a:b":["history","publish"]}"#,
        ),
    ] {
        assert_eq!(intersect(one, other), common, "{one} and {other}");
        assert_eq!(intersect(other, one), common, "{other} and {one}");
    }
}
