//! Changed token requests are refused.

use std::collections::BTreeSet;

use ably_auth_core::{ErrorKind, KeyName, TokenRequest};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

use super::support::{Case, canonical, cases, config_of, request};

const FIELDS: [&str; 7] = ["keyName", "ttl", "capability", "clientId", "timestamp", "nonce", "mac"];

/// A change of one field by an attacker.
#[derive(Clone, Debug)]
enum Change {
    Drop,
    Replace(Index, char),
    Digit(Index, u32),
    Insert(Index, char),
}

fn change() -> impl Strategy<Value = Change> {
    let character = || prop_oneof![select("aZ0*:.\"{}[]é\u{1F680}".chars().collect::<Vec<_>>()), any::<char>()];
    prop_oneof![
        1 => Just(Change::Drop),
        3 => (any::<Index>(), character()).prop_map(|(at, with)| Change::Replace(at, with)),
        3 => (any::<Index>(), 1..10_u32).prop_map(|(at, by)| Change::Digit(at, by)),
        3 => (any::<Index>(), character()).prop_map(|(at, with)| Change::Insert(at, with)),
    ]
}

fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        number => Some(number.to_string()),
    }
}

impl Change {
    /// Returns the changed value: a number if the original was a number and the result is valid, otherwise text.
    fn apply(&self, value: &Value) -> Value {
        let Some(text) = as_text(value) else {
            return match self {
                Self::Drop => Value::Null,
                Self::Replace(_, c) | Self::Insert(_, c) => json!(c.to_string()),
                Self::Digit(_, digit) => json!(digit),
            };
        };
        let mut characters: Vec<char> = text.chars().collect();
        match self {
            Self::Drop => return Value::Null,
            Self::Replace(at, with) => *at.get_mut(&mut characters) = *with,
            Self::Insert(at, with) => characters.insert(at.index(characters.len() + 1), *with),
            Self::Digit(at, by) => {
                let digits: Vec<_> = (0..characters.len()).filter(|&at| characters[at].is_ascii_digit()).collect();
                if !digits.is_empty() {
                    let at = *at.get(&digits);
                    let turned = (characters[at].to_digit(10).unwrap() + by) % 10;
                    characters[at] = char::from_digit(turned, 10).unwrap();
                }
            }
        }
        let changed: String = characters.into_iter().collect();
        match (value, changed.parse::<u64>()) {
            (Value::Number(_), Ok(number)) if number.to_string() == changed => json!(number),
            _ => json!(changed),
        }
    }
}

/// Returns the ttl texts that a mac may cover for a sent value: the documented equivalences.
fn signed_ttls(sent: &Value) -> BTreeSet<String> {
    match as_text(sent) {
        None => BTreeSet::from(["", "3600000"].map(String::from)),
        Some(text) if text == "0" => BTreeSet::from(["0", ""].map(String::from)),
        Some(text) => BTreeSet::from([text]),
    }
}

/// Returns true if a documented equivalence makes the change irrelevant.
fn is_equivalent(field: &str, signed: &Value, sent: &Value) -> bool {
    match field {
        // An omitted value is signed as an empty text.
        "ttl" => signed_ttls(sent).contains(&as_text(signed).unwrap_or_default()),
        // The mac may cover the canonical form of the sent text.
        "capability" => as_text(sent).and_then(|text| canonical(&text)) == as_text(signed),
        _ => false,
    }
}

fn with(case: &Case, field: &str, value: Value) -> Value {
    let mut changed = case.request.clone();
    changed[field] = value;
    if changed[field].is_null() {
        changed.as_object_mut().unwrap().remove(field);
    }
    changed
}

/// Returns true if the request can be parsed and verifies.
fn is_accepted(case: &Case, sent: &Value) -> bool {
    serde_json::from_value::<TokenRequest>(sent.clone()).is_ok_and(|sent| sent.verify(&case.key).is_ok())
}

proptest! {
    #![proptest_config(config_of(8))]

    /// A request with any single field changed, removed or added does not verify.
    #[test]
    fn changed_field_is_refused(at in any::<Index>(), field in select(&FIELDS[..]), change in change()) {
        let cases = cases();
        let case = at.get(&cases);
        let sent = change.apply(&case.request[field]);
        prop_assume!(sent != case.request[field] && !is_equivalent(field, &case.request[field], &sent));
        prop_assert!(!is_accepted(case, &with(case, field, sent)), "{}: {field}", case.id);
    }
}

/// A request that lacks any field does not verify, unless an empty field means the same.
#[test]
fn removed_field_is_refused() {
    let mut refused = 0;
    for case in cases() {
        for field in FIELDS {
            if !is_equivalent(field, &case.request[field], &Value::Null) && !case.request[field].is_null() {
                assert!(!is_accepted(&case, &with(&case, field, Value::Null)), "{}: {field}", case.id);
                refused += 1;
            }
        }
    }
    assert!(refused > 72 * 5, "{refused}");
}

/// A change of any character of the mac is refused.
#[test]
fn changed_mac_is_refused() {
    let case = &cases()[0];
    let mac = case.request["mac"].as_str().unwrap();
    for (at, old) in mac.char_indices().filter(|(_, c)| *c != '=') {
        for new in ['A', 'B', '4', '8', '/'].into_iter().filter(|new| *new != old) {
            let changed = format!("{}{new}{}", &mac[..at], &mac[at + 1..]);
            assert!(!is_accepted(case, &with(case, "mac", json!(changed))), "{changed}");
        }
    }
}

/// The mac covers the key name, so it is invalid for another name of a key with the same secret.
#[test]
fn mac_is_valid_for_one_key_name() {
    for case in cases() {
        let mut sent = case.request.clone();
        sent["keyName"] = json!("other.key");
        let error = request(&sent).verify_with(&case.key.signer(), &KeyName::parse("other.key").unwrap()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Mac, "{}", case.id);
    }
}

/// Values cannot be exchanged between neighbouring fields.
#[test]
fn exchanged_values_are_refused() {
    for case in cases() {
        for (one, other) in
            [("ttl", "capability"), ("capability", "clientId"), ("clientId", "nonce"), ("ttl", "timestamp")]
        {
            let mut sent = case.request.clone();
            let (first, second) = (sent[one].clone(), sent[other].clone());
            if as_text(&first) != as_text(&second) {
                sent[one] = json!(as_text(&second));
                sent[other] = json!(as_text(&first));
                assert!(!is_accepted(&case, &sent), "{}: {one} and {other}", case.id);
            }
        }
    }
}

/// A long request must be signed as it is sent. A short one may be signed in canonical form.
#[test]
fn long_request_is_verified_as_sent_only() {
    let key = super::support::key();
    let signed = |names: usize, sign_canonical: bool| {
        let mut entries: Vec<String> = (0..names).map(|nth| format!(r#""channel-{nth:04}":["publish"]"#)).collect();
        entries.reverse();
        let sent = format!("{{{}}}", entries.join(","));
        let parsed: ably_auth_core::Capability = sent.parse().unwrap();
        let fields = |capability| ably_auth_core::TokenRequestFields {
            key_name: key.key_name().as_str(),
            ttl: None,
            capability: Some(capability),
            client_id: None,
            timestamp: super::support::NOW,
            nonce: super::support::NONCE,
        };
        let canonical = parsed.to_string();
        let mac = key.signer().sign(&fields(if sign_canonical { &canonical } else { &sent })).unwrap();
        let mut json = String::new();
        fields(&sent).write_json(&mac, &mut json).unwrap();
        let request: TokenRequest = serde_json::from_str(&json).unwrap();
        request.verify(&key).is_ok()
    };
    assert!(signed(2, false) && signed(100, false) && signed(1_000, false));
    assert!(signed(2, true) && signed(100, true) && !signed(1_000, true));
}

/// No number of milliseconds has 33 digits, so the request is refused before the mac is checked.
#[test]
fn long_ttl_or_timestamp_is_refused() {
    let key = super::support::key();
    for (field, kind) in [("ttl", ErrorKind::Ttl), ("timestamp", ErrorKind::Timestamp)] {
        let mut json = serde_json::to_value(
            TokenRequest::sign(&key, &ably_auth_core::TokenParams::new(), super::support::NOW, super::support::nonce())
                .unwrap(),
        )
        .unwrap();
        json[field] = json!("1".repeat(33));
        let request: TokenRequest = serde_json::from_value(json.clone()).unwrap();
        assert_eq!(request.verify(&key).unwrap_err().kind(), kind);
        json[field] = json!("1".repeat(32));
        let request: TokenRequest = serde_json::from_value(json).unwrap();
        assert_eq!(request.verify(&key).unwrap_err().kind(), ErrorKind::Mac);
    }
}
