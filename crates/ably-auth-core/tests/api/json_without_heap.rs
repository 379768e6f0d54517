//! The JSON of a token request, written without a heap. It is the same as serde writes for the owned type.

use std::time::Duration;

use ably_auth_core::{ErrorKind, TokenParams, TokenRequest, TokenRequestFields, Ttl};
use proptest::option;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::support::{NOW, cases, config, key};

/// Returns a string field of a JSON object.
fn string<'a>(json: &'a Value, name: &str) -> Option<&'a str> {
    json.get(name).and_then(Value::as_str)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn json_equals_that_of_serde(
        ttl in option::of(1..=86_400_000_u64),
        resource in option::of("[^\\[].{0,20}"),
        client_id in option::of("[^\\p{Cc}]{1,12}"),
        nonce in "[^\\p{Cc}]{16,20}",
    ) {
        let capability = resource.map(|resource| {
            ably_auth_core::Capability::none().with(&resource, [ably_auth_core::Operation::Publish]).unwrap()
        });
        let text = capability.as_ref().map(ToString::to_string);
        let mut params = TokenParams::new();
        if let Some(ttl) = ttl {
            params = params.ttl(Duration::from_millis(ttl));
        }
        if let Some(capability) = capability {
            params = params.capability(capability);
        }
        if let Some(client_id) = &client_id {
            params = params.client_id(client_id);
        }
        let request = TokenRequest::sign(&key(), &params, NOW, ably_auth_core::Nonce::parse(&nonce).unwrap()).unwrap();
        let fields = TokenRequestFields {
            key_name: super::support::KEY_NAME,
            ttl: params.get_ttl(),
            capability: text.as_deref(),
            client_id: client_id.as_deref(),
            timestamp: NOW,
            nonce: &nonce,
        };
        let mac = key().signer().sign(&fields).unwrap();
        let mut written = String::new();
        fields.write_json(&mac, &mut written).unwrap();
        prop_assert_eq!(&written, &serde_json::to_string(&request).unwrap());

        let mut exact = vec![0; written.len()];
        prop_assert_eq!(fields.json_into(&mac, &mut exact).unwrap(), &written);
        for bytes in [0, written.len() / 2, written.len() - 1] {
            let mut short = vec![0; bytes];
            let error = fields.json_into(&mac, &mut short).unwrap_err();
            prop_assert_eq!((error.kind(), error.needed_bytes()), (ErrorKind::Buffer, Some(written.len())));
            prop_assert_eq!(request.json_into(&mut short).unwrap_err(), error);
        }
        let mut by_request = String::new();
        request.write_json(&mut by_request).unwrap();
        prop_assert_eq!(request.json_into(&mut exact).unwrap(), &by_request);
        prop_assert_eq!(by_request, written);
    }
}

/// A received request is written with its original values, including those that this crate would never sign.
#[test]
fn received_request_is_written_unchanged() {
    let mac = "1Py5dJH1mtXW66Y+iir+xpFoaGctRBlbINNQffAC2P0=";
    let whole = json!({"keyName": "a.b", "ttl": 60_000, "timestamp": 1, "nonce": "n", "mac": mac});
    let changes = [
        ("ttl", json!("60000")),
        ("ttl", json!(0)),
        ("ttl", json!(-1)),
        ("ttl", json!(1.5)),
        ("timestamp", json!("1")),
        ("timestamp", Value::Null),
        ("nonce", Value::Null),
        ("mac", Value::Null),
        ("mac", json!("no mac")),
        ("mac", json!("\"no\\mac\u{1}")),
        ("mac", json!(mac.trim_end_matches('='))),
        ("newer", json!({"a": [1, "x"]})),
        ("clientId", json!("\u{1}\"")),
        ("keyName", json!("no name")),
    ];
    for (field, value) in changes {
        let mut sent = whole.clone();
        match value {
            Value::Null => drop(sent.as_object_mut().unwrap().remove(field)),
            value => sent[field] = value,
        }
        let request = super::support::request(&sent);
        let mut written = String::new();
        request.write_json(&mut written).unwrap();
        assert_eq!(written, serde_json::to_string(&request).unwrap());
        assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), sent);

        let mut room = vec![0; written.len()];
        assert_eq!(request.json_into(&mut room).unwrap(), written);
        assert_eq!(request.json_into(&mut room[1..]).unwrap_err().needed_bytes(), Some(written.len()));
    }
}

/// The requests of other implementations are written with the same values and the same mac.
#[test]
fn foreign_requests_are_written_with_same_macs() {
    for case in cases() {
        let json = &case.request;
        let fields = TokenRequestFields {
            key_name: string(json, "keyName").unwrap(),
            ttl: json.get("ttl").and_then(Value::as_u64).map(|ttl| Ttl::from_millis(ttl).unwrap()),
            capability: string(json, "capability"),
            client_id: string(json, "clientId"),
            timestamp: ably_auth_core::Timestamp::from_millis(json["timestamp"].as_u64().unwrap()),
            nonce: string(json, "nonce").unwrap(),
        };
        let mut written = String::new();
        fields.write_json(&case.key.signer().sign(&fields).unwrap(), &mut written).unwrap();
        let mut expected = json.clone();
        // Some peers write `null` for omitted values.
        expected.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), expected, "{}", case.id);
    }
}
