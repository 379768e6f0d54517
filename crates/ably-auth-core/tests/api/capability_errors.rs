//! Invalid capability texts, which are refused with the place and the reason.

use ably_auth_core::{Capability, Error, ErrorKind};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::support::config_of;

const VALID: &str = " { \"chat\\u00e9:*\" : [ \"publish\" , \"subscribe\" ] , \"[queue]\\\"q\\\\\" : [ \"*\" ] , \"日\\ud83d\\ude80🚀\":[\"history\"] } ";

/// Texts that strict and lenient parsing refuse, with the byte offset of the mistake.
pub(crate) const REFUSED_BY_ALL: [(&str, usize); 31] = [
    ("", 0),
    ("null", 0),
    ("[]", 0),
    ("\"{}\"", 0),
    ("{'a':[\"publish\"]}", 1),
    (r#"{a:["publish"]}"#, 1),
    (r#"{"a"}"#, 4),
    (r#"{"a":"publish"}"#, 5),
    (r#"{"a":{}}"#, 5),
    (r#"{"a":null}"#, 5),
    (r#"{"a":[publish]}"#, 6),
    (r#"{"a":[1]}"#, 6),
    (r#"{"a":[["publish"]]}"#, 6),
    (r#"{"a":["publish",]}"#, 16),
    (r#"{"a":["publish"],}"#, 17),
    (r#"{"a":["publish"] "b":["publish"]}"#, 17),
    (r#"{"a":["publish" "history"]}"#, 16),
    (r#"{"":["publish"]}"#, 2),
    (r#"{"[a":["publish"]}"#, 2),
    (r#"{"[queue]":["publish"]}"#, 2),
    ("{\"a\nb\":[\"publish\"]}", 3),
    (r#"{"a\x":["publish"]}"#, 3),
    (r#"{"a\u12":["publish"]}"#, 3),
    (r#"{"a\u+123":["publish"]}"#, 3),
    (r#"{"a\ud800":["publish"]}"#, 3),
    (r#"{"a\udc00":["publish"]}"#, 3),
    (r#"{"a\ud800\u0041":["publish"]}"#, 3),
    (r#"{"a\ud800\ud800":["publish"]}"#, 3),
    (r#"{"a\udc00\udc00":["publish"]}"#, 3),
    (r#"{"a":["publish"],"b":["publish"],"a":["publish"]}"#, 34),
    (r#"{"a":["publish"],"\u0061":["history"]}"#, 18),
];

/// Texts that only strict parsing refuses, with the byte offset of the mistake and its resource.
pub(crate) const REFUSED_BY_ISSUERS: [(&str, usize, &str); 4] = [
    (r#"{"a":["publish"],"b":["teleport"]}"#, 23, "b"),
    (r#"{"a":["publish"],"b":[]}"#, 22, "b"),
    (r#"{"b":["publish","*"]}"#, 17, "b"),
    (r#"{"b":["*","*"]}"#, 11, "b"),
];

/// Parses strictly and leniently, and checks the errors. A text that lenient parsing refuses is also refused by strict
/// parsing.
fn read(text: &str) -> (Result<Capability, Error>, Result<Capability, Error>) {
    let (strict, lenient) = (Capability::parse_strict(text), Capability::parse_lenient(text));
    assert!(strict.is_err() || lenient.is_ok(), "{text}");
    for error in [&strict, &lenient].into_iter().filter_map(|read| read.as_ref().err()) {
        let at = error.offset().unwrap_or_else(|| panic!("{text}: {error} has no offset"));
        assert!(at <= text.len() && text.is_char_boundary(at), "{text}: {error}");
        assert_eq!(error.kind(), ErrorKind::Capability);
        assert!(error.to_string().contains(&format!("(byte {at})")), "{error}");
    }
    (strict, lenient)
}

/// A text that ends too early is refused at every possible end.
#[test]
fn truncated_text_is_refused() {
    let whole = VALID.trim_end().len();
    assert!(read(VALID).0.is_ok() && read(&VALID[..whole]).0.is_ok());
    for end in (0..whole).filter(|&end| VALID.is_char_boundary(end)) {
        assert!(read(&VALID[..end]).1.is_err(), "{}", &VALID[..end]);
    }
}

/// Extra text around a capability is refused, and so is a text that lacks any punctuation.
#[test]
fn missing_or_extra_punctuation_is_refused() {
    for more in ["x", "}", ",", "{}", "\"", "\0", "\u{feff}", "\u{a0}"] {
        assert!(read(&format!("{VALID}{more}")).1.is_err(), "{more:?}");
        assert!(read(&format!("{more}{VALID}")).1.is_err(), "{more:?}");
    }
    for (at, mark) in VALID.char_indices().filter(|(_, c)| "{}[]:,\"".contains(*c)) {
        let inside_a_name = matches!(mark, ':') && VALID[at..].starts_with(":*")
            || VALID[at..].starts_with("[queue")
            || VALID[at..].starts_with("]\\\"");
        let without = format!("{}{}", &VALID[..at], &VALID[at + 1..]);
        if !inside_a_name {
            assert!(read(&without).1.is_err(), "{without}");
        }
    }
}

/// Each mistake is reported at its byte offset.
#[test]
fn mistake_is_reported_at_its_offset() {
    for (text, at) in REFUSED_BY_ALL {
        let (strict, lenient) = read(text);
        assert_eq!(lenient.as_ref().map_err(Error::offset), Err(Some(at)), "{text}");
        assert_eq!(strict.map_err(|error| error.offset()), Err(Some(at)), "{text}");
    }
    // A resource with an empty list counts for the check for duplicates.
    assert_eq!(read(r#"{"a":[],"a":["history"]}"#).1.unwrap_err().offset(), Some(9));
    for (text, at, resource) in REFUSED_BY_ISSUERS {
        let error = read(text).0.unwrap_err();
        assert_eq!((error.offset(), error.resource()), (Some(at), Some(resource)), "{text}: {error}");
    }
    assert_eq!(read(r#"{"[new]a":["publish"]}"#).0.unwrap_err().offset(), Some(2));
}

/// Control characters in quoted input are escaped, so that an error is a single line.
#[test]
fn error_is_one_line() {
    for text in [r#"{"a":["tele\nport\u001b[31m"]}"#, r#"{"[a\nb\u001b]c":["publish"]}"#, r#"{"\n":["\n"]}"#] {
        let error = Capability::parse_strict(text).unwrap_err().to_string();
        assert!(!error.chars().any(char::is_control), "{error:?}");
    }
}

proptest! {
    #![proptest_config(config_of(8))]

    /// No text causes a panic. A text that is accepted is also valid JSON for a JSON library.
    #[test]
    fn any_text_is_accepted_or_refused(
        text in vec(prop_oneof![
            6 => select(r#"{}[]:,"\ *au012d8"#.chars().collect::<Vec<_>>()),
            1 => any::<char>(),
        ], 0..40).prop_map(|text| text.into_iter().collect::<String>()),
    ) {
        if read(&text).1.is_ok() {
            prop_assert!(super::support::canonical(&text).is_some());
        }
    }

    /// No change of one character of a valid text causes a panic. A changed text that is accepted has the same content
    /// for a JSON library.
    #[test]
    fn changed_text_is_accepted_or_refused(at in any::<Index>(), with in select(r#"{}[]:,"\ *au0é"#.chars().collect::<Vec<_>>())) {
        let mut text: Vec<char> = VALID.chars().collect();
        *at.get_mut(&mut text) = with;
        let text: String = text.into_iter().collect();
        if let (_, Ok(capability)) = read(&text) {
            prop_assert_eq!(Some(capability.to_string()), super::support::canonical(&text));
        }
    }
}
