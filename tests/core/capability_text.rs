//! Capabilities as JSON text: one canonical form, read from any spelling.

use std::collections::BTreeMap;

use ably_auth_core::Capability;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;

use super::oracle;
use super::support::config;

const KNOWN: [&str; 17] = [
    "subscribe",
    "publish",
    "presence",
    "object-subscribe",
    "object-publish",
    "annotation-subscribe",
    "annotation-publish",
    "message-update-own",
    "message-update-any",
    "message-delete-own",
    "message-delete-any",
    "history",
    "stats",
    "push-subscribe",
    "push-admin",
    "channel-metadata",
    "privileged-headers",
];

/// Names of resources with all that JSON has to escape, and all that it has not.
fn name() -> impl Strategy<Value = String> {
    let character = prop_oneof![
        4 => select("abz:*é日\u{1F680}\u{2028}\u{7f}/".chars().collect::<Vec<_>>()),
        2 => select("\"\\\n\r\t\u{8}\u{c}\0\u{1}\u{1f}".chars().collect::<Vec<_>>()),
        1 => any::<char>(),
    ];
    let name = vec(character, 1..6).prop_map(|name| name.into_iter().collect::<String>());
    name.prop_filter("a channel does not begin with a bracket", |name| !name.starts_with('['))
}

fn some<T: AsRef<str>>(operations: Vec<T>) -> Vec<String> {
    operations.iter().map(|operation| operation.as_ref().into()).collect()
}

/// Entries as an issuer takes them, in any order, operations perhaps repeated.
fn strict_entries() -> impl Strategy<Value = BTreeMap<String, Vec<String>>> {
    let operations = prop_oneof![4 => vec(select(&KNOWN[..]), 1..5).prop_map(some), 1 => Just(some(vec!["*"]))];
    btree_map(name(), operations, 0..5)
}

/// Entries as a holder takes them: also with unknown operations, with none, and with `*` among others.
fn lenient_entries() -> impl Strategy<Value = BTreeMap<String, Vec<String>>> {
    let known = || select(&KNOWN[..]).prop_map(String::from);
    let operations = vec(prop_oneof![4 => known(), 3 => name(), 1 => Just(String::from("*"))], 0..5);
    btree_map(name(), operations, 0..5)
}

/// Decisions about spelling, taken one after the other.
struct Whims(Vec<u8>);

impl Whims {
    fn next(&mut self) -> u8 {
        self.0.rotate_left(1);
        self.0[0]
    }

    fn space(&mut self) -> &'static str {
        ["", "", "", " ", "\n", "\t", "\r\n  "][usize::from(self.next()) % 7]
    }

    fn string(&mut self, text: &str) -> String {
        let mut out = String::from("\"");
        for c in text.chars() {
            let plain = match c {
                '"' => "\\\"".into(),
                '\\' => "\\\\".into(),
                '\n' => "\\n".into(),
                '/' if self.next() % 2 == 0 => "\\/".into(),
                c if c < ' ' => format!("\\u{:04X}", u32::from(c)),
                c => c.to_string(),
            };
            let units = |c: char| c.encode_utf16(&mut [0; 2]).iter().map(|u| format!("\\u{u:04x}")).collect::<String>();
            out += &if self.next() % 4 == 0 { units(c) } else { plain };
        }
        out + "\""
    }

    fn list<T>(&mut self, (open, close): (char, char), items: &[T], one: impl Fn(&mut Self, &T) -> String) -> String {
        let mut order: Vec<&T> = items.iter().collect();
        if !order.is_empty() {
            let by = usize::from(self.next()) % order.len();
            order.rotate_left(by);
        }
        let items: Vec<_> =
            order.into_iter().map(|item| self.space().to_owned() + &one(self, item) + self.space()).collect();
        format!("{open}{}{}{close}", self.space(), items.join(","))
    }

    fn spell(&mut self, entries: &BTreeMap<String, Vec<String>>) -> String {
        let entries: Vec<_> = entries.iter().collect();
        let object = self.list(('{', '}'), &entries, |whims, (resource, operations)| {
            let list = whims.list(('[', ']'), operations, |whims, operation| whims.string(operation));
            whims.string(resource) + whims.space() + ":" + whims.space() + &list
        });
        self.space().to_owned() + &object + self.space()
    }
}

fn whims() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 97)
}

proptest! {
    #![proptest_config(config())]

    /// However an issuer's text is spelt, spaced and ordered, it is read as what it says, and written in the one canonical
    /// form: no white space, bytewise order, nothing twice, no escape that JSON does not need.
    #[test]
    fn strict_reading_sees_through_spelling(entries in strict_entries(), whims in whims()) {
        let text = Whims(whims).spell(&entries);
        let read = Capability::parse_strict(&text).unwrap();
        prop_assert_eq!(Some(read.to_string()), super::support::canonical(&text));
        prop_assert_eq!(&Capability::parse_lenient(&text).unwrap(), &read);
        prop_assert_eq!(serde_json::from_value::<Capability>(serde_json::json!(text)).unwrap(), read);
    }

    /// A holder's text is read with every name that it has, known or not, verbatim; `*` takes the others in, and a resource
    /// with no operation is left out.
    #[test]
    fn lenient_reading_keeps_what_it_does_not_know(entries in lenient_entries(), whims in whims()) {
        let text = Whims(whims).spell(&entries);
        let read = Capability::parse_lenient(&text).unwrap();
        prop_assert_eq!(Some(read.to_string()), super::support::canonical(&text));
        for (resource, operations) in &entries {
            for operation in operations {
                prop_assert!(read.permits(resource, operation.as_str()), "{} on {}", operation, resource);
            }
        }
    }

    /// Canonical text is read back as the same capability, and written as the same text, strictly and leniently; on the wire
    /// it is a JSON string.
    #[test]
    fn canonical_text_is_a_fixed_point(strict in strict_entries(), lenient in lenient_entries()) {
        let strict = Capability::parse_strict(&serde_json::to_string(&strict).unwrap()).unwrap();
        prop_assert_eq!(&Capability::parse_strict(&strict.to_string()).unwrap(), &strict);
        let lenient = Capability::parse_lenient(&serde_json::to_string(&lenient).unwrap()).unwrap();
        prop_assert_eq!(&Capability::parse_lenient(&lenient.to_string()).unwrap(), &lenient);
        prop_assert_eq!(serde_json::to_value(&lenient).unwrap(), serde_json::json!(lenient.to_string()));
    }

    /// Building a capability entry by entry, in whatever order, gives what reading its text gives.
    #[test]
    fn building_is_reading(entries in oracle::entries()) {
        let built = entries.iter().rev().try_fold(Capability::none(), |built, (resource, operations)| {
            built.with(resource, operations.iter().copied().collect::<ably_auth_core::capability::Operations>())
        });
        let read = oracle::read(&entries);
        prop_assert_eq!(&built.unwrap(), &read);
        prop_assert_eq!(read.len(), entries.len());
        for (resource, operations) in &entries {
            let known = read.get(resource).unwrap().iter().map(|operation| operation.as_str());
            prop_assert!(known.eq(operations.iter().copied()), "{}", resource);
        }
    }
}

/// Adding to a resource that is there already adds operations to it, and keeps those that it has.
#[test]
fn building_on_a_resource_adds_to_it() {
    use ably_auth_core::Operation::{History, Publish};
    let capability = Capability::none().with("a", [Publish]).unwrap().with("a", [History]).unwrap();
    assert_eq!(capability.to_string(), r#"{"a":["history","publish"]}"#);
    assert!(capability.clone().with("a", []).is_err());
    assert!(capability.clone().with("[a", [Publish]).is_err());
    assert!(capability.with("[new]a", [Publish]).is_err());
}

/// Order is by UTF-8 bytes: not by UTF-16 code units, in which U+10000 would come before U+FF5E, and not by number.
#[test]
fn order_is_by_bytes() {
    for text in [
        "{\"\u{ff5e}\":[\"publish\"],\"\u{10000}\":[\"publish\"]}",
        r#"{"10":["publish"],"2":["publish"],"a":["publish"]}"#,
        r#"{" ":["publish"],"A":["publish"],"_":["publish"],"a":["publish"],"~":["publish"]}"#,
        r#"{"a":["publish"],"a:b":["publish"],"aa":["publish"]}"#,
    ] {
        let entries: Vec<_> =
            text.trim_matches(['{', '}']).split("],").map(|entry| entry.trim_end_matches(']')).collect();
        let reversed: Vec<_> = entries.iter().rev().map(|entry| format!("{entry}]")).collect();
        let reversed = format!("{{{}}}", reversed.join(","));
        assert_eq!(reversed.parse::<Capability>().unwrap().to_string(), text);
    }
}

/// Every operation of today is read strictly, under its own name.
#[test]
fn todays_operations_are_known() {
    for operation in KNOWN {
        let capability = Capability::parse_strict(&format!(r#"{{"a":["{operation}"]}}"#)).unwrap();
        for other in KNOWN {
            assert_eq!(capability.permits("a", other), operation == other, "{operation} and {other}");
        }
    }
}

/// An operation or a kind of resource that is not known here is kept by a holder of tokens, and refused by an issuer.
#[test]
fn the_unknown_is_kept_or_refused() {
    for text in
        [r#"{"a":["publish","teleport"]}"#, r#"{"a":["Publish"]}"#, r#"{"[new]a":["publish"]}"#, r#"{"a":["**"]}"#]
    {
        assert_eq!(Capability::parse_lenient(text).unwrap().to_string(), text);
        assert!(Capability::parse_strict(text).is_err(), "{text}");
    }
    let unknown = Capability::parse_lenient(r#"{"a":["teleport"],"b":["*"]}"#).unwrap();
    assert!(unknown.permits("a", "teleport") && unknown.permits("b", "teleport") && !unknown.permits("a", "publish"));
    let common = unknown.intersect(&Capability::parse_lenient(r#"{"*":["publish","teleport"]}"#).unwrap());
    assert_eq!(common.to_string(), r#"{"a":["teleport"],"b":["publish","teleport"]}"#);
}

/// Where an issuer refuses, a holder reads what was meant: no operation grants nothing, `*` beside others is `*`.
#[test]
fn a_holder_reads_what_was_meant() {
    for (text, meant) in [
        (r#"{"a":[]}"#, "{}"),
        (r#"{"a":[],"b":["publish"]}"#, r#"{"b":["publish"]}"#),
        (r#"{"a":["*","publish"]}"#, r#"{"a":["*"]}"#),
        (r#"{"a":["publish","*"]}"#, r#"{"a":["*"]}"#),
        (r#"{"a":["*","*"]}"#, r#"{"a":["*"]}"#),
    ] {
        assert!(Capability::parse_strict(text).is_err(), "{text}");
        assert_eq!(Capability::parse_lenient(text).unwrap().to_string(), meant);
    }
}
