//! What a mac may be over besides the text as it came, and what no mac makes acceptable.

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

/// A request that sends `changed` beside the usual values, with a mac over `signed`.
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

/// An omitted ttl may have been signed as empty, as SDKs do today, or as one hour, as the oldest document says.
#[test]
fn an_omitted_ttl_is_empty_or_an_hour() {
    let hour = TokenRequestFields { ttl: Some(ttl(3_600_000)), ..SIGNED };
    for signed in [SIGNED, hour] {
        let sent = request(&sent(&signed, &json!({})));
        assert!(sent.verify(&key()).unwrap().ttl().unwrap().is_none());
    }
    let minute = TokenRequestFields { ttl: Some(ttl(60_000)), ..SIGNED };
    assert_eq!(kind(&sent(&minute, &json!({}))), Some(ErrorKind::Mac));
    // The other way about an hour was not asked for by who signed nothing.
    assert_eq!(kind(&sent(&SIGNED, &json!({"ttl": 3_600_000}))), Some(ErrorKind::Mac));
}

/// A ttl of 0 may have been signed as nothing, and is out of range all the same.
#[test]
fn a_ttl_of_zero_is_signed_as_nothing_and_refused_as_a_ttl() {
    for zero in [json!(0), json!("0")] {
        let sent = request(&sent(&SIGNED, &json!({"ttl": zero})));
        assert_eq!(sent.verify(&key()).unwrap().ttl().unwrap_err().kind(), ErrorKind::Ttl);
    }
    assert_eq!(kind(&sent(&SIGNED, &json!({"ttl": "00"}))), Some(ErrorKind::Mac));
}

/// A mac over the canonical form stands for every way of writing the same capability.
#[test]
fn a_mac_may_be_over_the_canonical_capability() {
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

/// A mac over some other writing of the capability than that which is sent is none over this one.
#[test]
fn a_mac_is_over_the_text_as_sent_or_canonical_and_nothing_else() {
    let spaced = TokenRequestFields { capability: Some(r#"{"chat": ["publish", "subscribe"]}"#), ..SIGNED };
    assert_eq!(kind(&sent(&spaced, &json!({"capability": spaced.capability}))), None);
    for text in [CANONICAL, r#"{ "chat": ["publish", "subscribe"]}"#] {
        assert_eq!(kind(&sent(&spaced, &json!({"capability": text}))), Some(ErrorKind::Mac), "{text}");
    }
}

/// The foreign requests that do not send canonical text could as well have signed it.
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

    /// A number of milliseconds is the same whether it is sent as an integer, as a whole float or as a decimal string.
    #[test]
    fn numbers_may_be_decimal_strings(millis in 1..=86_400_000_u64, timestamp in 0..1_u64 << 49) {
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
        // Another spelling of the number is another text.
        for changed in [json!({"ttl": format!("0{millis}")}), json!({"ttl": format!("+{millis}")})] {
            let mut sent = sent(&signed, &changed);
            sent["timestamp"] = json!(timestamp);
            prop_assert_eq!(kind(&sent), Some(ErrorKind::Mac));
        }
    }
}

/// A line feed in a value makes two requests sign the same text; whichever was not signed is refused, though the mac is
/// right for it.
#[test]
fn line_feeds_do_not_let_one_mac_serve_two_requests() {
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
    // The nonce is the last of the values, so nothing that follows it is signed as part of it either.
    assert_eq!(kind(&sent(&SIGNED, &json!({"nonce": format!("{NONCE}\n{other_nonce}")}))), Some(ErrorKind::Nonce));
}

/// Control characters are refused by signer and verifier alike, before any mac is looked at.
#[test]
fn control_characters_are_refused_on_both_sides() {
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
fn what_the_service_needs_is_not_left_to_the_mac() {
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

/// Under Basic authentication the key's holder need not sign, but may not ask in another key's name either.
#[test]
fn the_keys_holder_needs_no_mac() {
    let bare = request(&json!({"keyName": KEY_NAME, "clientId": "bob"}));
    assert!(!bare.is_signed());
    assert_eq!(bare.verify(&key()).unwrap_err().kind(), ErrorKind::Mac);
    let trusted = bare.trust_key_holder(key().key_name()).unwrap();
    assert_eq!(trusted.client_id().unwrap().as_str(), Some("bob"));
    assert_eq!((trusted.nonce(), trusted.timestamp().unwrap(), trusted.ttl().unwrap()), (None, None, None));
    let other = KeyName::parse("other.key").unwrap();
    assert_eq!(bare.trust_key_holder(&other).unwrap_err().kind(), ErrorKind::TokenRequest);
}
