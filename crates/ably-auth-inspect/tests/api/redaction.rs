//! Nothing secret is in a report about any input, and nothing panics.

use ably_auth_core::{ApiKey, Timestamp, TokenRequest};
use ably_auth_inspect::{Cause, Fact, MacExplanation, MacLine, Report, describe, inspect, jwt, mac};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{base64, base64url, hmac};

/// Returns what an explanation shows: each line, and the cause.
fn shown_explanation(explanation: &MacExplanation) -> String {
    let MacExplanation { lines, cause, .. } = explanation;
    let lines: &[MacLine] = lines;
    let cause: Option<&Cause> = cause.as_ref();
    format!("{} {lines:?} {cause:?} {explanation:?}", serde_json::to_string(explanation).unwrap())
}

/// Returns the report's JSON and its typed facts.
fn shown(text: &str) -> String {
    let report: Report = inspect(text, Timestamp::from_millis(1_449_746_287_318));
    let facts: &[Fact] = &report.facts;
    let members = Value::from(report.members().clone());
    format!("{} {members} {facts:?} {report:?}", serde_json::to_string(&report).unwrap())
}

proptest! {
    #[test]
    fn no_input_causes_panic(text in "\\PC*", bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let now = Timestamp::from_millis(0);
        let _ = shown(&text);
        let bytes = String::from_utf8_lossy(&bytes);
        let _ = shown(&bytes);
        let _ = describe::jwt(&bytes, now);
        let _ = describe::native_token(&text);
    }

    #[test]
    fn no_json_causes_panic(
        value in r#"[\[\]{}",:\\a-c0-9. *]{0,80}"#,
        name in "keyName|ttl|mac|token|timestamp|capability",
    ) {
        let _ = shown(&value);
        let _ = shown(&format!("{{\"{name}\":{value}}}"));
        let _ = shown(&format!("{}.{}.x", base64url(&value), base64url(format!("{{\"{name}\":{value}}}"))));
    }

    #[test]
    fn no_key_is_shown(secret in "[A-Za-z0-9_-]{16,60}") {
        let key = format!("app.key:{secret}");
        let in_header = base64url(json!({ "alg": "HS256", "kid": key }).to_string());
        let in_claims = base64url(json!({ "iat": 1, "exp": 2, "sub": key, "deep": [{ "a": key }] }).to_string());
        let good = base64url(r#"{"alg":"HS256","kid":"app.key"}"#);
        let zeros = base64url([0; 32]);
        for text in [
            key.clone(),
            format!("Basic {}", base64(&key)),
            format!("Basic {key}"),
            format!("Bearer {key}"),
            format!("wss://realtime.ably.io/?key={key}"),
            format!("wss://realtime.ably.io/?key={key}."),
            format!("'{key}'"),
            format!("{key}:more"),
            format!("{key}\u{200b}"),
            json!({ "keyName": key, "timestamp": 1, "nonce": "n", "mac": secret }).to_string(),
            json!({ "keyName": "app.key", "clientId": key, "nonce": key, "mac": key, "ttl": key }).to_string(),
            json!({ "keyName": "app.key", "mac": "x", "capability": key }).to_string(),
            json!({ "key": key }).to_string(),
            json!({ "keys": [key] }).to_string(),
            json!({ "token": key }).to_string(),
            json!({ "token": "app.token", "keyName": key, "clientId": key }).to_string(),
            format!("{{\"key\":\"{key}\""),
            format!("{in_header}.{in_claims}.{zeros}"),
            format!("{good}.{in_claims}.{zeros}"),
        ] {
            let shown = shown(&text);
            prop_assert!(!shown.contains(&secret), "{} {}", text, shown);
        }
    }

    #[test]
    fn no_token_is_shown(opaque in "[A-Za-z0-9_-]{24,60}") {
        let native = format!("app.{opaque}");
        let zeros = base64url([0; 32]);
        let header = base64url(r#"{"alg":"HS256","kid":"app.key"}"#);
        let outer = base64url(json!({ "iat": 1, "exp": 2, "x-ably-token": native, "accessToken": native, "a": native }).to_string());
        let bad = base64url(json!({ "x-ably-token": native, "xAblyToken": native, "x-ably-capability": native }).to_string());
        for text in [
            native.clone(),
            format!("Authorization: Bearer {native}"),
            format!("\"{native}\""),
            json!({ "token": native, "capability": "{}", "clientId": native }).to_string(),
            format!("{{\"token\":\"{native}\""),
            format!("{header}.{outer}.{zeros}"),
            format!("{header}.{bad}.{zeros}"),
        ] {
            let shown = shown(&text);
            prop_assert!(!shown.contains(&opaque), "{} {}", text, shown);
        }
    }

    #[test]
    fn no_signature_of_jwt_is_shown(signature in proptest::array::uniform32(any::<u8>())) {
        let signature = base64url(signature);
        let header = base64url(r#"{"alg":"HS256","kid":"app.key"}"#);
        let token = format!("{header}.{}.{signature}", base64url(r#"{"iat":1,"exp":2}"#));
        for text in [token.clone(), json!({ "token": token }).to_string()] {
            prop_assert!(!shown(&text).contains(&signature));
        }
    }
}

proptest! {
    // Each case computes thousands of macs.
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn no_signature_causes_panic(capability in "\\PC{0,60}", mac in "[a-zA-Z0-9+/=_-]{0,50}", secret in "[!-9;-~]{1,50}") {
        let secret = secret.replace('.', "_");
        let key = ApiKey::parse(&format!("app.key:{secret}")).unwrap();
        let request = json!({ "keyName": "app.key", "capability": capability, "timestamp": 1, "nonce": "n", "mac": mac });
        let request: TokenRequest = serde_json::from_value(request).unwrap();
        let _ = mac::explain(&request, &key, [].iter());
        let _ = jwt::explain_signature(&format!("{}.{}.{mac}", base64url(&capability), base64url("{}")), &key, [].iter());
    }

    #[test]
    fn no_secret_is_in_an_explanation(secret in "[A-Za-z0-9_-]{16,60}", other in "[A-Za-z0-9_-]{16,60}") {
        let key = ApiKey::parse(&format!("app.key:{secret}")).unwrap();
        let others = [ApiKey::parse(&format!("app.other:{other}")).unwrap()];
        let whole = format!("app.key:{secret}");
        let mac = base64(hmac(&secret, format!("{whole}\n\n\n{whole}\n1\nn\n")));
        let request = json!({ "keyName": whole, "clientId": whole, "timestamp": 1, "nonce": "n", "mac": mac });
        let request: TokenRequest = serde_json::from_value(request).unwrap();
        let explanation = mac::explain(&request, &key, others.iter());
        let shown = shown_explanation(&explanation);
        prop_assert!(!shown.contains(&secret) && !shown.contains(&other), "{}", shown);
    }
}
