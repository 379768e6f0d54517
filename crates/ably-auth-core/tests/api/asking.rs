//! Three ways to check an operation: a capability, its matcher, and its text.

use ably_auth_core::capability::{Matcher, as_object, text_permits};
use ably_auth_core::{Capability, Operation};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::oracle::{ASKED, WORLD, covers, entries, matches, read, resource};
use super::support::config;

/// Returns the result of parsing the text into a [`Capability`] and checking that.
fn by_capability(text: &str, resource: &str, operation: &str) -> Option<bool> {
    Capability::parse_lenient(text).ok().map(|capability| capability.permits(resource, operation))
}

/// Generates a JSON string that may have escapes, or be invalid.
fn spelled() -> impl Strategy<Value = String> {
    let piece = select(vec![
        "a",
        "b",
        ":",
        "*",
        "\\u0061",
        "\\u003a",
        "\\u002A",
        "\\n",
        "\\/",
        "[",
        "]",
        "[queue]",
        "[*]",
        "é",
        "\\ud83d\\ude00",
        "😀",
        "\\ud83d",
        "\\x",
        "\t",
        "\\\"",
    ]);
    vec(piece, 0..5).prop_map(|pieces| format!("\"{}\"", pieces.concat()))
}

fn operation_name() -> impl Strategy<Value = String> {
    select(vec!["\"publish\"", "\"*\"", "\"pub\\u006cish\"", "\"teleport\"", "\"\"", "5", "\"\\ud800\""])
        .prop_map(str::to_owned)
}

/// Generates text that is often a capability, or nearly one.
fn nearly_a_capability() -> impl Strategy<Value = String> {
    let entry = (spelled(), vec(operation_name(), 0..3))
        .prop_map(|(resource, operations)| format!("{resource} : [{}]", operations.join(" ,")));
    let whole = vec(entry, 0..5).prop_map(|entries| format!("{{{}}}", entries.join(",")));
    (whole, 0..40_usize, prop_oneof![6 => Just(""), 1 => Just(","), 1 => Just("}"), 1 => Just(" "), 1 => Just("\u{0}")])
        .prop_map(|(text, at, noise)| match text.char_indices().nth(at) {
            Some((at, _)) => format!("{}{noise}{}", &text[..at], &text[at..]),
            None => text,
        })
}

proptest! {
    #![proptest_config(config())]

    /// The matcher agrees with the capability, for names and for resources with wildcards.
    #[test]
    fn matcher_agrees_with_capability(entries in entries(), resources in vec(resource(), 8)) {
        let capability = read(&entries);
        let matcher = Matcher::new(&capability);
        for asked in ASKED.into_iter().chain(["*"]) {
            for name in WORLD.iter().map(|name| &name.text).chain(&resources) {
                prop_assert_eq!(matcher.permits(name, asked), capability.permits(name, asked), "{} {}", name, asked);
            }
        }
    }

    /// `text_permits` agrees with the parsed capability, and refuses exactly the same texts.
    #[test]
    fn text_agrees_with_capability(
        text in nearly_a_capability(),
        resource in prop_oneof![resource(), "[ab:*\\[\\]\n]{0,6}"],
        operation in select(vec!["publish", "subscribe", "teleport", "", "*"]),
    ) {
        let by_text = text_permits(&text, &resource, operation).ok();
        prop_assert_eq!(by_text, by_capability(&text, &resource, operation), "{} {} {}", text, resource, operation);
    }

    /// A resource in text covers the same names and resources as a parsed one, including those of other kinds.
    #[test]
    fn resource_in_text_covers_same_names(known in resource(), asked in resource()) {
        let text = format!(r#"{{"{known}":["publish"]}}"#);
        prop_assert_eq!(text_permits(&text, &asked, "publish").unwrap(), covers(&known, &asked), "{} {}", known, asked);
        for name in WORLD.iter() {
            let permitted = text_permits(&text, &name.text, "publish").unwrap();
            prop_assert_eq!(permitted, matches(&known, name), "{} {}", known, name.text);
        }
    }

    /// Both agree for arbitrary text.
    #[test]
    fn arbitrary_text_agrees_with_capability(text in "\\PC{0,40}", resource in "\\PC{0,8}") {
        prop_assert_eq!(text_permits(&text, &resource, "publish").ok(), by_capability(&text, &resource, "publish"));
    }

    /// A capability can be written as an object and read back. The string on the wire gives the same capability.
    #[test]
    fn object_round_trips(entries in entries()) {
        let capability = read(&entries);
        let object = as_object::serialize(&capability, serde_json::value::Serializer).unwrap();
        prop_assert_eq!(object.to_string(), capability.to_string());
        prop_assert_eq!(&serde_json::from_value::<Capability>(object).unwrap(), &capability);
        let string = serde_json::to_value(&capability).unwrap();
        prop_assert_eq!(string.as_str(), Some(&*capability.to_string()));
        prop_assert_eq!(&serde_json::from_value::<Capability>(string).unwrap(), &capability);
    }
}

/// The repeated resources are out of order and have different escapes.
#[test]
fn repeated_resource_in_text_is_found_in_any_order() {
    for text in [
        r#"{"b":["*"],"a":["*"],"b":["*"]}"#,
        r#"{"c":["*"],"b":["*"],"a":["*"],"\u0062":["*"]}"#,
        r#"{"a":["*"],"a":["*"]}"#,
        r#"{"é":["*"],"z":["*"],"\u00e9":["*"]}"#,
    ] {
        assert!(text_permits(text, "x", "publish").is_err(), "{text}");
        assert!(Capability::parse_lenient(text).is_err(), "{text}");
    }
    assert!(text_permits(r#"{"b":["*"],"a":["*"],"c":["publish"]}"#, "c", "publish").unwrap());
}

/// A repeated resource in an object is refused as well.
#[test]
fn repeated_resource_in_object_is_refused() {
    let error = serde_json::from_str::<Capability>(r#"{"a":["publish"],"a":["history"]}"#).unwrap_err();
    assert!(error.to_string().contains("repeated resource `a`"), "{error}");
    let error = serde_json::from_str::<Capability>(r#"{"a":[],"a":["history"]}"#).unwrap_err();
    assert!(error.to_string().contains("repeated resource `a`"), "{error}");
}

/// An object is parsed leniently: unknown operations and kinds are kept, and entries that grant nothing are omitted.
#[test]
fn object_is_parsed_leniently() {
    for (object, text) in [
        (r#"{"a":[],"b":["publish"]}"#, r#"{"b":["publish"]}"#),
        (r#"{"a":[]}"#, "{}"),
        (r#"{"[new]a":["teleport"],"b":["*","publish"]}"#, r#"{"[new]a":["teleport"],"b":["*"]}"#),
    ] {
        let read: Capability = serde_json::from_str(object).unwrap();
        assert_eq!(read.to_string(), text);
        assert_eq!(read, Capability::parse_lenient(object).unwrap());
    }
    assert!(serde_json::from_str::<Capability>(r#"{"[a":["publish"]}"#).is_err());
}

/// The index of the matcher works with thousands of resources, with many segments or many children.
#[test]
fn matcher_works_with_large_capability() {
    let resources = (0..2_000).map(|i| match i % 4 {
        0 => format!("room:{i}"),
        1 => format!("room:{i}:*"),
        2 => format!("*:{i}:log"),
        _ => format!("[queue]{}", ["x"; 40].join(":") + &i.to_string()),
    });
    let entries = resources.map(|resource| (resource, vec!["publish"])).collect::<std::collections::BTreeMap<_, _>>();
    let capability: Capability = serde_json::to_string(&entries).unwrap().parse().unwrap();
    let matcher = Matcher::new(&capability);
    for i in 0..2_000 {
        for name in [format!("room:{i}"), format!("room:{i}:a:b"), format!("any:{i}:log"), format!("room:{i}:log")] {
            assert_eq!(matcher.permits(&name, "publish"), capability.permits(&name, "publish"), "{name}");
            assert!(!matcher.permits(&name, "history"));
        }
    }
}

/// A name with many branches in the index is checked against each of them. Here the last one is the right one.
#[test]
fn every_branch_of_index_is_walked() {
    for depth in 0..20 {
        let a = |count: usize| "a:".repeat(count);
        let mut entries: std::collections::BTreeMap<_, _> = (0..20)
            .map(|at| (format!("{}*:{}", a(at), if at == depth { "right" } else { "wrong" }), ["publish"]))
            .collect();
        entries.insert(format!("{}q:wrong", a(depth)), ["publish"]);
        entries.insert(format!("{}wrong", a(20)), ["publish"]);
        let capability: Capability = serde_json::to_string(&entries).unwrap().parse().unwrap();
        let name = format!("{}q:right", a(depth));
        assert!(Matcher::new(&capability).permits(&name, "publish"), "{depth}");
        assert!(capability.permits(&name, "publish"));
    }
}

/// Names and resources of 100,000 segments do not overflow the stack.
#[test]
fn deep_resource_does_not_overflow_stack() {
    let deep = vec!["a"; 100_000].join(":");
    let wild = vec!["*"; 100_000].join(":");
    let capability =
        Capability::none().with(&deep, ["publish"].into_iter().collect::<ably_auth_core::capability::Operations>());
    let capability = capability.unwrap().with(&wild, [Operation::History]).unwrap();
    let matcher = Matcher::new(&capability);
    assert!(matcher.permits(&deep, "publish") && capability.permits(&deep, "publish"));
    assert!(matcher.permits(&deep, "history"));
    assert!(text_permits(&capability.to_string(), &deep, "history").unwrap());
    assert_eq!(capability.intersect(&capability), capability);
    assert_eq!(capability.minimal(), capability);
}

/// Two capabilities of 4 KB, in which every pair of entries gives a new name, are intersected quickly. If each new name
/// were compared with each other, this test would take half a minute.
#[test]
fn many_new_names_are_intersected_quickly() {
    let made = |name: fn(usize) -> String| {
        let entries = (0..200).map(|i| (name(i), vec!["publish"])).collect::<std::collections::BTreeMap<_, _>>();
        serde_json::to_string(&entries).unwrap().parse::<Capability>().unwrap()
    };
    let common = made(|i| format!("a{i}:*")).intersect(&made(|i| format!("*:b{i}")));
    assert_eq!(common.len(), 40_000);
}

#[test]
fn names_with_common_prefix_are_distinguished() {
    for stem in ["", "c", "room-", "customer-", "the-customer-of-the-number-"] {
        let name = |i: usize| format!("{stem}{i:03}");
        let capability =
            (0..500).step_by(2).fold(Capability::none(), |all, i| all.with(&name(i), [Operation::Publish]).unwrap());
        let matcher = Matcher::new(&capability);
        for i in 0..500 {
            assert_eq!(matcher.permits(&name(i), "publish"), i % 2 == 0, "{}", name(i));
        }
    }
}
