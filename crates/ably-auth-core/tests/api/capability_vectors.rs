//! `tests/vectors/capabilities.json`: results of the algebra that do not come from core. Core is compared with them, and
//! so are the packages for other languages.

use std::collections::BTreeSet;

use ably_auth_core::Capability;
use serde_json::{Value, json};

use super::capability_errors::{REFUSED_BY_ALL, REFUSED_BY_ISSUERS};
use super::oracle::{ASKED, Entries, NAMED, WORLD, permits};
use super::oracle_algebra::{intersection, minimal, permits_all_names, permits_all_of, reason, text, union};
use super::support::canonical;
use super::vectors::{Sequence, assert_committed};

const ABOUT: &str = "Capabilities: their canonical texts, errors, checks and combinations. The expected values come from a model that \
    matches every name of a small world, and from a JSON library. Only the message and the resource of an error, and the text and entry of an \
    explanation, come from ably-auth-core. `place` is a byte offset. `minimal` has the shortest equivalent capability.";

/// Texts that differ from their canonical form.
const TEXTS: [&str; 16] = [
    "{}",
    "  { }\t",
    r#"{"*":["*"]}"#,
    r#"{"[*]*":["*"]}"#,
    r#"{ "chat:*" : [ "subscribe" , "publish" ] }"#,
    r#"{"status":["subscribe"],"alerts":["history"]}"#,
    r#"{"b":["publish"],"a":["publish"],"B":["publish"]}"#,
    r#"{"\u0063hat":["\u0070ublish"]}"#,
    r#"{"caf\u00e9":["publish"],"日本:*":["subscribe"]}"#,
    r#"{"\ud83d\ude80":["history"]}"#,
    r#"{"a\"b\\c\/d":["publish"]}"#,
    r#"{"a\tb\u0000":["publish"]}"#,
    r#"{"\u007f\u2028":["publish"]}"#,
    r#"{"[queue]orders":["publish"],"[meta]log":["subscribe"]}"#,
    r#"{"chat":["push-admin","channel-metadata","presence","stats","push-subscribe","privileged-headers"]}"#,
    r#"{"chat":["message-update-own","message-delete-any","annotation-publish","object-subscribe"]}"#,
];

/// Texts that lenient parsing accepts, because a newer service may have issued them.
const LENIENT: [&str; 6] = [
    r#"{"chat":["teleport","publish"]}"#,
    r#"{"chat":["publish","*"]}"#,
    r#"{"chat":["publish","publish"],"b":["*","*"]}"#,
    r#"{"chat":[],"b":["publish"]}"#,
    r#"{"chat":[]}"#,
    r#"{"[new]chat":["publish"]}"#,
];

fn parse(text: &str) -> Capability {
    Capability::parse_strict(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refusal(text: &str, place: usize, resource: Option<&str>) -> Value {
    let error = Capability::parse_strict(text).expect_err(text);
    assert_eq!((error.offset(), error.ably_code().as_u32()), (Some(place), 40000), "{text}");
    assert!(resource.is_none() || error.resource() == resource, "{text}");
    let mut case = json!({"text": text, "code": 40000, "place": place, "message": error.to_string()});
    if let Some(resource) = error.resource() {
        case["resource"] = json!(resource);
    }
    case
}

fn errors() -> Vec<Value> {
    let by_all = REFUSED_BY_ALL.iter().map(|(text, place)| refusal(text, *place, None));
    let by_issuers = REFUSED_BY_ISSUERS.iter().map(|(text, place, resource)| refusal(text, *place, Some(resource)));
    by_all.chain(by_issuers).collect()
}

/// Returns a resource that the model has.
fn resource(random: &mut Sequence) -> String {
    let kind = random.pick(&["", "", "", "", "", "", "", "[*]", "[queue]", "[meta]"]);
    let mut path = |_| random.pick(&["a", "b", "*", "a", "b", "*", "a", "b", "*", "a*"]);
    let path: Vec<&str> = (0..3).map(&mut path).collect();
    format!("{kind}{}", path[..=random.below(3)].join(":"))
}

/// Returns a capability of up to four entries. Half of them have only names that overlap with `a:b:a`.
fn entries(random: &mut Sequence) -> Entries {
    let is_overlapping = random.below(2) == 0;
    let mut entries = Entries::new();
    for _ in 0..=random.below(4) {
        let name = if is_overlapping {
            let path = ["a", "b", "a"].map(|segment| if random.below(2) == 0 { "*" } else { segment });
            let length = if path[2] == "*" { random.below(3) + 1 } else { 3 };
            let last = if length < 3 { "*" } else { path[2] };
            [&path[..length - 1], &[last]].concat().join(":")
        } else {
            resource(random)
        };
        let operations = match random.below(6) {
            0 | 1 => BTreeSet::from(["*"]),
            2 | 3 => BTreeSet::from([random.pick(&NAMED), random.pick(&NAMED)]),
            _ => BTreeSet::from([random.pick(&NAMED)]),
        };
        entries.insert(name, operations);
    }
    entries
}

/// Checks one operation of the model on a name of a channel or on a resource with wildcards.
fn permit(random: &mut Sequence) -> Value {
    let operation = random.pick(&["publish", "publish", "subscribe", "subscribe", "history", "presence", "teleport"]);
    let entries = entries(random);
    let (channel, permitted) = if random.below(3) == 0 {
        let resource = resource(random);
        let permitted = permits_all_names(&entries, &resource, operation);
        (resource, permitted)
    } else {
        // Channels of up to three segments are at the beginning; longer names match few resources.
        let limit = random.pick(&[84, 84, 84, WORLD.len()]);
        let name = &WORLD[random.below(limit)];
        (name.text.clone(), permits(&entries, name, operation))
    };
    let capability = text(&entries);
    assert_eq!(parse(&capability).permits(&channel, operation), permitted, "{operation} on {channel} in {capability}");
    json!({"capability": capability, "operation": operation, "channel": channel, "permitted": permitted})
}

fn explanation(random: &mut Sequence) -> Value {
    let (entries, channel, operation) = (entries(random), resource(random), random.pick(&ASKED));
    let text = text(&entries);
    let capability = parse(&text);
    let explanation = capability.explain(&channel, operation);
    let mut case = serde_json::to_value(&explanation).unwrap();
    assert_eq!(case["reason"], reason(&entries, &channel, operation), "{operation} on {channel} in {text}");
    assert_eq!(
        case["permitted"],
        permits_all_names(&entries, &channel, operation),
        "{operation} on {channel} in {text}"
    );
    // The packages name it as their functions do.
    case["channel"] = case.as_object_mut().unwrap().remove("resource").unwrap();
    case["capability"] = json!(text);
    case["text"] = json!(explanation.to_string());
    case
}

fn pair(random: &mut Sequence) -> Value {
    let (a, b) = (entries(random), entries(random));
    let b = match random.below(5) {
        0 => union(&a, &intersection(&a, &b)),
        1 => intersection(&a, &b),
        _ => b,
    };
    let covers = [permits_all_of(&a, &b), permits_all_of(&b, &a)];
    let (union, intersection) = (union(&a, &b), intersection(&a, &b));
    let [of_a, of_b] = [&a, &b].map(|entries| parse(&text(entries)));
    assert_eq!([of_a.covers(&of_b), of_b.covers(&of_a)], covers, "{of_a} {of_b}");
    assert_eq!(of_a.is_equivalent(&of_b), covers == [true, true], "{of_a} {of_b}");
    assert_eq!(of_a.union(&of_b).to_string(), text(&union), "{of_a} {of_b}");
    assert_eq!(of_a.intersect(&of_b).to_string(), text(&intersection), "{of_a} {of_b}");
    assert_eq!(of_a.intersect(&of_b).minimal().to_string(), text(&minimal(&intersection)), "{of_a} {of_b}");
    json!({
        "a": text(&a), "b": text(&b), "aCoversB": covers[0], "bCoversA": covers[1], "equivalent": covers == [true, true],
        "union": text(&union), "intersection": text(&intersection), "minimal": text(&minimal(&intersection)),
    })
}

fn normal_form(random: &mut Sequence) -> Value {
    let (a, b) = (entries(random), entries(random));
    let entries = union(&a, &b);
    let minimal = minimal(&entries);
    assert_eq!(parse(&text(&entries)).minimal().to_string(), text(&minimal));
    json!({"capability": text(&entries), "minimal": text(&minimal)})
}

fn repeated(count: usize, start: u64, case: impl Fn(&mut Sequence) -> Value) -> Vec<Value> {
    let mut random = Sequence::new(start);
    (0..count).map(|_| case(&mut random)).collect()
}

#[test]
fn capabilities_match_committed_vectors() {
    let accepted = |text: &&str| {
        assert_eq!(Some(parse(text).to_string()), canonical(text));
        json!({"text": text, "canonical": canonical(text)})
    };
    let lenient = |text: &&str| {
        let parsed = Capability::parse_lenient(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(Some(parsed.to_string()), canonical(text));
        assert!(Capability::parse_strict(text).is_err(), "{text}");
        json!({"text": text, "canonical": canonical(text)})
    };
    let lists = [
        ("canonical", TEXTS.iter().map(accepted).collect()),
        ("lenient", LENIENT.iter().map(lenient).collect()),
        ("errors", errors()),
        ("permits", repeated(150, 1, permit)),
        ("explanations", repeated(60, 2, explanation)),
        ("pairs", repeated(100, 3, pair)),
        ("minimal", repeated(40, 4, normal_form)),
    ];
    let committed = include_str!("../../../../tests/vectors/capabilities.json");
    assert_committed("capabilities.json", committed, ABOUT, &lists);
}

/// The cases decide both ways often enough to find a package that always returns the same.
#[test]
fn cases_have_both_outcomes() {
    let file: Value = serde_json::from_str(include_str!("../../../../tests/vectors/capabilities.json")).unwrap();
    let count = |list: &str, field: &str, is: &Value| {
        file[list].as_array().unwrap().iter().filter(|case| case[field] == *is).count()
    };
    for (list, field) in [("permits", "permitted"), ("pairs", "aCoversB"), ("pairs", "equivalent")] {
        assert!(count(list, field, &json!(true)) >= 15 && count(list, field, &json!(false)) >= 20, "{list} {field}");
    }
    for reason in ["permitted", "lacksOperation", "lacksResource", "lacksBoth"] {
        assert!(count("explanations", "reason", &json!(reason)) >= 5, "{reason}");
    }
    assert!(count("pairs", "intersection", &json!("{}")) <= 50);
}
