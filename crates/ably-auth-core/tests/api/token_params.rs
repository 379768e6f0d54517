//! Token parameters, and the request that is signed for them.

use ably_auth_core::{Capability, ClientId, Nonce, Timestamp, TokenParams, TokenRequest};
use serde_json::{Value, json};

use super::support::{NONCE, NOW, key, mac, nonce, ttl};

fn signed(params: &TokenParams) -> Value {
    let request = TokenRequest::sign(&key(), params, NOW, nonce()).unwrap();
    assert!(request.is_signed() && request.verify(&key()).is_ok());
    serde_json::to_value(request).unwrap()
}

fn absent(json: &Value, field: &str) -> bool {
    !json.as_object().unwrap().contains_key(field)
}

/// Parameters have the values that were set. The others are unset.
// rest/unit/TK1/token-params-attributes-0
#[test]
fn params_are_unset_or_as_set() {
    let none = TokenParams::new();
    assert_eq!(
        (none.get_ttl(), none.get_capability(), none.get_timestamp(), none.get_nonce()),
        (None, None, None, None)
    );
    assert!(none.get_client_id().is_none());
    let capability: Capability = r#"{"*":["*"]}"#.parse().unwrap();
    let params = TokenParams::new()
        .ttl(ttl(7_200_000))
        .capability(capability.clone())
        .client_id("full-client")
        .timestamp(Timestamp::from_millis(1_234_567_890_000))
        .nonce("full-nonce-value");
    assert_eq!(params.get_ttl().map(ably_auth_core::Ttl::as_millis), Some(7_200_000));
    assert_eq!(params.get_capability(), Some(&capability));
    assert_eq!(params.get_client_id().as_str(), Some("full-client"));
    assert_eq!(params.get_timestamp().map(Timestamp::as_millis), Some(1_234_567_890_000));
    assert_eq!(params.get_nonce().map(Nonce::as_str), Some("full-nonce-value"));
}

/// A ttl that was not set is not in the request, not even as null or as a default.
// rest/unit/RSA5/ttl-null-when-unspecified-0
#[test]
fn no_ttl_is_filled_in() {
    assert!(absent(&signed(&TokenParams::new()), "ttl"));
}

/// A ttl that was set is in the request.
// rest/unit/RSA5b/explicit-ttl-preserved-0
#[test]
fn ttl_is_in_request() {
    assert_eq!(signed(&TokenParams::new().ttl(ttl(7_200_000)))["ttl"], 7_200_000);
}

/// A capability that was not set is not in the request.
// rest/unit/RSA6/capability-null-when-unspecified-0
#[test]
fn no_capability_is_filled_in() {
    assert!(absent(&signed(&TokenParams::new()), "capability"));
}

/// A capability that was set is in the request, as a JSON string with its canonical text.
// rest/unit/RSA6b/explicit-capability-preserved-0
#[test]
fn capability_is_in_request() {
    let asked: Capability = r#"{"channel-a": ["subscribe", "publish"]}"#.parse().unwrap();
    let sent = signed(&TokenParams::new().capability(asked));
    assert_eq!(sent["capability"], r#"{"channel-a":["publish","subscribe"]}"#);
}

/// A clientId that was not set is not in the request. `*` is in it.
#[test]
fn client_id_is_in_request() {
    assert!(absent(&signed(&TokenParams::new()), "clientId"));
    assert_eq!(signed(&TokenParams::new().client_id(ClientId::Any))["clientId"], "*");
    assert_eq!(signed(&TokenParams::new().client_id("bob"))["clientId"], "bob");
}

/// The timestamp and the nonce of the parameters take precedence over the arguments of `sign` (`RSA9c`, `RSA9d`).
#[test]
fn timestamp_and_nonce_of_params_take_precedence() {
    let supplied = signed(&TokenParams::new());
    assert_eq!((&supplied["timestamp"], &supplied["nonce"]), (&json!(NOW.as_millis()), &json!(NONCE)));
    let own = TokenParams::new().timestamp(Timestamp::from_millis(5)).nonce("own-nonce-of-mine");
    let own = signed(&own);
    assert_eq!((&own["timestamp"], &own["nonce"]), (&json!(5), &json!("own-nonce-of-mine")));
}

/// The request has the mac in base64, which covers the values of the request.
// rest/unit/TE/token-request-mac-signature-0
#[test]
fn mac_is_in_request() {
    let sent = signed(&TokenParams::new().client_id("bob").ttl(ttl(3_600_000)));
    assert_eq!(sent["mac"], "SVt6d9F8Xgpf3kO+Nstlr68xI063cRpg4anDbcSQ+yE=");
    assert_eq!(sent["mac"], mac(&key(), &super::support::fields(&sent)));
}
