//! The names that an intersection is written in: tokens are revoked by them.

use ably_auth_core::Capability;
use proptest::prelude::*;

use super::oracle::{ASKED, Entries, covers, entries, has, meet, read};
use super::support::config;

/// The entries of one side that the other side grants something of, name and all.
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

    /// A name that either side wrote, and that the other side covers, is kept as it is written, with every operation that
    /// both have there.
    #[test]
    fn written_names_are_kept(one in entries(), other in entries()) {
        let common = read(&one).intersect(&read(&other));
        for (resource, operations) in kept(&one, &other).chain(kept(&other, &one)) {
            let known = common.get(resource);
            prop_assert!(known.is_some(), "{} is not in {}", resource, common);
            prop_assert!(operations.iter().all(|&operation| known.unwrap().contains(operation)), "{} in {}", resource, common);
        }
    }

    /// A name that neither side wrote stands only where no other entry covers all of it.
    #[test]
    fn made_names_are_needed(one in entries(), other in entries()) {
        let common = read(&one).intersect(&read(&other));
        for (resource, operations) in common.iter() {
            let name = resource.as_str();
            let covered = common.iter().any(|(by, theirs)| {
                by != resource && covers(by.as_str(), name) && operations.iter().all(|operation| theirs.contains(operation))
            });
            prop_assert!(one.contains_key(name) || other.contains_key(name) || !covered, "{} in {}", resource, common);
        }
    }

    /// Every name is one that either side wrote, or that one entry of each has in common.
    #[test]
    fn no_name_comes_from_nowhere(one in entries(), other in entries()) {
        let (ours, theirs) = (read(&one), read(&other));
        let meets = ours.meets(&theirs);
        for (resource, _) in ours.intersect(&theirs).iter() {
            prop_assert!(meets.iter().any(|meet| meet.resource() == resource), "{}", resource);
        }
    }
}

/// A name stays where another entry covers it, if it was asked for; one that had to be made goes.
#[test]
fn only_made_names_are_dropped() {
    let intersect =
        |one: &str, other: &str| one.parse::<Capability>().unwrap().intersect(&other.parse().unwrap()).to_string();
    for (one, other, common) in [
        // Asked for twice over, kept twice over.
        (
            r#"{"*":["*"]}"#,
            r#"{"a":["publish"],"a:*":["publish"],"a:b":["publish"]}"#,
            r#"{"a":["publish"],"a:*":["publish"],"a:b":["publish"]}"#,
        ),
        // `a:b` is made of the wildcards and covered by `a:*`.
        (r#"{"a:*":["publish"]}"#, r#"{"*:b":["publish"],"a:*":["publish"]}"#, r#"{"a:*":["publish"]}"#),
        // `a:b` is made of the wildcards and covered by nothing.
        (r#"{"a:*":["publish"]}"#, r#"{"*:b":["publish"]}"#, r#"{"a:b":["publish"]}"#),
        // `a:b` is made, and what was written of it is kept beside.
        (
            r#"{"a:*":["publish"],"a:b":["history"]}"#,
            r#"{"*:b":["publish"],"a:b":["history"]}"#,
            r#"{"a:b":["history","publish"]}"#,
        ),
        // `a:b:c` is made, and covered by a name that was written, with an operation that was made for it.
        (
            r#"{"*":["subscribe"],"*:b:c":["*"],"a:*:*":["history"]}"#,
            r#"{"[*]a:*:*":["history","subscribe"]}"#,
            r#"{"a:*:*":["history","subscribe"]}"#,
        ),
        // `a:b` is made, and covered only in part.
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
