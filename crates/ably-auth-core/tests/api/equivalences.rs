//! The equivalent texts that a mac may cover instead of the received text, and the cases that no mac makes valid.

use ably_auth_core::{ErrorKind, KeyName, Timestamp, TokenRequestFields};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::support::{KEY_NAME, NONCE, NOW, canonical, cases, config, fields, key, mac, request, ttl};

const CANONICAL: &str = r#"{"chat":["publish","subscribe"]}"#;

const SIGNED: TokenRequestFields<'static> = TokenRequestFields {
    key_name: KEY_NAME,
    ttl: None,
    capability: None,
    client_id: None,
    timestamp: NOW,
    nonce: NONCE,
};

/// Returns a request with the usual values and `changed`, and a mac over `signed`.
fn sent(signed: &TokenRequestFields<'_>, changed: &Value) -> Value {
    let mut sent = json!({"keyName": KEY_NAME, "timestamp": NOW.as_millis(), "nonce": NONCE});
    sent["mac"] = json!(mac(&key(), signed));
    for (name, value) in changed.as_object().unwrap() {
        sent[name] = value.clone();
    }
    sent
}

fn kind(sent: &Value) -> Option<ErrorKind> {
    request(sent).verify(&key()).err().map(|error| error.kind())
}

/// Today's SDKs sign an omitted ttl as an empty text. The oldest specification says that it is signed as one hour.
#[test]
fn omitted_ttl_is_signed_as_empty_or_one_hour() {
    let hour = TokenRequestFields { ttl: Some(ttl(3_600_000)), ..SIGNED };
    for signed in [SIGNED, hour] {
        let sent = request(&sent(&signed, &json!({})));
        assert!(sent.verify(&key()).unwrap().ttl().unwrap().is_none());
    }
    let minute = TokenRequestFields { ttl: Some(ttl(60_000)), ..SIGNED };
    assert_eq!(kind(&sent(&minute, &json!({}))), Some(ErrorKind::Mac));
    // The reverse is refused: a ttl of one hour is sent, but none was signed.
    assert_eq!(kind(&sent(&SIGNED, &json!({"ttl": 3_600_000}))), Some(ErrorKind::Mac));
}

/// A ttl of 0 may be signed as an empty text. It is still out of range.
#[test]
fn zero_ttl_verifies_but_is_out_of_range() {
    for zero in [json!(0), json!("0")] {
        let sent = request(&sent(&SIGNED, &json!({"ttl": zero})));
        assert_eq!(sent.verify(&key()).unwrap().ttl().unwrap_err().kind(), ErrorKind::Ttl);
    }
    assert_eq!(kind(&sent(&SIGNED, &json!({"ttl": "00"}))), Some(ErrorKind::Mac));
}

/// A mac over the canonical form is valid for every equivalent text of the capability.
#[test]
fn mac_over_canonical_capability_is_accepted() {
    let signed = TokenRequestFields { capability: Some(CANONICAL), ..SIGNED };
    for text in [
        CANONICAL,
        r#"{"chat": ["publish", "subscribe"]}"#,
        r#"{"chat":["subscribe","publish"]}"#,
        r#"{"\u0063hat":["publish","subscribe"]}"#,
        "{\n  \"chat\": [\"publish\", \"subscribe\"]\n}",
    ] {
        let sent = request(&sent(&signed, &json!({"capability": text})));
        let verified = sent.verify(&key()).unwrap();
        assert_eq!(verified.capability_text(), Some(text));
        assert_eq!(verified.capability().unwrap().unwrap().to_string(), CANONICAL);
    }
    for text in [r#"{"chat":["publish"]}"#, r#"{"chats":["publish","subscribe"]}"#, r#"{"chat":["*"]}"#, "", "{}"] {
        assert_eq!(kind(&sent(&signed, &json!({"capability": text}))), Some(ErrorKind::Mac), "{text}");
    }
}

/// A mac over another equivalent text, neither the sent one nor the canonical one, is refused.
#[test]
fn mac_over_other_equivalent_text_is_refused() {
    let spaced = TokenRequestFields { capability: Some(r#"{"chat": ["publish", "subscribe"]}"#), ..SIGNED };
    assert_eq!(kind(&sent(&spaced, &json!({"capability": spaced.capability}))), None);
    for text in [CANONICAL, r#"{ "chat": ["publish", "subscribe"]}"#] {
        assert_eq!(kind(&sent(&spaced, &json!({"capability": text}))), Some(ErrorKind::Mac), "{text}");
    }
}

/// The requests of other implementations also verify if their mac covers the canonical text.
#[test]
fn foreign_requests_verify_with_a_mac_over_canonical_text() {
    let mut rewritten = 0;
    for case in cases() {
        let mut sent = case.request.clone();
        let Some(text) = sent["capability"].as_str().and_then(canonical) else { continue };
        rewritten += usize::from(sent["capability"] != json!(text));
        sent["mac"] = json!(mac(&case.key, &TokenRequestFields { capability: Some(&text), ..fields(&case.request) }));
        assert!(request(&sent).verify(&case.key).is_ok(), "{}", case.id);
    }
    assert!(rewritten > 30, "{rewritten}");
}

proptest! {
    #![proptest_config(config())]

    /// A number of milliseconds may be sent as an integer, as a whole float or as a decimal string.
    #[test]
    fn numbers_in_any_form_verify(millis in 1..=86_400_000_u64, timestamp in 0..1_u64 << 49) {
        let signed = TokenRequestFields { ttl: Some(ttl(millis)), timestamp: Timestamp::from_millis(timestamp), ..SIGNED };
        #[allow(clippy::cast_precision_loss, reason = "below 2^53 every integer is a float, and below 2^49 exact in decimal text")]
        let as_float = (millis as f64, timestamp as f64);
        for changed in [
            json!({"ttl": millis, "timestamp": timestamp}),
            json!({"ttl": millis.to_string(), "timestamp": timestamp.to_string()}),
            json!({"ttl": as_float.0, "timestamp": as_float.1}),
        ] {
            let sent = request(&sent(&signed, &changed));
            let verified = sent.verify(&key()).unwrap();
            prop_assert_eq!(verified.ttl().unwrap(), Some(ttl(millis)));
            prop_assert_eq!(verified.timestamp().unwrap(), Some(signed.timestamp));
        }
        // Other digits for the same number are another text.
        for changed in [json!({"ttl": format!("0{millis}")}), json!({"ttl": format!("+{millis}")})] {
            let mut sent = sent(&signed, &changed);
            sent["timestamp"] = json!(timestamp);
            prop_assert_eq!(kind(&sent), Some(ErrorKind::Mac));
        }
    }
}

/// With a line feed in a value, two requests would have the same signed text. The one that was not signed is refused,
/// although its mac is correct.
#[test]
fn line_feed_in_value_is_refused_despite_valid_mac() {
    let later = Timestamp::from_millis(NOW.as_millis() + 1);
    let other_nonce = "0000000000000016";
    let signed = TokenRequestFields {
        ttl: Some(ttl(60_000)),
        capability: Some("{}\nbob"),
        client_id: Some("1449746287318"),
        timestamp: later,
        ..SIGNED
    };
    assert_eq!(
        kind(&sent(
            &signed,
            &json!({"ttl": 60_000, "capability": "{}\nbob", "clientId": "1449746287318",
        "timestamp": later.as_millis()})
        )),
        None
    );
    let moved = [
        (
            ErrorKind::Ttl,
            json!({"ttl": "60000\n{}", "capability": "bob", "clientId": "1449746287318",
            "timestamp": later.as_millis()}),
        ),
        (
            ErrorKind::ClientId,
            json!({"ttl": 60_000, "capability": "{}", "clientId": "bob\n1449746287318",
            "timestamp": later.as_millis()}),
        ),
        (
            ErrorKind::Timestamp,
            json!({"ttl": 60_000, "capability": "{}", "clientId": "bob",
            "timestamp": format!("{NOW}\n{later}")}),
        ),
        (
            ErrorKind::Nonce,
            json!({"ttl": 60_000, "capability": "{}", "clientId": "bob", "timestamp": NOW.as_millis(),
            "nonce": format!("{later}\n{NONCE}")}),
        ),
    ];
    for (expected, changed) in moved {
        assert_eq!(kind(&sent(&signed, &changed)), Some(expected), "{changed}");
    }
    // The nonce is the last value, but a text after it must not be signed as part of it either.
    assert_eq!(kind(&sent(&SIGNED, &json!({"nonce": format!("{NONCE}\n{other_nonce}")}))), Some(ErrorKind::Nonce));
}

/// The signer and the verifier refuse control characters before they compute a mac.
#[test]
fn control_characters_are_refused_by_signer_and_verifier() {
    for control in ['\0', '\t', '\n', '\r', '\u{1b}', '\u{7f}', '\u{85}', '\u{9f}'] {
        let (bad, bad_nonce) = (format!("bob{control}"), format!("{NONCE}{control}"));
        let signer = key().signer();
        let refused = |fields| signer.sign(&fields).unwrap_err().kind();
        assert_eq!(refused(TokenRequestFields { client_id: Some(&bad), ..SIGNED }), ErrorKind::ClientId);
        assert_eq!(refused(TokenRequestFields { nonce: &bad_nonce, ..SIGNED }), ErrorKind::Nonce);
        for (expected, changed) in [
            (ErrorKind::ClientId, json!({"clientId": bad})),
            (ErrorKind::Nonce, json!({"nonce": bad_nonce})),
            (ErrorKind::Ttl, json!({"ttl": format!("60000{control}")})),
            (ErrorKind::Timestamp, json!({"timestamp": format!("{NOW}{control}")})),
        ] {
            assert_eq!(kind(&sent(&SIGNED, &changed)), Some(expected), "{changed}");
        }
        let trusted = json!({"keyName": KEY_NAME, "clientId": bad});
        assert!(request(&trusted).trust_key_holder(key().key_name()).is_err());
    }
}

/// A clientId with a control character, a short or missing nonce, and a missing timestamp are refused before the mac is
/// checked.
#[test]
fn invalid_values_are_refused_before_mac() {
    for (expected, changed) in [
        (ErrorKind::ClientId, json!({"clientId": "\n"})),
        (ErrorKind::Nonce, json!({"nonce": "too short"})),
        (ErrorKind::Nonce, json!({"nonce": null})),
        (ErrorKind::Timestamp, json!({"timestamp": null})),
        (ErrorKind::Mac, json!({"mac": null})),
        (ErrorKind::Mac, json!({"mac": ""})),
        (ErrorKind::Mac, json!({"mac": "c2hvcnQ="})),
    ] {
        assert_eq!(kind(&sent(&SIGNED, &changed)), Some(expected), "{changed}");
    }
}

/// With Basic authentication, the holder of the key need not sign, but must not request a token of another key.
#[test]
fn key_holder_needs_no_mac() {
    let bare = request(&json!({"keyName": KEY_NAME, "clientId": "bob"}));
    assert!(!bare.is_signed());
    assert_eq!(bare.verify(&key()).unwrap_err().kind(), ErrorKind::Mac);
    let trusted = bare.trust_key_holder(key().key_name()).unwrap();
    assert_eq!(trusted.client_id().unwrap().as_str(), Some("bob"));
    assert_eq!((trusted.nonce(), trusted.timestamp().unwrap(), trusted.ttl().unwrap()), (None, None, None));
    let other = KeyName::parse("other.key").unwrap();
    assert_eq!(bare.trust_key_holder(&other).unwrap_err().kind(), ErrorKind::TokenRequest);
}
