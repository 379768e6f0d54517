//! Token requests as JSON, which keeps the received values.

use ably_auth_core::{ErrorKind, Timestamp, TokenRequest};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::support::{KEY_NAME, NONCE, NOW, config, key, mac, request, ttl};

fn whole() -> Value {
    json!({
        "keyName": "appId.keyId",
        "ttl": 7_200_000,
        "capability": r#"{"ch":["subscribe"]}"#,
        "clientId": "from-json-client",
        "timestamp": 1_234_567_899_999_u64,
        "nonce": "from-json-nonce-value",
        "mac": "from-json-mac",
    })
}

fn name(text: &str) -> ably_auth_core::KeyName {
    ably_auth_core::KeyName::parse(text).unwrap()
}

/// Each field has an accessor, and is unset if the request does not have it.
// rest/unit/TE1/token-request-attributes-0
#[test]
fn request_has_all_attributes() {
    let whole = request(&whole());
    let trusted = whole.trust_key_holder(&name("appId.keyId")).unwrap();
    assert_eq!((whole.key_name(), trusted.key_name()), ("appId.keyId", "appId.keyId"));
    assert_eq!(trusted.ttl().unwrap(), Some(ttl(7_200_000)));
    assert_eq!(trusted.capability_text(), Some(r#"{"ch":["subscribe"]}"#));
    assert_eq!(trusted.client_id().unwrap().as_str(), Some("from-json-client"));
    assert_eq!(trusted.timestamp().unwrap(), Some(Timestamp::from_millis(1_234_567_899_999)));
    assert_eq!(trusted.nonce(), Some("from-json-nonce-value"));

    let bare = request(&json!({"keyName": "appId.keyId"}));
    let trusted = bare.trust_key_holder(&name("appId.keyId")).unwrap();
    assert_eq!((trusted.ttl().unwrap(), trusted.capability_text(), trusted.capability().unwrap()), (None, None, None));
    assert!(trusted.client_id().unwrap().is_none());
    assert_eq!((trusted.timestamp().unwrap(), trusted.nonce()), (None, None));
}

/// A parsed request is written with the same fields, including the mac.
// rest/unit/TE/token-request-to-json-1
// rest/unit/TE/token-request-from-json-2
#[test]
fn parsed_request_is_written_unchanged() {
    let read = request(&whole());
    assert!(read.is_signed());
    assert_eq!(serde_json::to_value(&read).unwrap(), whole());
    assert_eq!(serde_json::from_value::<TokenRequest>(whole()).unwrap(), read);
    for field in ["ttl", "capability", "clientId", "timestamp", "nonce", "mac"] {
        let mut without = whole();
        without.as_object_mut().unwrap().remove(field);
        assert_ne!(request(&without), read, "{field}");
        assert_eq!(serde_json::to_value(request(&without)).unwrap(), without);
        without[field] = Value::Null;
        assert_ne!(request(&without), read, "{field}");
    }
}

/// Unknown fields are kept and passed on.
#[test]
fn unknown_fields_are_passed_on() {
    let mut sent = whole();
    sent["newer"] = json!({"a": [1, null, "x"]});
    sent["x"] = json!(2.5);
    assert_eq!(serde_json::to_value(request(&sent)).unwrap(), sent);
}

/// JSON that is not a token request is refused: without a key name, with a value of a wrong type, or with a repeated
/// field.
#[test]
fn other_shapes_are_refused() {
    let refused = |json: &str| assert!(serde_json::from_str::<TokenRequest>(json).is_err(), "{json}");
    for json in ["{}", "[]", "null", "\"x\"", "1", r#"{"keyName":null}"#, r#"{"keyName":1}"#, r#"{"nonce":"n"}"#] {
        refused(json);
    }
    for field in [
        r#""ttl":true"#,
        r#""ttl":[1]"#,
        r#""timestamp":{}"#,
        r#""capability":{"a":["publish"]}"#,
        r#""clientId":7"#,
        r#""nonce":9000000830710428"#,
        r#""mac":[1,2]"#,
        r#""mac":"x","mac":"y""#,
        r#""keyName":"b.c""#,
    ] {
        refused(&format!(r#"{{"keyName":"a.b",{field}}}"#));
    }
}

/// Numbers out of range are parsed, because a mac covers them, and refused when they are used.
#[test]
fn number_out_of_range_is_refused_when_used() {
    let read = |changed: Value| {
        let mut sent = json!({"keyName": KEY_NAME});
        sent.as_object_mut().unwrap().extend(changed.as_object().unwrap().clone());
        let sent = request(&sent);
        let trusted = sent.trust_key_holder(key().key_name()).unwrap();
        (trusted.ttl().map_err(|error| error.kind()), trusted.timestamp().map_err(|error| error.kind()))
    };
    for number in [
        json!(0),
        json!(-1),
        json!(86_400_001),
        json!(1.5),
        json!(1e300),
        json!("1e3"),
        json!(""),
        json!("-1"),
        json!(" 1"),
        json!("+1"),
        json!("١"),
        json!("99999999999999999999"),
        json!("NaN"),
        json!(-0.0),
    ] {
        assert_eq!(read(json!({"ttl": number})).0, Err(ErrorKind::Ttl), "{number}");
    }
    for number in
        [json!(-1), json!(1.5), json!(1e300), json!("x"), json!(""), json!("99999999999999999999"), json!("1.0")]
    {
        assert_eq!(read(json!({"timestamp": number})).1, Err(ErrorKind::Timestamp), "{number}");
    }
    for (number, millis) in
        [(json!(1.0), 1), (json!(1e3), 1000), (json!("60000"), 60_000), (json!(86_400_000.0), 86_400_000)]
    {
        assert_eq!(read(json!({"ttl": number})).0, Ok(Some(ttl(millis))), "{number}");
    }
    assert_eq!(read(json!({"timestamp": u64::MAX})).1, Ok(Some(Timestamp::from_millis(u64::MAX))));
}

/// A capability is parsed strictly, but only when it is used. An empty text means no capability.
#[test]
fn capability_is_parsed_when_used() {
    let sent = |text: &str| request(&json!({"keyName": KEY_NAME, "capability": text}));
    let empty = sent("");
    let trusted = empty.trust_key_holder(key().key_name()).unwrap();
    assert_eq!((trusted.capability_text(), trusted.capability().unwrap()), (None, None));
    for text in ["x", r#"{"a":[]}"#, r#"{"a":["teleport"]}"#, r#"{"a":["*","publish"]}"#, r#"{"[a":["*"]}"#] {
        let sent = sent(text);
        let trusted = sent.trust_key_holder(key().key_name()).unwrap();
        assert_eq!(trusted.capability_text(), Some(text));
        assert_eq!(trusted.capability().unwrap_err().kind(), ErrorKind::Capability, "{text}");
    }
}

proptest! {
    #![proptest_config(config())]

    /// A parsed request is written with the same values, for any values of its fields.
    #[test]
    fn any_values_round_trip(
        texts in proptest::array::uniform4("\\PC{0,12}"),
        number in prop_oneof![any::<u64>().prop_map(|n| json!(n)), any::<i64>().prop_map(|n| json!(n)), "[0-9]{0,22}".prop_map(|n| json!(n))],
    ) {
        let [key_name, capability, client_id, nonce] = texts;
        let sent = json!({"keyName": key_name, "capability": capability, "clientId": client_id, "nonce": nonce,
            "ttl": number, "timestamp": number});
        let read = request(&sent);
        prop_assert_eq!(serde_json::to_value(&read).unwrap(), sent);
    }

    /// A signed request still verifies if an encoder has turned its numbers into floats.
    #[test]
    fn whole_floats_are_integers(millis in 1..=86_400_000_u32) {
        let fields = ably_auth_core::TokenRequestFields {
            key_name: KEY_NAME, ttl: Some(ttl(millis.into())), capability: None, client_id: None, timestamp: NOW, nonce: NONCE,
        };
        let text = format!(r#"{{"keyName":"{KEY_NAME}","ttl":{millis}.0,"timestamp":{NOW}.0,"nonce":"{NONCE}","mac":"{}"}}"#,
            mac(&key(), &fields));
        let read: TokenRequest = serde_json::from_str(&text).unwrap();
        prop_assert!(read.verify(&key()).is_ok());
        prop_assert_eq!(&serde_json::to_value(&read).unwrap()["ttl"], &json!(millis));
    }
}
