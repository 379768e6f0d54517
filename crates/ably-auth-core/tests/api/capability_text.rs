//! Capabilities as JSON text: one canonical form, parsed from any equivalent JSON.

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

/// Generates names of resources, with characters that JSON must escape and others.
fn name() -> impl Strategy<Value = String> {
    let character = prop_oneof![
        4 => select("abz:*é日\u{1F680}\u{2028}\u{7f}/".chars().collect::<Vec<_>>()),
        2 => select("\"\\\n\r\t\u{8}\u{c}\0\u{1}\u{1f}".chars().collect::<Vec<_>>()),
        1 => any::<char>(),
    ];
    let name = vec(character, 1..6).prop_map(|name| name.into_iter().collect::<String>());
    name.prop_filter("the name of a channel does not begin with a bracket", |name| !name.starts_with('['))
}

#[allow(clippy::needless_pass_by_value, reason = "a mapping of a strategy takes values")]
fn some<T: AsRef<str>>(operations: Vec<T>) -> Vec<String> {
    operations.iter().map(|operation| operation.as_ref().into()).collect()
}

/// Generates entries that an issuer accepts, in any order, perhaps with repeated operations.
fn strict_entries() -> impl Strategy<Value = BTreeMap<String, Vec<String>>> {
    let operations = prop_oneof![4 => vec(select(&KNOWN[..]), 1..5).prop_map(some), 1 => Just(some(vec!["*"]))];
    btree_map(name(), operations, 0..5)
}

/// Generates entries that the holder of a token accepts: also with unknown operations, empty lists, and `*` with
/// others.
fn lenient_entries() -> impl Strategy<Value = BTreeMap<String, Vec<String>>> {
    let known = || select(&KNOWN[..]).prop_map(String::from);
    let operations = vec(prop_oneof![4 => known(), 3 => name(), 1 => Just(String::from("*"))], 0..5);
    btree_map(name(), operations, 0..5)
}

/// A sequence of random choices for escapes, white space and order.
struct Choices(Vec<u8>);

impl Choices {
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
        let object = self.list(('{', '}'), &entries, |choices, (resource, operations)| {
            let list = choices.list(('[', ']'), operations, |choices, operation| choices.string(operation));
            choices.string(resource) + choices.space() + ":" + choices.space() + &list
        });
        self.space().to_owned() + &object + self.space()
    }
}

fn choices() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 97)
}

proptest! {
    #![proptest_config(config())]

    /// Strict parsing accepts any escapes, white space and order, and `Display` writes the canonical form: no white
    /// space, byte order, no duplicates, no needless escapes.
    #[test]
    fn strict_parsing_accepts_any_equivalent_json(entries in strict_entries(), choices in choices()) {
        let text = Choices(choices).spell(&entries);
        let read = Capability::parse_strict(&text).unwrap();
        prop_assert_eq!(Some(read.to_string()), super::support::canonical(&text));
        prop_assert_eq!(&Capability::parse_lenient(&text).unwrap(), &read);
        prop_assert_eq!(serde_json::from_value::<Capability>(serde_json::json!(text)).unwrap(), read);
    }

    /// Lenient parsing keeps every name, known or unknown, unchanged. `*` replaces other operations, and a resource
    /// without operations is omitted.
    #[test]
    fn lenient_parsing_keeps_unknown_operations(entries in lenient_entries(), choices in choices()) {
        let text = Choices(choices).spell(&entries);
        let read = Capability::parse_lenient(&text).unwrap();
        prop_assert_eq!(Some(read.to_string()), super::support::canonical(&text));
        for (resource, operations) in &entries {
            for operation in operations {
                prop_assert!(read.permits(resource, operation.as_str()), "{} on {}", operation, resource);
            }
        }
    }

    /// Canonical text is parsed as the same capability and written as the same text, strictly and leniently. On the
    /// wire it is a JSON string.
    #[test]
    fn canonical_text_round_trips(strict in strict_entries(), lenient in lenient_entries()) {
        let strict = Capability::parse_strict(&serde_json::to_string(&strict).unwrap()).unwrap();
        prop_assert_eq!(&Capability::parse_strict(&strict.to_string()).unwrap(), &strict);
        let lenient = Capability::parse_lenient(&serde_json::to_string(&lenient).unwrap()).unwrap();
        prop_assert_eq!(&Capability::parse_lenient(&lenient.to_string()).unwrap(), &lenient);
        prop_assert_eq!(serde_json::to_value(&lenient).unwrap(), serde_json::json!(lenient.to_string()));
    }

    /// A capability that is built entry by entry, in any order, equals the one that is parsed from text.
    #[test]
    fn built_capability_equals_parsed_one(entries in oracle::entries()) {
        let built = entries.iter().rev().try_fold(Capability::none(), |built, (resource, operations)| {
            built.with(resource, operations.iter().copied().collect::<ably_auth_core::capability::Operations>())
        });
        let read = oracle::read(&entries);
        prop_assert_eq!(&built.unwrap(), &read);
        prop_assert_eq!(read.len(), entries.len());
        for (resource, operations) in &entries {
            let known = read.get(resource).unwrap().iter().map(ably_auth_core::capability::OperationName::as_str);
            prop_assert!(known.eq(operations.iter().copied()), "{}", resource);
        }
    }
}

/// Adding operations to an existing resource keeps the operations that it has.
#[test]
fn with_adds_to_existing_resource() {
    use ably_auth_core::Operation::{History, Publish};
    let capability = Capability::none().with("a", [Publish]).unwrap().with("a", [History]).unwrap();
    assert_eq!(capability.to_string(), r#"{"a":["history","publish"]}"#);
    assert!(capability.clone().with("a", []).is_err());
    assert!(capability.clone().with("[a", [Publish]).is_err());
    assert!(capability.with("[new]a", [Publish]).is_err());
}

/// Each resource has the operations of its own list, although lists with the same text are read once.
#[test]
fn repeated_lists_are_read_alike() {
    let lists = [
        r#"["publish"]"#,
        r#" [ "publish" ]"#,
        r#"["publish","subscribe"]"#,
        r#"["teleport"]"#,
        r#"["*"]"#,
        r#"["history"]"#,
        r#"["p\u0075blish"]"#,
    ];
    let entries = |times: usize| {
        let name = |at: usize| format!("\"room{:02}\":{}", lists.len() * times - at, lists[at % lists.len()]);
        (0..lists.len() * times).map(name).collect::<Vec<_>>()
    };
    for times in [1, 2, 5] {
        let entries = entries(times);
        let read = Capability::parse_lenient(&format!("{{{}}}", entries.join(","))).unwrap();
        let alone = entries.iter().map(|entry| Capability::parse_lenient(&format!("{{{entry}}}")).unwrap());
        assert_eq!(read, alone.fold(Capability::none(), |all, one| all.union(&one)));
        assert_eq!(read.len(), entries.len());
    }
    let error = Capability::parse_strict(r#"{"a":["publish"],"b":["publish"}"#).unwrap_err();
    assert_eq!(error.offset(), Some(31));
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

/// Strict parsing accepts every known operation, each under its own name.
#[test]
fn every_known_operation_is_parsed() {
    for operation in KNOWN {
        let capability = Capability::parse_strict(&format!(r#"{{"a":["{operation}"]}}"#)).unwrap();
        for other in KNOWN {
            assert_eq!(capability.permits("a", other), operation == other, "{operation} and {other}");
        }
    }
}

/// Lenient parsing keeps an unknown operation or kind of resource. Strict parsing refuses it.
#[test]
fn unknown_operation_or_kind_is_kept_or_refused() {
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

/// Lenient parsing accepts some texts that strict parsing refuses: an empty list grants nothing, and `*` replaces other
/// operations.
#[test]
fn lenient_parsing_accepts_empty_lists_and_wildcards() {
    for (text, expected) in [
        (r#"{"a":[]}"#, "{}"),
        (r#"{"a":[],"b":["publish"]}"#, r#"{"b":["publish"]}"#),
        (r#"{"a":["*","publish"]}"#, r#"{"a":["*"]}"#),
        (r#"{"a":["publish","*"]}"#, r#"{"a":["*"]}"#),
        (r#"{"a":["*","*"]}"#, r#"{"a":["*"]}"#),
    ] {
        assert!(Capability::parse_strict(text).is_err(), "{text}");
        assert_eq!(Capability::parse_lenient(text).unwrap().to_string(), expected);
    }
}
