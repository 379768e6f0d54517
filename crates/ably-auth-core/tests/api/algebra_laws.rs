//! The laws of the capability algebra, checked against a brute-force model.

use ably_auth_core::Capability;
use ably_auth_core::capability::{Entry, Resource};
use proptest::prelude::*;

use super::oracle::{ASKED, Name, WORLD, covers, entries, has, matches, permits, read, resource};
use super::support::config;

/// Returns true if two capabilities permit the same operations on every name of the world.
fn mean_the_same(one: &Capability, other: &Capability) -> bool {
    let differs = |name: &Name, asked: &str| one.permits(&name.text, asked) != other.permits(&name.text, asked);
    !WORLD.iter().any(|name| ASKED.iter().any(|asked| differs(name, asked)))
}

proptest! {
    #![proptest_config(config())]

    /// A name permits an operation exactly if an entry that matches the name has the operation or `*`.
    #[test]
    fn permits_on_name_matches_entries(entries in entries()) {
        let capability = read(&entries);
        for name in WORLD.iter() {
            for asked in ASKED {
                prop_assert_eq!(capability.permits(&name.text, asked), permits(&entries, name, asked), "{} {}", name.text, asked);
            }
        }
    }

    /// A resource with wildcards permits an operation exactly if all of its names do. A single entry then covers it.
    #[test]
    fn permits_on_resource_means_all_names(entries in entries(), resource in resource()) {
        let capability = read(&entries);
        for asked in ASKED {
            let by_names = WORLD.iter().all(|name| !matches(&resource, name) || permits(&entries, name, asked));
            let by_one = entries.iter().any(|(known, operations)| has(operations, asked) && covers(known, &resource));
            prop_assert_eq!(by_names, by_one, "the world is too small for {}", resource);
            prop_assert_eq!(capability.permits(&resource, asked), by_names, "{} {}", resource, asked);
        }
    }

    /// Only an entry with `*` permits all operations, present and future.
    #[test]
    fn wildcard_is_permitted_by_wildcard_only(entries in entries(), resource in resource()) {
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

    /// The names that two resources have in common are those of one resource, or there are none.
    #[test]
    fn two_resources_have_one_common_resource_or_none(one in resource(), other in resource()) {
        let all = |resource: &str| Capability::none().with(resource, ably_auth_core::capability::Operations::ALL).unwrap();
        let common = all(&one).intersect(&all(&other));
        prop_assert!(common.len() <= 1, "{}", common);
        for name in WORLD.iter() {
            let by_common = common.iter().any(|entry| matches(entry.resource.as_str(), name));
            prop_assert_eq!(by_common, matches(&one, name) && matches(&other, name), "{} in {}", name.text, common);
        }
    }

    /// `meets` returns the pairs of entries that have a name and an operation in common, and exactly what they have in
    /// common.
    #[test]
    fn meets_explain_the_intersection(one in entries(), other in entries()) {
        let (ours, theirs) = (read(&one), read(&other));
        let meets = ours.meets(&theirs);
        for meet in &meets {
            let Entry { resource: our, operations: our_operations } = meet.ours();
            let Entry { resource: their, operations: their_operations } = meet.theirs();
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

    /// `a ∩ b = b ∩ a`, with the same text.
    #[test]
    fn intersection_commutes(one in entries(), other in entries()) {
        let (one, other) = (read(&one), read(&other));
        prop_assert_eq!(one.intersect(&other), other.intersect(&one));
    }

    /// `a ∩ a = a`, with the same text.
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

    /// The intersection with everything is the same capability, with the same text. The intersection with nothing is
    /// empty.
    #[test]
    fn everything_is_identity_and_nothing_is_zero(entries in entries()) {
        let capability = read(&entries);
        prop_assert_eq!(&capability.intersect(&Capability::all()), &capability);
        prop_assert_eq!(&Capability::all().intersect(&capability), &capability);
        prop_assert_eq!(capability.intersect(&Capability::none()), Capability::none());
        prop_assert_eq!(Capability::none().intersect(&capability), Capability::none());
    }
}

/// `all` permits everything, including operations that only a newer service knows. `none` permits nothing.
#[test]
fn all_permits_everything_and_none_nothing() {
    for name in WORLD.iter() {
        for asked in ASKED {
            assert!(Capability::all().permits(&name.text, asked));
            assert!(!Capability::none().permits(&name.text, asked));
        }
    }
    assert_eq!(Capability::all().to_string(), r#"{"[*]*":["*"]}"#);
    assert!(Capability::none().is_empty() && !Capability::all().is_empty());
}

/// Several pairs give overlapping names that no single entry has. They add no entry to `a ∩ a`.
#[test]
fn self_intersection_of_overlapping_entries_is_same() {
    let text = r#"{"*:*:c":["subscribe"],"*:b:c":["publish"],"a:*:c":["publish"],"a:b:*":["subscribe"]}"#;
    let capability: Capability = text.parse().unwrap();
    assert_eq!(capability.intersect(&capability).to_string(), text);
}

/// A `[*]` resource whose name begins with a bracket never gives a resource of another kind, so a key without queues
/// grants no queue.
#[test]
fn channel_wildcard_never_grants_a_queue() {
    let key: Capability = r#"{"*":["*"]}"#.parse().unwrap();
    for asked in ["[*][queue]orders", "[*]*:[queue]orders", "[*][queue]*:orders", "[queue]orders", "[*]*"] {
        if let Ok(asked) = Capability::parse_lenient(&format!(r#"{{"{asked}":["subscribe"]}}"#)) {
            let token = key.intersect(&asked);
            assert!(token.iter().all(|entry| !entry.resource.as_str().starts_with('[')), "{token}");
        }
    }
}
