//! Keys, vectors and helpers for several test modules.

use std::collections::{BTreeMap, BTreeSet};

use ably_auth_core::{ApiKey, Nonce, Timestamp, TokenRequest, TokenRequestFields, Ttl};
use proptest::test_runner::Config;
use serde_json::Value;

/// A key from Ably's documentation.
pub const KEY: &str = "I2E_JQ.OqUdfg:EVKVTCBlzLBPYJiCZTsIW_pqylJ9WVRB5K9P19Ap1y0";
pub const KEY_NAME: &str = "I2E_JQ.OqUdfg";
pub const NONCE: &str = "9000000830710428";
pub const NOW: Timestamp = Timestamp::from_millis(1_449_746_287_318);

pub fn key() -> ApiKey {
    ApiKey::parse(KEY).unwrap()
}

pub fn nonce() -> Nonce {
    Nonce::parse(NONCE).unwrap()
}

pub fn ttl(millis: u64) -> Ttl {
    Ttl::from_millis(millis).unwrap()
}

/// Returns the proptest configuration of this suite, which writes no files next to the sources.
pub fn config() -> Config {
    Config { failure_persistence: None, ..Config::default() }
}

/// A token request that another implementation signed.
pub struct Case {
    pub id: String,
    pub key: ApiKey,
    pub key_text: String,
    pub params: Value,
    pub request: Value,
}

/// Returns the cases in `vectors/token-requests.json`.
pub fn cases() -> Vec<Case> {
    let file: Value = serde_json::from_str(include_str!("../vectors/token-requests.json")).unwrap();
    let case = |case: &Value| {
        let key_text = case["key"].as_str().unwrap();
        Case {
            id: case["id"].as_str().unwrap().into(),
            key: ApiKey::parse(key_text).unwrap(),
            key_text: key_text.into(),
            params: case["params"].clone(),
            request: case["tokenRequest"].clone(),
        }
    };
    file["cases"].as_array().unwrap().iter().map(case).collect()
}

/// Parses a token request from the text of its JSON.
pub fn request(json: &Value) -> TokenRequest {
    serde_json::from_str(&json.to_string()).unwrap()
}

/// Returns the values of a JSON request that its mac covers.
pub fn fields(request: &Value) -> TokenRequestFields<'_> {
    TokenRequestFields {
        key_name: request["keyName"].as_str().unwrap(),
        ttl: request["ttl"].as_u64().map(ttl),
        capability: request["capability"].as_str(),
        client_id: request["clientId"].as_str(),
        timestamp: Timestamp::from_millis(request["timestamp"].as_u64().unwrap()),
        nonce: request["nonce"].as_str().unwrap(),
    }
}

/// Returns the mac of these values in base64.
pub fn mac(key: &ApiKey, fields: &TokenRequestFields<'_>) -> String {
    String::from_utf8(key.signer().sign(fields).unwrap().to_base64().into()).unwrap()
}

/// Returns the object without its null fields, as some encoders send it.
pub fn without_nulls(object: &Value) -> Value {
    let given = object.as_object().unwrap().iter().filter(|(_, value)| !value.is_null());
    Value::Object(given.map(|(name, value)| (name.clone(), value.clone())).collect())
}

/// Returns the canonical text of a capability, made by a JSON library: sorted by bytes, without white space and
/// needless escapes. As in lenient parsing, `*` replaces other operations, and empty lists are omitted.
pub fn canonical(text: &str) -> Option<String> {
    let read: BTreeMap<String, BTreeSet<String>> = serde_json::from_str(text).ok()?;
    let granting = read.into_iter().filter(|(_, operations)| !operations.is_empty()).map(|(resource, operations)| {
        let all = operations.contains("*");
        (resource, if all { BTreeSet::from([String::from("*")]) } else { operations })
    });
    serde_json::to_string(&granting.collect::<BTreeMap<_, _>>()).ok()
}
