//! Token requests that other implementations signed, and macs that other software computed.

use ably_auth_core::{ApiKey, ApiKeyRef, Mac, Nonce, Timestamp, TokenParams, TokenRequest, TokenRequestFields};
use serde_json::Value;

use super::support::{canonical, cases, fields, mac, request, ttl, without_nulls};

/// Every request of another implementation verifies with its key, and has the requested values.
#[test]
fn foreign_requests_verify() {
    let cases = cases();
    assert_eq!(cases.len(), 72);
    for case in cases {
        let sent = request(&case.request);
        let verified = sent.verify(&case.key).unwrap_or_else(|error| panic!("{}: {error}", case.id));
        assert_eq!(verified.key_name(), case.key.key_name().as_str());
        assert_eq!(
            verified.ttl().unwrap().map(ably_auth_core::Ttl::as_millis),
            case.params["ttl"].as_u64(),
            "{}",
            case.id
        );
        assert_eq!(verified.timestamp().unwrap().map(Timestamp::as_millis), case.params["timestamp"].as_u64());
        assert_eq!(verified.nonce(), case.params["nonce"].as_str());
        assert_eq!(verified.client_id().unwrap().as_str(), case.params["clientId"].as_str(), "{}", case.id);
        assert_eq!(verified.capability_text(), case.request["capability"].as_str());
        let asked = case.params["capability"].as_str().and_then(canonical);
        assert_eq!(verified.capability().unwrap().map(|read| read.to_string()), asked, "{}", case.id);
    }
}

/// A request of another implementation does not verify with another secret, nor with another key name.
#[test]
fn foreign_requests_verify_with_no_other_key() {
    for case in cases() {
        let sent = request(&case.request);
        let (name, secret) = (case.key.key_name().clone(), case.key.secret().expose());
        for wrong in [format!("{secret}A"), secret.to_lowercase() + "_", secret.chars().rev().chain(['-']).collect()] {
            let wrong = ApiKey::from_parts(name.clone(), &wrong).unwrap();
            assert_eq!(sent.verify(&wrong).unwrap_err().ably_code().as_u32(), 40101, "{}", case.id);
        }
        let other = ApiKey::parse(&format!("other.key:{secret}")).unwrap();
        assert!(sent.verify(&other).is_err(), "{}", case.id);
    }
}

/// The same values give the same mac, with an owned and with a borrowed key.
#[test]
fn same_values_give_same_mac() {
    for case in cases() {
        let (fields, sent) = (fields(&case.request), case.request["mac"].as_str().unwrap());
        assert_eq!(mac(&case.key, &fields), sent, "{}", case.id);
        let signer = ApiKeyRef::parse(&case.key_text).unwrap().signer();
        assert_eq!(signer.sign(&fields).unwrap().to_base64(), sent.as_bytes(), "{}", case.id);
        assert!(signer.verify(&fields, &Mac::from_base64(sent).unwrap()).is_ok(), "{}", case.id);
    }
}

/// The same parameters give the same request as those implementations that send canonical text.
#[test]
fn same_params_give_same_request() {
    let mut compared = 0;
    for case in cases() {
        let sent = case.request["capability"].as_str();
        if sent.map(String::from) != sent.and_then(canonical) {
            continue;
        }
        compared += 1;
        let asked = &case.params;
        let mut params = TokenParams::new();
        if let Some(millis) = asked["ttl"].as_u64() {
            params = params.ttl(ttl(millis));
        }
        if let Some(capability) = asked["capability"].as_str() {
            params = params.capability(capability);
        }
        if let Some(client_id) = asked["clientId"].as_str() {
            params = params.client_id(client_id);
        }
        let now = Timestamp::from_millis(asked["timestamp"].as_u64().unwrap());
        let nonce = Nonce::parse(asked["nonce"].as_str().unwrap()).unwrap();
        let ours = TokenRequest::sign(&case.key, &params, now, nonce).unwrap();
        assert_eq!(serde_json::to_value(&ours).unwrap(), without_nulls(&case.request), "{}", case.id);
    }
    assert!(compared >= 30, "only {compared} requests have canonical text or none");
}

/// A request that is parsed and written again has the same values.
#[test]
fn foreign_requests_round_trip() {
    for case in cases() {
        let text = serde_json::to_string(&request(&case.request)).unwrap();
        let again: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(again, without_nulls(&case.request), "{}", case.id);
        assert_eq!(request(&again), request(&case.request));
    }
}

/// The secret is the HMAC key as it is, at any length: shorter than the block of SHA-256, equal, and longer. The macs
/// were computed with Python's `hmac` over `app.key\n\n\n\n1449746287318\n9000000830710428\n`.
#[test]
fn secret_of_any_length_matches_hmac() {
    let expected = [
        (1, "85nCFmqnDej5sYPZiIjmD5bOjo1uQKsnGzqe7/3w5Qw="),
        (31, "CQ59oYC/mOK9aAvPaUwZV4QcQamWcaetwKuVhfH0APo="),
        (32, "o7ZH+6oGL6k8G/PPs8Ozub1EAhRJT/hfEB0RcOilBy8="),
        (63, "yGBgtAbj0BIM7/M9j89PtZZuxbfI4m3ReYtvjB9cqOM="),
        (64, "/T8pCzVk7/6CRaywcDDNSZSIBW3BjFD1ErdGwE2kbDs="),
        (65, "7FyXLKon3l4YbsatX4CYOdjDxuVSX1udJy7QHjXLp9c="),
        (128, "xbYf6p6+Hc798xpXewfSqiAWTSOicyDUD1fdNSVp0fw="),
        (500, "8Nmn/mDefv+GSo/4XPyDCxc4JcsjvHkprBk7JLctTj4="),
    ];
    for (length, expected) in expected {
        let key = ApiKey::parse(&format!("app.key:{}", "k".repeat(length))).unwrap();
        let fields = TokenRequestFields {
            key_name: "app.key",
            ttl: None,
            capability: None,
            client_id: None,
            timestamp: super::support::NOW,
            nonce: super::support::NONCE,
        };
        assert_eq!(mac(&key, &fields), expected, "{length}");
    }
}
