//! `uts/rest/unit/types/token_types.md`: tokens, token params and token requests, as types and as JSON.

use ably_auth::exchange::token_params_query;
use ably_auth::{ApiKey, KeyName, Nonce, Timestamp, TokenDetails, TokenParams, TokenRequest};
use serde_json::{Value, json};

use super::{Case, OfTypes};
use crate::harness::{HOUR, KEY, ttl};

pub(super) const CASES: &[Case] = &[
    OfTypes("rest/unit/TD1/token-details-attributes-0", details_attributes),
    OfTypes("rest/unit/TD/token-details-from-json-0", details_from_json),
    OfTypes("rest/unit/TK1/token-params-attributes-0", params_attributes),
    OfTypes("rest/unit/TK/token-params-to-query-string-0", params_as_query),
    OfTypes("rest/unit/TE1/token-request-attributes-0", request_attributes),
    OfTypes("rest/unit/TE/token-request-mac-signature-0", request_mac),
    OfTypes("rest/unit/TE/token-request-to-json-1", request_to_json),
    OfTypes("rest/unit/TE/token-request-from-json-2", request_from_json),
];

const MOMENT: u64 = 1_234_567_890_000;
const CAPABILITY: &str = r#"{"channel-1":["publish"]}"#;

fn details(json: Value) -> TokenDetails {
    serde_json::from_value(json).unwrap()
}

fn details_attributes() {
    let bare = details(json!({ "token": "test-token" }));
    assert_eq!((bare.expires(), bare.issued(), bare.capability_text()), (None, None, None));
    assert!(bare.client_id().is_none());

    let full = details(json!({
        "token": "test-token", "expires": MOMENT, "issued": MOMENT - 90_000,
        "capability": r#"{"*":["*"]}"#, "clientId": "my-client",
    }));
    assert_eq!(full.token().expose(), "test-token");
    assert_eq!(full.expires(), Some(Timestamp::from_millis(MOMENT)));
    assert_eq!(full.issued(), Some(Timestamp::from_millis(MOMENT - 90_000)));
    assert_eq!(full.capability_text(), Some(r#"{"*":["*"]}"#));
    assert_eq!(full.client_id().as_str(), Some("my-client"));
}

fn details_from_json() {
    let json = json!({
        "token": "deserialized-token", "expires": MOMENT, "issued": MOMENT - 90_000, "capability": CAPABILITY,
        "clientId": "json-client", "keyName": "appId.keyId",
    });
    let read = details(json.clone());
    assert_eq!(read.token().expose(), "deserialized-token");
    assert_eq!(read.expires().unwrap().as_millis(), MOMENT);
    assert_eq!(read.issued().unwrap().as_millis(), MOMENT - 90_000);
    assert_eq!(read.capability_text(), Some(CAPABILITY));
    assert_eq!(read.client_id().as_str(), Some("json-client"));
    assert_eq!(read.key_name().unwrap().as_str(), "appId.keyId");
    assert_eq!(serde_json::to_value(&read).unwrap(), json, "the JSON round-trips");
}

fn full_params() -> TokenParams {
    TokenParams::new()
        .ttl(ttl(2 * HOUR))
        .capability(CAPABILITY)
        .client_id("full-client")
        .timestamp(Timestamp::from_millis(MOMENT))
        .nonce("a-nonce-of-the-caller")
}

fn params_attributes() {
    let none = TokenParams::new();
    assert_eq!(
        (none.get_ttl(), none.get_capability(), none.get_timestamp(), none.get_nonce()),
        (None, None, None, None)
    );
    assert!(none.get_client_id().is_none());

    let full = full_params();
    assert_eq!(full.get_ttl(), Some(ttl(2 * HOUR)));
    assert_eq!(full.get_capability().unwrap().to_string(), CAPABILITY);
    assert_eq!(full.get_client_id().as_str(), Some("full-client"));
    assert_eq!(full.get_timestamp(), Some(Timestamp::from_millis(MOMENT)));
    assert_eq!(full.get_nonce().unwrap().as_str(), "a-nonce-of-the-caller");
}

fn params_as_query() {
    let query = |params: &TokenParams| token_params_query(params);
    assert!(query(&TokenParams::new()).is_empty(), "unset params are not in the query");
    let asked = query(&TokenParams::new().ttl(ttl(HOUR)).client_id("query-client").capability(CAPABILITY));
    for (name, value) in [("ttl", "3600000"), ("clientId", "query-client"), ("capability", CAPABILITY)] {
        assert!(asked.contains(&(name, value.to_owned())), "{name}: {asked:?}");
    }
    assert_eq!(asked.len(), 3);
}

fn signed(params: &TokenParams) -> TokenRequest {
    let nonce = Nonce::parse("a-nonce-of-the-client").unwrap();
    TokenRequest::sign(&ApiKey::parse(KEY).unwrap(), params, Timestamp::from_millis(MOMENT), nonce).unwrap()
}

fn request_attributes() {
    let key = ApiKey::parse(KEY).unwrap();
    let full = signed(&full_params());
    let read = full.verify(&key).unwrap();
    assert_eq!(read.key_name(), "appId.keyId");
    assert_eq!(read.ttl().unwrap(), Some(ttl(2 * HOUR)));
    assert_eq!(read.capability_text(), Some(CAPABILITY));
    assert_eq!(read.client_id().unwrap().as_str(), Some("full-client"));
    assert_eq!(read.timestamp().unwrap(), Some(Timestamp::from_millis(MOMENT)));
    assert_eq!(read.nonce(), Some("a-nonce-of-the-caller"));

    let bare = signed(&TokenParams::new());
    let read = bare.verify(&key).unwrap();
    assert_eq!((read.ttl().unwrap(), read.capability_text()), (None, None));
    assert!(read.client_id().unwrap().is_none());
    assert_eq!(read.nonce(), Some("a-nonce-of-the-client"));
}

fn request_mac() {
    let (key, other) = (ApiKey::parse(KEY).unwrap(), ApiKey::parse("appId.keyId:another-secret").unwrap());
    let request = signed(&full_params());
    assert!(request.is_signed());
    assert!(request.verify(&key).is_ok());
    assert!(request.verify(&other).is_err(), "the mac was made with another secret");
    let mut tampered = serde_json::to_value(&request).unwrap();
    tampered["ttl"] = json!(1);
    let tampered: TokenRequest = serde_json::from_value(tampered).unwrap();
    assert!(tampered.verify(&key).is_err(), "the mac does not cover the changed ttl");
}

fn request_to_json() {
    let json = serde_json::to_value(signed(&full_params())).unwrap();
    for (name, value) in [
        ("keyName", json!("appId.keyId")),
        ("ttl", json!(2 * HOUR)),
        ("capability", json!(CAPABILITY)),
        ("clientId", json!("full-client")),
        ("timestamp", json!(MOMENT)),
        ("nonce", json!("a-nonce-of-the-caller")),
    ] {
        assert_eq!(json[name], value, "{name}");
    }
    assert!(json["mac"].as_str().is_some_and(|mac| mac.len() == 44), "{json}");
}

fn request_from_json() {
    let json = json!({
        "keyName": "appId.keyId", "ttl": 7_200_000, "capability": r#"{"ch":["sub"]}"#, "clientId": "from-json-client",
        "timestamp": 1_234_567_899_999_u64, "nonce": "from-json-nonce-value", "mac": "from-json-mac",
    });
    let request: TokenRequest = serde_json::from_value(json.clone()).unwrap();
    assert_eq!(serde_json::to_value(&request).unwrap(), json, "each field is kept, including the mac");
    let read = request.trust_key_holder(&KeyName::parse("appId.keyId").unwrap()).unwrap();
    assert_eq!(read.ttl().unwrap(), Some(ttl(7_200_000)));
    assert_eq!(read.capability_text(), Some(r#"{"ch":["sub"]}"#));
    assert_eq!(read.client_id().unwrap().as_str(), Some("from-json-client"));
    assert_eq!(read.timestamp().unwrap(), Some(Timestamp::from_millis(1_234_567_899_999)));
    assert_eq!(read.nonce(), Some("from-json-nonce-value"));
}
