//! JSONTestSuite: the JSON reader of JWTs and that of capabilities take what is JSON, and refuse what is not.

use ably_auth_core::Capability;
use serde::Deserialize;

use super::jwt_support::{verify, with_claims};

#[derive(Deserialize)]
struct Suite {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    expected: String,
    input: String,
}

fn cases() -> Vec<Case> {
    let suite: Suite = serde_json::from_str(include_str!("../../../../tests/vectors/json.json")).unwrap();
    assert!(suite.cases.len() > 300, "only {} cases", suite.cases.len());
    suite.cases
}

#[test]
fn claim_of_any_json_is_read_and_nothing_else() {
    for Case { name, expected, input } in cases() {
        let verified = verify(&with_claims(&format!(r#""other":{input}"#)));
        match &*expected {
            "valid" => assert!(verified.is_ok(), "{name}: {input:?}: {}", verified.unwrap_err()),
            "invalid" => assert!(verified.is_err(), "{name}: {input:?}"),
            // RFC 8259 leaves these to the reader, such as numbers that are too large for its type.
            _ => {}
        }
    }
}

#[test]
fn capability_is_read_only_from_json() {
    let mut parsed = 0;
    for Case { name, expected, input } in cases() {
        for text in [input.clone(), format!(r#"{{"chat":{input}}}"#), format!(r#"{{"chat":["publish",{input}]}}"#)] {
            if let Ok(capability) = Capability::parse_lenient(&text) {
                assert_ne!(expected, "invalid", "{name}: {text:?}");
                let again = Capability::parse_lenient(&capability.to_string()).unwrap();
                assert_eq!(again, capability, "{name}: {text:?}");
                parsed += 1;
            }
        }
    }
    assert!(parsed > 20, "only {parsed} texts are capabilities");
}
