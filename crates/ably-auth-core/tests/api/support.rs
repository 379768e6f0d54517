//! Keys, vectors and helpers for several test modules.

use std::collections::{BTreeMap, BTreeSet};

use ably_auth_core::{ApiKey, Nonce, Timestamp, TokenRequest, TokenRequestFields, Ttl};
use proptest::test_runner::Config;
use serde_json::Value;

pub(crate) use test_support::{KEY, KEY_NAME};

pub(crate) const NONCE: &str = "9000000830710428";
pub(crate) const NOW: Timestamp = Timestamp::from_millis(test_support::NOW);

pub(crate) fn key() -> ApiKey {
    ApiKey::parse(KEY).unwrap()
}

pub(crate) fn nonce() -> Nonce {
    Nonce::parse(NONCE).unwrap()
}

pub(crate) fn ttl(millis: u64) -> Ttl {
    Ttl::from_millis(millis).unwrap()
}

/// Returns the proptest configuration of this suite, which writes no files next to the sources.
pub(crate) fn config() -> Config {
    config_of(1)
}

/// Returns the configuration for several times the usual number of cases, which `PROPTEST_CASES` sets.
pub(crate) fn config_of(times: u32) -> Config {
    let usual = Config::default();
    Config { failure_persistence: None, cases: usual.cases * times, ..usual }
}

/// A token request that another implementation signed.
pub(crate) struct Case {
    pub(crate) id: String,
    pub(crate) key: ApiKey,
    pub(crate) key_text: String,
    pub(crate) params: Value,
    pub(crate) request: Value,
}

/// Returns the cases in `vectors/token-requests.json`.
pub(crate) fn cases() -> Vec<Case> {
    let file: Value = serde_json::from_str(include_str!("../../../../tests/vectors/token-requests.json")).unwrap();
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
pub(crate) fn request(json: &Value) -> TokenRequest {
    serde_json::from_str(&json.to_string()).unwrap()
}

/// Returns the values of a JSON request that its mac covers.
pub(crate) fn fields(request: &Value) -> TokenRequestFields<'_> {
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
pub(crate) fn mac(key: &ApiKey, fields: &TokenRequestFields<'_>) -> String {
    String::from_utf8(key.signer().sign(fields).unwrap().to_base64().into()).unwrap()
}

/// Returns the object without its null fields, as some encoders send it.
pub(crate) fn without_nulls(object: &Value) -> Value {
    let given = object.as_object().unwrap().iter().filter(|(_, value)| !value.is_null());
    Value::Object(given.map(|(name, value)| (name.clone(), value.clone())).collect())
}

/// Returns the canonical text of a capability, made by a JSON library: sorted by bytes, without white space and
/// needless escapes. As in lenient parsing, `*` replaces other operations, and empty lists are omitted.
pub(crate) fn canonical(text: &str) -> Option<String> {
    let read: BTreeMap<String, BTreeSet<String>> = serde_json::from_str(text).ok()?;
    let granting = read.into_iter().filter(|(_, operations)| !operations.is_empty()).map(|(resource, operations)| {
        let all = operations.contains("*");
        (resource, if all { BTreeSet::from([String::from("*")]) } else { operations })
    });
    serde_json::to_string(&granting.collect::<BTreeMap<_, _>>()).ok()
}
