//! The capability algebra, against the brute-force oracle of core's own tests.

use ably_auth_core::Capability;
use ably_auth_core::capability::{Matcher, Resource, text_permits};

use crate::choices::Choices;
use crate::oracle::{self, ASKED, Entries, NAMED, WORLD};
use crate::oracle_algebra;

pub fn run(data: &[u8]) {
    let mut choices = Choices::new(data);
    let (one, other) = (entries(&mut choices), entries(&mut choices));
    let asked = resource(&mut choices);
    let (ours, theirs) = (oracle::read(&one), oracle::read(&other));
    let text = ours.to_string();
    assert_eq!(text, oracle_algebra::text(&one));

    let matcher = Matcher::new(&ours);
    for operation in ASKED {
        let expected = oracle_algebra::permits_all_names(&one, &asked, operation);
        assert_eq!(ours.permits(&asked, operation), expected, "{text} on {asked} {operation}");
        assert_eq!(matcher.permits(&asked, operation), expected, "{text} on {asked} {operation}");
        assert_eq!(text_permits(&text, &asked, operation).unwrap(), expected, "{text} on {asked} {operation}");
        assert_eq!(ours.explain(&asked, operation).is_permitted(), expected, "{text} on {asked} {operation}");
    }
    for name in WORLD.iter().step_by(7) {
        for operation in ASKED {
            assert_eq!(matcher.permits(&name.text, operation), oracle::permits(&one, name, operation));
        }
    }
    for (ours, theirs) in one.keys().zip(other.keys()) {
        let covers = Resource::parse_strict(ours).unwrap().covers(&Resource::parse_strict(theirs).unwrap());
        assert_eq!(covers, oracle::covers(ours, theirs), "{ours} and {theirs}");
    }
    assert_eq!(ours.covers(&theirs), oracle_algebra::permits_all_of(&one, &other), "{text} and {theirs}");
    assert_eq!(ours.minimal().to_string(), oracle_algebra::text(&oracle_algebra::minimal(&one)), "{text}");
    assert_eq!(ours.union(&theirs).to_string(), oracle_algebra::text(&oracle_algebra::union(&one, &other)));
    let common = ours.intersect(&theirs);
    let expected = oracle_algebra::text(&oracle_algebra::intersection(&one, &other));
    assert_eq!(common.to_string(), expected, "{text} and {theirs}");
    assert_eq!(theirs.intersect(&ours), common);
    assert!(ours.covers(&common) && theirs.covers(&common));
    assert_eq!(Capability::parse_strict(&expected).unwrap(), common);
}

fn entries(choices: &mut Choices<'_>) -> Entries {
    let count = choices.below(5);
    let mut entries = Entries::new();
    for _ in 0..count {
        let resource = resource(choices);
        let bits = choices.byte();
        let mut operations: std::collections::BTreeSet<_> =
            NAMED.iter().enumerate().filter(|(at, _)| bits >> at & 1 == 1).map(|(_, name)| *name).collect();
        if bits & 0b1000 != 0 || operations.is_empty() {
            operations = ["*"].into();
        }
        entries.insert(resource, operations);
    }
    entries
}

fn resource(choices: &mut Choices<'_>) -> String {
    let kind = choices.one(&["", "", "", "[*]", "[queue]", "[meta]"]);
    let segments = 1 + choices.below(3);
    let path: Vec<_> = (0..segments).map(|_| choices.one(&["a", "b", "*", "a*"])).collect();
    format!("{kind}{}", path.join(":"))
}
