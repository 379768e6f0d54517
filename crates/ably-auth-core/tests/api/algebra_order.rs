//! The order of capabilities, their union and their normal form, checked against a brute-force model.

use ably_auth_core::Capability;
use ably_auth_core::capability::Entry;
use proptest::prelude::*;

use super::oracle::{ASKED, WORLD, covers, entries, has, permits, read};
use super::oracle_algebra::permits_all_of;
use super::support::config;

proptest! {
    #![proptest_config(config())]

    /// One capability covers another exactly if it permits all that the other permits.
    #[test]
    fn covers_means_permits_everything(one in entries(), other in entries()) {
        prop_assert_eq!(read(&one).covers(&read(&other)), permits_all_of(&one, &other));
    }

    /// `covers` is a partial order on meanings: reflexive, transitive, and in both directions only for equivalent
    /// capabilities.
    #[test]
    fn covers_is_a_partial_order(one in entries(), two in entries(), three in entries()) {
        let (one, two, three) = (read(&one), read(&two), read(&three));
        prop_assert!(one.covers(&one));
        prop_assert!(!(one.covers(&two) && two.covers(&three)) || one.covers(&three));
        prop_assert_eq!(one.is_equivalent(&two), one.covers(&two) && two.covers(&one));
        prop_assert!(one.union(&two).covers(&one) && one.covers(&one.intersect(&two)));
    }

    /// `a ⊇ b` exactly if `a ∩ b` is equivalent to `b`, and exactly if `a ∪ b` is equivalent to `a`.
    #[test]
    fn covers_agrees_with_intersection_and_union(one in entries(), other in entries()) {
        let (one, other) = (read(&one), read(&other));
        prop_assert_eq!(one.covers(&other), one.intersect(&other).is_equivalent(&other));
        prop_assert_eq!(one.covers(&other), one.union(&other).is_equivalent(&one));
    }

    /// The union permits exactly what either permits.
    #[test]
    fn union_is_pointwise_or(one in entries(), other in entries()) {
        let both = read(&one).union(&read(&other));
        for name in WORLD.iter() {
            for asked in ASKED {
                let either = permits(&one, name, asked) || permits(&other, name, asked);
                prop_assert_eq!(both.permits(&name.text, asked), either, "{} {}", name.text, asked);
            }
        }
    }

    /// `a ∪ b = b ∪ a`, `(a ∪ b) ∪ c = a ∪ (b ∪ c)` and `a ∪ a = a`, with the same text.
    #[test]
    fn union_is_commutative_associative_and_idempotent(one in entries(), two in entries(), three in entries()) {
        let (one, two, three) = (read(&one), read(&two), read(&three));
        prop_assert_eq!(one.union(&two), two.union(&one));
        prop_assert_eq!(one.union(&two).union(&three), one.union(&two.union(&three)));
        prop_assert_eq!(one.union(&one), one);
    }

    /// Absorption: `a ∩ (a ∪ b)` and `a ∪ (a ∩ b)` are equivalent to `a`.
    #[test]
    fn meet_and_join_absorb(one in entries(), other in entries()) {
        let (one, other) = (read(&one), read(&other));
        prop_assert!(one.intersect(&one.union(&other)).is_equivalent(&one));
        prop_assert!(one.union(&one.intersect(&other)).is_equivalent(&one));
    }

    /// Distribution: `a ∩ (b ∪ c)` is equivalent to `(a ∩ b) ∪ (a ∩ c)`.
    #[test]
    fn meet_distributes_over_join(one in entries(), two in entries(), three in entries()) {
        let (one, two, three) = (read(&one), read(&two), read(&three));
        let (left, right) = (one.intersect(&two.union(&three)), one.intersect(&two).union(&one.intersect(&three)));
        prop_assert!(left.is_equivalent(&right), "{left} and {right}");
    }

    /// The normal form is equivalent, is its own normal form, and is never longer.
    #[test]
    fn minimal_is_equivalent(entries in entries()) {
        let capability = read(&entries);
        let minimal = capability.minimal();
        prop_assert!(minimal.is_equivalent(&capability), "{minimal}");
        prop_assert_eq!(minimal.minimal(), minimal.clone());
        prop_assert!(minimal.to_string().len() <= capability.to_string().len());
    }

    /// No operation of the normal form can be omitted.
    #[test]
    fn minimal_has_no_redundant_operation(entries in entries()) {
        let minimal = read(&entries).minimal();
        for Entry { resource, operations } in &minimal {
            for dropped in operations.iter() {
                let rest = minimal.iter().map(|Entry { resource: known, operations: of_known }| {
                    let kept = of_known.iter().filter(|kept| known != resource || *kept != dropped);
                    (known.as_str().to_owned(), kept.map(|kept| kept.as_str().to_owned()).collect::<Vec<_>>())
                });
                let text = serde_json::to_string(&rest.collect::<std::collections::BTreeMap<_, _>>()).unwrap();
                let shorter = Capability::parse_lenient(&text).unwrap();
                prop_assert!(!shorter.covers(&minimal), "{minimal} without {} on {resource}", dropped.as_str());
            }
        }
    }

    /// Equivalent capabilities have the same normal form. Adding a part that is already covered changes nothing.
    #[test]
    fn minimal_is_unique(one in entries(), other in entries()) {
        let (one, other) = (read(&one), read(&other));
        prop_assert_eq!(one.union(&one.intersect(&other)).minimal(), one.minimal());
        prop_assert_eq!(one.is_equivalent(&other), one.minimal() == other.minimal());
    }

    /// An explanation agrees with `permits`, and its entry has the property that the variant states.
    #[test]
    fn explanation_agrees_with_permits(entries in entries(), resource in super::oracle::resource()) {
        use ably_auth_core::capability::Explanation;

        let capability = read(&entries);
        for asked in ASKED {
            let explanation = capability.explain(&resource, asked);
            prop_assert_eq!(explanation.is_permitted(), capability.permits(&resource, asked));
            let having = || entries.iter().filter(|(_, operations)| has(operations, asked));
            let covering = || entries.keys().filter(|known| covers(known, &resource));
            match &explanation {
                Explanation::Permitted { by, .. } => {
                    prop_assert!(covers(by.resource.as_str(), &resource) && by.operations.contains(asked));
                    let narrower = having().find(|(known, _)| {
                        covers(known, &resource) && *known != by.resource.as_str() && covers(by.resource.as_str(), known)
                    });
                    prop_assert_eq!(narrower, None, "more specific than {}", by.resource);
                }
                Explanation::LacksOperation { closest, .. } => {
                    prop_assert!(covers(closest.resource.as_str(), &resource) && !closest.operations.contains(asked));
                }
                Explanation::LacksResource { closest, .. } => {
                    prop_assert!(closest.operations.contains(asked) && !covers(closest.resource.as_str(), &resource));
                    prop_assert_eq!(covering().next(), None);
                }
                Explanation::LacksBoth { .. } => {
                    prop_assert!(having().next().is_none() && covering().next().is_none());
                }
                other => prop_assert!(false, "{other:?}"),
            }
        }
    }
}
