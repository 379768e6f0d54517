//! Tokens as the service hands them out.

use ably_auth_core::{Capability, ClientId, KeyName, Timestamp, Token, TokenDetails};
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

/// All that the service says of a token is read.
// rest/unit/TD/token-details-from-json-0
#[test]
fn details_are_read_from_json() {
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

/// What an issuer says of a token can be asked for, and is what goes over the wire.
// rest/unit/TD1/token-details-attributes-0
#[test]
fn details_say_what_the_issuer_said() {
    let capability: Capability = r#"{"*": ["*"]}"#.parse().unwrap();
    let expires = Timestamp::from_millis(NOW.as_millis() + 60_000);
    let details = TokenDetails::issued_by(
        KeyName::parse(KEY_NAME).unwrap(),
        Token::new("test-token").unwrap(),
        (NOW, expires),
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

/// Of a token that came alone the rest is unknown, not zero, and is not written.
#[test]
fn a_token_may_come_alone() {
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

/// A time is the same as an integer, as a whole float and as a decimal string; anything else is refused.
#[test]
fn times_are_read_from_any_number() {
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

/// A capability with what a newer service may have in it is read; the text stays as the service wrote it.
#[test]
fn a_newer_services_capability_is_read() {
    let text = r#"{"[new]a": ["teleport"], "b": ["*", "publish"]}"#;
    let details = read(&json!({"token": "t", "capability": text}));
    assert_eq!(details.capability_text(), Some(text));
    let capability = details.capability().unwrap().unwrap();
    assert!(capability.permits("[new]a", "teleport") && capability.permits("b", "history"));
    assert!(read(&json!({"token": "t", "capability": "nonsense"})).capability().unwrap().is_err());
}

/// `*` as a clientId is any identity.
#[test]
fn the_wildcard_client_id_is_any() {
    let details = read(&json!({"token": "t", "clientId": "*"}));
    assert_eq!(details.client_id(), &ClientId::Any);
    assert_eq!(serde_json::to_value(&details).unwrap()["clientId"], "*");
}

/// Fields that are not known here are kept and passed on.
#[test]
fn unknown_fields_are_passed_on() {
    let mut sent = whole();
    sent["newer"] = json!({"a": [1, null, "x"]});
    assert_eq!(serde_json::to_value(read(&sent)).unwrap(), sent);
}

/// What is not in the shape of token details is refused.
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

/// The oldest documents print an empty clientId for none.
#[test]
fn empty_client_id_means_none() {
    for json in [r#"{"token":"t","clientId":""}"#, r#"{"clientId":"","token":"t","issued":1}"#] {
        let details: TokenDetails = serde_json::from_str(json).unwrap();
        assert!(details.client_id().is_none());
        assert!(!serde_json::to_string(&details).unwrap().contains("clientId"), "it is not passed on");
    }
}

/// Details are equal if all that is known is.
#[test]
fn details_are_compared_whole() {
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
