//! Token details, as the service issues them.

use ably_auth_core::{Capability, ClientId, KeyName, Timestamp, Token, TokenDetails, Validity};
use serde_json::{Value, json};

use super::support::{KEY_NAME, NOW};

fn read(json: &Value) -> TokenDetails {
    serde_json::from_str(&json.to_string()).unwrap()
}

fn whole() -> Value {
    json!({
        "token": "deserialized-token",
        "expires": 1_234_567_890_000_u64,
        "issued": 1_234_567_800_000_u64,
        "capability": r#"{"channel-1":["publish"]}"#,
        "clientId": "json-client",
        "keyName": "appId.keyId",
    })
}

/// All details that the service sends are parsed.
// rest/unit/TD/token-details-from-json-0
#[test]
fn details_are_parsed_from_json() {
    let details = read(&whole());
    assert_eq!(details.token().expose(), "deserialized-token");
    assert_eq!(details.expires(), Some(Timestamp::from_millis(1_234_567_890_000)));
    assert_eq!(details.issued(), Some(Timestamp::from_millis(1_234_567_800_000)));
    assert_eq!(details.capability_text(), Some(r#"{"channel-1":["publish"]}"#));
    assert!(details.capability().unwrap().unwrap().permits("channel-1", "publish"));
    assert_eq!(details.client_id().as_str(), Some("json-client"));
    assert_eq!(details.key_name().map(KeyName::as_str), Some("appId.keyId"));
    assert_eq!(serde_json::to_value(&details).unwrap(), whole());
}

/// The details that an issuer creates have the same values in the accessors and in JSON.
// rest/unit/TD1/token-details-attributes-0
#[test]
fn issued_details_have_same_values() {
    let capability: Capability = r#"{"*": ["*"]}"#.parse().unwrap();
    let expires = Timestamp::from_millis(NOW.as_millis() + 60_000);
    let details = TokenDetails::issued_by(
        KeyName::parse(KEY_NAME).unwrap(),
        Token::new("test-token").unwrap(),
        Validity { issued: NOW, expires },
        &capability,
        ClientId::parse("my-client").unwrap(),
    );
    assert_eq!(details.token().expose(), "test-token");
    assert_eq!((details.issued(), details.expires()), (Some(NOW), Some(expires)));
    assert_eq!(details.capability_text(), Some(r#"{"*":["*"]}"#));
    assert_eq!(details.client_id().as_str(), Some("my-client"));
    let json = json!({"token": "test-token", "keyName": KEY_NAME, "issued": NOW.as_millis(),
        "expires": expires.as_millis(), "capability": r#"{"*":["*"]}"#, "clientId": "my-client"});
    assert_eq!(serde_json::to_value(&details).unwrap(), json);
    assert_eq!(read(&json), details);
}

/// If only the token is known, the other values are unknown, not zero, and are not written.
#[test]
fn details_of_bare_token_are_unknown() {
    let token = Token::new("xVLyHw.Dtxd9tuz").unwrap();
    for alone in [
        TokenDetails::from_token(token.clone()),
        token.into(),
        read(&json!({"token": "xVLyHw.Dtxd9tuz"})),
        read(&json!({"token": "xVLyHw.Dtxd9tuz", "keyName": null, "issued": null, "expires": null, "capability": null,
            "clientId": null})),
    ] {
        assert_eq!((alone.issued(), alone.expires(), alone.key_name()), (None, None, None));
        assert!(alone.capability_text().is_none() && alone.capability().is_none() && alone.client_id().is_none());
        assert_eq!(serde_json::to_value(&alone).unwrap(), json!({"token": "xVLyHw.Dtxd9tuz"}));
    }
}

/// A time may be an integer, a whole float or a decimal string. Anything else is refused.
#[test]
fn times_are_parsed_from_any_number() {
    for time in [json!(1_449_746_287_318_u64), json!(1_449_746_287_318.0), json!("1449746287318")] {
        let details = read(&json!({"token": "t", "issued": time, "expires": time}));
        assert_eq!((details.issued(), details.expires()), (Some(NOW), Some(NOW)), "{time}");
    }
    for time in [json!(-1), json!(1.5), json!("soon"), json!(""), json!("1e3"), json!(true), json!([1]), json!(1e300)] {
        for field in ["issued", "expires"] {
            let details = json!({"token": "t", field: time});
            assert!(serde_json::from_value::<TokenDetails>(details).is_err(), "{field} {time}");
        }
    }
}

/// A capability with parts that only a newer service knows is accepted. Its text is kept unchanged.
#[test]
fn capability_of_newer_service_is_kept() {
    let text = r#"{"[new]a": ["teleport"], "b": ["*", "publish"]}"#;
    let details = read(&json!({"token": "t", "capability": text}));
    assert_eq!(details.capability_text(), Some(text));
    let capability = details.capability().unwrap().unwrap();
    assert!(capability.permits("[new]a", "teleport") && capability.permits("b", "history"));
    assert!(read(&json!({"token": "t", "capability": "nonsense"})).capability().unwrap().is_err());
}

/// The clientId `*` stands for any identity.
#[test]
fn wildcard_client_id_is_any() {
    let details = read(&json!({"token": "t", "clientId": "*"}));
    assert_eq!(details.client_id(), &ClientId::Any);
    assert_eq!(serde_json::to_value(&details).unwrap()["clientId"], "*");
}

/// Unknown fields are kept and passed on.
#[test]
fn unknown_fields_are_passed_on() {
    let mut sent = whole();
    sent["newer"] = json!({"a": [1, null, "x"]});
    assert_eq!(serde_json::to_value(read(&sent)).unwrap(), sent);
}

/// The JSON without serde is the same as with it.
#[test]
fn written_json_equals_that_of_serde() {
    let (mut with_unknown, mut without) = (whole(), whole());
    with_unknown["newer"] = json!([1, {"a": null}]);
    without.as_object_mut().unwrap().retain(|name, _| name == "token");
    let mut special = whole();
    special["clientId"] = "bö\"b\\".repeat(40).into();
    special["capability"] = "{\"\u{7}ä\":[\"*\"]}".repeat(20).into();
    special["token"] = "t".repeat(1_000).into();
    special["issued"] = 0.into();
    for json in [whole(), with_unknown, without, special] {
        let details = read(&json);
        let mut written = String::new();
        details.write_json(&mut written).unwrap();
        assert_eq!(written, serde_json::to_string(&details).unwrap());
    }
}

/// JSON that is not token details is refused.
#[test]
fn other_shapes_are_refused() {
    for json in [
        "{}",
        "[]",
        "null",
        r#"{"token":null}"#,
        r#"{"token":""}"#,
        r#"{"token":7}"#,
        r#"{"token":"a b"}"#,
        r#"{"keyName":"a.b"}"#,
        r#"{"token":"t","keyName":"a"}"#,
        r#"{"token":"t","capability":{}}"#,
        r#"{"token":"t","token":"u"}"#,
    ] {
        assert!(serde_json::from_str::<TokenDetails>(json).is_err(), "{json}");
    }
}

/// The oldest specifications show an empty clientId for no clientId.
#[test]
fn empty_client_id_means_none() {
    for json in [r#"{"token":"t","clientId":""}"#, r#"{"clientId":"","token":"t","issued":1}"#] {
        let details: TokenDetails = serde_json::from_str(json).unwrap();
        assert!(details.client_id().is_none());
        assert!(!serde_json::to_string(&details).unwrap().contains("clientId"), "it is not passed on");
    }
}

/// Details are equal exactly if all known values are equal.
#[test]
fn details_equality_includes_every_value() {
    for (field, other) in [
        ("token", json!("x")),
        ("expires", json!(1)),
        ("issued", json!(1)),
        ("capability", json!("{}")),
        ("clientId", json!("x")),
        ("keyName", json!("x.y")),
    ] {
        let mut changed = whole();
        changed[field] = other;
        assert_ne!(read(&changed), read(&whole()), "{field}");
    }
}
