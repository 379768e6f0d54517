//! The laws of the capability algebra, against brute force over a small world of names.

use ably_auth_core::Capability;
use ably_auth_core::capability::Resource;
use proptest::prelude::*;

use super::oracle::{ASKED, Name, WORLD, covers, entries, has, matches, permits, read, resource};
use super::support::config;

/// Whether two capabilities permit the same operations on every name of the world.
fn mean_the_same(one: &Capability, other: &Capability) -> bool {
    let differs = |name: &Name, asked: &str| one.permits(&name.text, asked) != other.permits(&name.text, asked);
    !WORLD.iter().any(|name| ASKED.iter().any(|asked| differs(name, asked)))
}

proptest! {
    #![proptest_config(config())]

    /// A name is permitted an operation exactly if an entry that matches the name has the operation or `*`.
    #[test]
    fn permits_on_a_name_is_what_its_entries_say(entries in entries()) {
        let capability = read(&entries);
        for name in WORLD.iter() {
            for asked in ASKED {
                prop_assert_eq!(capability.permits(&name.text, asked), permits(&entries, name, asked), "{} {}", name.text, asked);
            }
        }
    }

    /// A resource with wildcards is permitted exactly if everything that it matches is, and then one entry covers it.
    #[test]
    fn permits_on_a_resource_is_permits_on_all_its_names(entries in entries(), resource in resource()) {
        let capability = read(&entries);
        for asked in ASKED {
            let by_names = WORLD.iter().all(|name| !matches(&resource, name) || permits(&entries, name, asked));
            let by_one = entries.iter().any(|(known, operations)| has(operations, asked) && covers(known, &resource));
            prop_assert_eq!(by_names, by_one, "the world is too small for {}", resource);
            prop_assert_eq!(capability.permits(&resource, asked), by_names, "{} {}", resource, asked);
        }
    }

    /// All operations, present and future, are permitted only by an entry that has `*`.
    #[test]
    fn the_wildcard_is_permitted_only_by_itself(entries in entries(), resource in resource()) {
        let by_one = entries.iter().any(|(known, operations)| operations.contains("*") && covers(known, &resource));
        prop_assert_eq!(read(&entries).permits(&resource, "*"), by_one);
    }

    /// One resource covers another exactly if it matches every name that the other matches.
    #[test]
    fn covers_is_subset(one in resource(), other in resource()) {
        let (ours, theirs) = (Resource::parse_strict(&one).unwrap(), Resource::parse_strict(&other).unwrap());
        prop_assert_eq!(ours.covers(&theirs), covers(&one, &other));
        prop_assert_eq!(theirs.covers(&ours), covers(&other, &one));
        prop_assert!(ours.covers(&ours));
    }

    /// The intersection permits exactly what both permit.
    #[test]
    fn intersection_is_pointwise_and(one in entries(), other in entries()) {
        let common = read(&one).intersect(&read(&other));
        for name in WORLD.iter() {
            for asked in ASKED {
                let both = permits(&one, name, asked) && permits(&other, name, asked);
                prop_assert_eq!(common.permits(&name.text, asked), both, "{} {} in {}", name.text, asked, common);
            }
        }
    }

    /// What two resources have in common is one resource, or nothing.
    #[test]
    fn two_resources_meet_in_one_or_none(one in resource(), other in resource()) {
        let all = |resource: &str| Capability::none().with(resource, ably_auth_core::capability::Operations::ALL).unwrap();
        let common = all(&one).intersect(&all(&other));
        prop_assert!(common.len() <= 1, "{}", common);
        for name in WORLD.iter() {
            let by_common = common.iter().any(|(resource, _)| matches(resource.as_str(), name));
            prop_assert_eq!(by_common, matches(&one, name) && matches(&other, name), "{} in {}", name.text, common);
        }
    }

    /// The pairs behind an intersection are those that match a name in common and have an operation in common, and each
    /// says exactly which.
    #[test]
    fn meets_explain_the_intersection(one in entries(), other in entries()) {
        let (ours, theirs) = (read(&one), read(&other));
        let meets = ours.meets(&theirs);
        for meet in &meets {
            let ((our, our_operations), (their, their_operations)) = (meet.ours(), meet.theirs());
            let shared = |name: &Name| matches(our.as_str(), name) && matches(their.as_str(), name);
            prop_assert!(WORLD.iter().all(|name| matches(meet.resource().as_str(), name) == shared(name)));
            for asked in ASKED {
                let both = our_operations.contains(asked) && their_operations.contains(asked);
                prop_assert_eq!(meet.operations().contains(asked), both);
            }
            prop_assert!(!meet.operations().is_empty());
            prop_assert_eq!(meet.is_written(), meet.resource() == our || meet.resource() == their);
        }
        let expected = one.iter().flat_map(|ours| other.iter().map(move |theirs| (ours, theirs))).filter(|(ours, theirs)| {
            super::oracle::meet(ours.1, theirs.1) && WORLD.iter().any(|name| matches(ours.0, name) && matches(theirs.0, name))
        });
        prop_assert_eq!(meets.len(), expected.count());
    }

    /// It does not matter who asks: `a ∩ b = b ∩ a`, to the last name.
    #[test]
    fn intersection_commutes(one in entries(), other in entries()) {
        let (one, other) = (read(&one), read(&other));
        prop_assert_eq!(one.intersect(&other), other.intersect(&one));
    }

    /// `a ∩ a = a`, to the last name.
    #[test]
    fn intersection_with_itself_changes_nothing(entries in entries()) {
        let capability = read(&entries);
        prop_assert_eq!(capability.intersect(&capability), capability);
    }

    /// `(a ∩ b) ∩ c` means what `a ∩ (b ∩ c)` means.
    #[test]
    fn intersection_associates_in_meaning(one in entries(), two in entries(), three in entries()) {
        let (one, two, three) = (read(&one), read(&two), read(&three));
        let (left, right) = (one.intersect(&two).intersect(&three), one.intersect(&two.intersect(&three)));
        prop_assert!(mean_the_same(&left, &right), "{} and {}", left, right);
    }

    /// Who asks for everything gets what the key has, to the last name; who asks for nothing gets nothing.
    #[test]
    fn everything_is_the_unit_and_nothing_the_zero(entries in entries()) {
        let capability = read(&entries);
        prop_assert_eq!(&capability.intersect(&Capability::all()), &capability);
        prop_assert_eq!(&Capability::all().intersect(&capability), &capability);
        prop_assert_eq!(capability.intersect(&Capability::none()), Capability::none());
        prop_assert_eq!(Capability::none().intersect(&capability), Capability::none());
    }
}

/// Everything permits everything, also what a newer service has; nothing permits nothing.
#[test]
fn everything_and_nothing() {
    for name in WORLD.iter() {
        for asked in ASKED {
            assert!(Capability::all().permits(&name.text, asked));
            assert!(!Capability::none().permits(&name.text, asked));
        }
    }
    assert_eq!(Capability::all().to_string(), r#"{"[*]*":["*"]}"#);
    assert!(Capability::none().is_empty() && !Capability::all().is_empty());
}

/// Overlaps that come about in several ways, none of which one entry explains, still add no entry to `a ∩ a`.
#[test]
fn intersection_with_itself_changes_nothing_where_many_entries_overlap() {
    let text = r#"{"*:*:c":["subscribe"],"*:b:c":["publish"],"a:*:c":["publish"],"a:b:*":["subscribe"]}"#;
    let capability: Capability = text.parse().unwrap();
    assert_eq!(capability.intersect(&capability).to_string(), text);
}

/// What `[*]` says of a name that begins with a bracket is never of another kind of thing: a key without queues hands out
/// none.
#[test]
fn a_channel_wildcard_never_turns_into_a_queue() {
    let key: Capability = r#"{"*":["*"]}"#.parse().unwrap();
    for asked in ["[*][queue]orders", "[*]*:[queue]orders", "[*][queue]*:orders", "[queue]orders", "[*]*"] {
        if let Ok(asked) = Capability::parse_lenient(&format!(r#"{{"{asked}":["subscribe"]}}"#)) {
            let token = key.intersect(&asked);
            assert!(token.iter().all(|(resource, _)| !resource.as_str().starts_with('[')), "{token}");
        }
    }
}
