//! The work of an intersection: the same result as comparing all pairs, in a limited number of steps.

use std::collections::BTreeMap;

use ably_auth_core::capability::{Entry, Operations, Resource, Work};
use ably_auth_core::{Capability, ErrorKind, Operation};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;

use super::oracle::{entries, read};
use super::support::config;

/// The number of steps that the service allows.
const ENOUGH: u64 = 1_000_000;

/// Computes the intersection as its documentation defines it: from all pairs, with each made name compared with each
/// entry.
fn by_pairs(one: &Capability, other: &Capability) -> Capability {
    let collect = |entries: Vec<(Resource, Operations)>| {
        entries.into_iter().fold(Capability::none(), |all, (resource, operations)| {
            all.union(&Capability::none().with(resource.as_str(), operations).unwrap())
        })
    };
    let entry = |meet: &ably_auth_core::capability::Meet<'_>| (meet.resource().clone(), meet.operations().clone());
    let covers = |known: Entry<'_>, resource: &Resource, operations: &Operations| {
        known.resource.covers(resource) && known.operations.covers(operations)
    };
    let (written, made): (Vec<_>, Vec<_>) =
        one.meets(other).into_iter().partition(ably_auth_core::capability::Meet::is_written);
    let common = collect(written.iter().map(entry).collect());
    let adds = |(resource, operations): &(Resource, Operations)| {
        !common.iter().any(|known| covers(known, resource, operations))
    };
    let all = common.union(&collect(made.iter().map(entry).filter(adds).collect()));
    let is_needed = |&Entry { resource, operations }: &Entry<'_>| {
        common.get(resource.as_str()).is_some()
            || !all.iter().any(|known| known.resource != resource && covers(known, resource, operations))
    };
    all.iter().filter(is_needed).collect()
}

/// Generates many resources from few segments, some of which sort before `:` and some after.
fn many_entries() -> impl Strategy<Value = Capability> {
    let kind = prop_oneof![8 => Just(""), 2 => Just("[*]"), 1 => Just("[queue]"), 1 => Just("[meta]")];
    let segment = prop_oneof![4 => select(vec!["A", "a", "a!", "ab", "~"]), 2 => Just("*"), 1 => Just("*!")];
    let resource = (kind, vec(segment, 1..=4)).prop_map(|(kind, path)| format!("{kind}{}", path.join(":")));
    let operations = prop_oneof![
        4 => select(vec![Operation::History, Operation::Publish, Operation::Subscribe]).prop_map(|one| Operations::from([one])),
        2 => Just(Operations::from([Operation::Publish, Operation::Subscribe])),
        1 => Just(Operations::ALL),
    ];
    btree_map(resource, operations, 0..=40).prop_map(|entries| {
        entries
            .into_iter()
            .fold(Capability::none(), |all, (resource, operations)| all.with(&resource, operations).unwrap())
    })
}

proptest! {
    #![proptest_config(config())]

    /// The result is the same as from comparing all pairs, although pairs are skipped.
    #[test]
    fn intersection_is_that_of_all_pairs(one in many_entries(), other in many_entries()) {
        prop_assert_eq!(one.intersect(&other), by_pairs(&one, &other));
    }

    /// The limited form returns the same result or an error. The steps that it took are enough, and fewer are an error.
    #[test]
    fn limited_intersection_is_the_same_or_an_error(one in many_entries(), other in many_entries(), share in 0..100_u64) {
        let mut work = Work::steps(ENOUGH);
        prop_assert_eq!(one.intersect_within(&other, &mut work), Ok(one.intersect(&other)));
        let needed = ENOUGH - work.left();
        let mut exact = Work::steps(needed);
        prop_assert_eq!(one.intersect_within(&other, &mut exact), Ok(one.intersect(&other)));
        prop_assert_eq!(exact.left(), 0);
        let mut fewer = Work::steps(needed * share / 100);
        if needed > 0 {
            prop_assert_eq!(one.intersect_within(&other, &mut fewer).map_err(|error| error.kind()), Err(ErrorKind::Capability));
            prop_assert_eq!(fewer.left(), 0);
        }
    }

    /// Resources are shared if a resource of one side covers a resource of the other. Operations are ignored.
    #[test]
    fn shared_resources_are_those_that_cover(one in entries(), other in entries(), many in many_entries()) {
        for (one, other) in [(read(&one), read(&other)), (read(&one), many)] {
            let shared = one.iter().any(|a| other.iter().any(|b| a.resource.covers(b.resource) || b.resource.covers(a.resource)));
            prop_assert_eq!(one.shares_resources_within(&other, &mut Work::steps(ENOUGH)), Ok(shared));
        }
    }
}

fn made(count: usize, name: impl Fn(usize) -> String, operations: &[&str]) -> Capability {
    let entries: BTreeMap<_, _> = (0..count).map(|nth| (name(nth), operations.to_vec())).collect();
    serde_json::to_string(&entries).unwrap().parse().unwrap()
}

/// Returns a resource of `segments` segments, each `letter` or `*` depending on a bit of `number`.
fn mixed(number: usize, segments: usize, letter: &str) -> String {
    (0..segments).map(|at| if number >> at & 1 == 0 { letter } else { "*" }).collect::<Vec<_>>().join(":")
}

/// Returns the number of steps that an intersection takes, or `None` if it exceeds the limit.
fn steps(one: &Capability, other: &Capability) -> Option<u64> {
    let mut work = Work::steps(ENOUGH);
    one.intersect_within(other, &mut work).ok().map(|_| ENOUGH - work.left())
}

/// Typical requests take a small part of the limit, even for keys with thousands of resources.
#[test]
fn plain_requests_take_few_steps() {
    let rooms = made(6_000, |nth| format!("chat:room{nth}:*"), &["publish", "subscribe"]);
    let everything = Capability::all();
    let few = made(20, |nth| format!("chat:room{nth}:typing"), &["publish"]);
    let many = made(3_000, |nth| format!("chat:room{nth}:typing"), &["publish"]);
    for (key, asked, limit) in [
        (&rooms, &few, 10_000),
        (&rooms, &many, ENOUGH / 5),
        (&everything, &rooms, ENOUGH / 5),
        (&rooms, &everything, ENOUGH / 5),
        (&rooms, &rooms, ENOUGH / 2),
    ] {
        let taken = steps(key, asked);
        assert!(taken.is_some_and(|taken| taken < limit), "{taken:?} of {limit}");
        assert_eq!(steps(asked, key).is_some(), taken.is_some());
    }
}

/// Pairs that differ in a segment are not compared: comparing all pairs would be 36 million comparisons.
#[test]
fn resources_that_differ_are_skipped() {
    let [ours, theirs] = ["a", "b"].map(|last| made(6_000, |nth| format!("chat:{nth}:{last}"), &["publish"]));
    let taken = steps(&ours, &theirs);
    assert!(taken.is_some_and(|taken| taken < ENOUGH / 2), "{taken:?}");
    assert_eq!(ours.intersect(&theirs), Capability::none());
}

/// Hostile input is refused after the allowed number of steps, and the size of a result is limited as well.
#[test]
fn work_beyond_the_limit_is_refused() {
    let deep = |count: usize, wild: &'static str, other: &'static str| {
        made(
            count,
            move |nth| {
                let at = |place: usize| if (nth * 31 + place * 17) % 7 < 3 { wild } else { other };
                (0..60).map(at).chain([&*nth.to_string()]).collect::<Vec<_>>().join(":")
            },
            &["publish"],
        )
    };
    let crossing = |count| (made(count, |i| format!("a{i}:*"), &["*"]), made(count, |i| format!("*:b{i}"), &["*"]));
    let masks = |letter| made(1 << 10, move |nth| format!("{}:{letter}", mixed(nth, 10, "a")), &["publish"]);
    let (columns, rows) = crossing(2_000);
    for (name, one, other) in [
        ("made names", columns, rows),
        ("mixed wildcards", masks("*"), masks("b")),
        ("deep resources", deep(400, "*", "a"), deep(250, "a", "*")),
        (
            "no operation in common",
            made(6_000, |i| format!("a{i}:*"), &["publish"]),
            made(6_000, |i| format!("*:b{i}"), &["history"]),
        ),
    ] {
        let mut work = Work::steps(ENOUGH);
        match one.intersect_within(&other, &mut work) {
            Ok(common) => assert!(common.to_string().len() as u64 <= 16 * (ENOUGH - work.left()), "{name}"),
            Err(error) => assert_eq!((error.kind(), work.left()), (ErrorKind::Capability, 0), "{name}"),
        }
    }
}

/// A search for a resource visits the segments of each entry at most once, even if many of them are `*`.
#[test]
fn mixed_wildcards_do_not_multiply() {
    let all_masks = made(1 << 10, |nth| format!("{}:b", mixed(nth, 10, "a")), &["publish"]);
    let asked = made(1, |_| format!("{}:c", "a:".repeat(9) + "a"), &["publish"]);
    let taken = steps(&all_masks, &asked);
    assert!(taken.is_some_and(|taken| taken < 1 << 17), "{taken:?}");
}

/// Each name is written by one side, and permitted by many pairs of entries.
#[test]
fn pairs_with_same_name_are_merged() {
    let operations = [Operation::History, Operation::Publish, Operation::Subscribe];
    let entry = |at: usize| (format!("a:{}", at % 50), operations[at % 3]);
    let names = (0..150).map(entry).fold(Capability::none(), |all, (name, one)| all.with(&name, [one]).unwrap());
    let key: Capability = r#"{"*":["publish"],"a:*":["history"],"*:*":["subscribe"]}"#.parse().unwrap();
    let granted = key.union(&names).intersect(&names);
    assert_eq!(granted, names);
    assert_eq!(granted, by_pairs(&key.union(&names), &names));
    // Unknown operations, too, are those of all pairs.
    let unknown: Vec<String> = (0..90).map(|at| format!("op{at:02}")).collect();
    let all = Capability::parse_lenient(&serde_json::json!({ "a:b": unknown }).to_string()).unwrap();
    let parts = |resource: &str, part: &[String]| {
        Capability::parse_lenient(&serde_json::json!({ resource: part }).to_string()).unwrap()
    };
    let (first, rest) = unknown.split_at(40);
    let key = parts("a:*", first).union(&parts("*:b", rest)).union(&parts("*:*", &unknown[30..50]));
    assert_eq!(key.intersect(&all), all);
}
