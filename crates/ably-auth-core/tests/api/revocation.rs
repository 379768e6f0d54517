//! Token revocation: targets, requests and results as JSON.

use ably_auth_core::{
    BatchResult, ErrorKind, RevokeTokensRequest, Timestamp, TokenRevocationResult,
    TokenRevocationTargetSpecifier as Target,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::support::{NOW, config};

fn results(json: &Value) -> BatchResult<TokenRevocationResult> {
    serde_json::from_str(&json.to_string()).unwrap()
}

/// A target consists of a type and a value, separated by a colon.
#[test]
fn target_has_type_and_value() {
    for (target, text) in [
        (Target::client_id("alice"), "clientId:alice"),
        (Target::revocation_key("group-1"), "revocationKey:group-1"),
        (Target::channel("foo:*"), "channel:foo:*"),
        (Target::client_id(":"), "clientId::"),
    ] {
        assert_eq!((target.as_str(), target.to_string().as_str()), (text, text));
        assert_eq!(Target::parse(text).unwrap(), target);
        assert_eq!(serde_json::to_value(&target).unwrap(), text);
        assert_eq!(serde_json::from_value::<Target>(text.into()).unwrap(), target);
    }
}

/// An unknown type is kept, because the service may know it.
#[test]
fn unknown_target_type_is_kept() {
    let target = Target::parse("invalidType:abc").unwrap();
    assert_eq!((target.target_type(), target.value()), ("invalidType", "abc"));
}

/// A target without a colon, a type or a value is refused.
#[test]
fn malformed_target_is_refused() {
    for text in ["", ":", "clientId", "clientId:", ":alice"] {
        assert_eq!(Target::parse(text).unwrap_err().kind(), ErrorKind::RevocationTarget, "{text}");
        assert!(serde_json::from_value::<Target>(text.into()).is_err(), "{text}");
    }
}

proptest! {
    #![proptest_config(config())]

    /// A target is split at its first colon, so that the value may have more of them.
    #[test]
    fn target_is_split_at_first_colon(target_type in "[^:]{1,8}", value in "[:a*é]{1,8}") {
        let target = Target::parse(&format!("{target_type}:{value}")).unwrap();
        prop_assert_eq!((target.target_type(), target.value()), (target_type.as_str(), value.as_str()));
    }
}

/// The JSON of a request has only the fields that are set.
#[test]
fn request_has_only_set_fields() {
    let request = RevokeTokensRequest::new([Target::client_id("alice"), Target::channel("a:*")]);
    assert_eq!(serde_json::to_value(&request).unwrap(), json!({"targets": ["clientId:alice", "channel:a:*"]}));
    let request = request.issued_before(NOW).allow_reauth_margin(true);
    let json = json!({"targets": ["clientId:alice", "channel:a:*"], "issuedBefore": NOW.as_millis(), "allowReauthMargin": true});
    assert_eq!(serde_json::to_value(&request).unwrap(), json);
    assert_eq!(serde_json::from_value::<RevokeTokensRequest>(json).unwrap(), request);
    let text = json!({"targets": [], "issuedBefore": NOW.to_string(), "newer": 1});
    assert_eq!(serde_json::from_value::<RevokeTokensRequest>(text).unwrap().get_issued_before(), Some(NOW));
    for json in
        [json!({}), json!({"targets": "clientId:alice"}), json!({"targets": ["alice"]}), json!({"targets": [1]})]
    {
        assert!(serde_json::from_value::<RevokeTokensRequest>(json.clone()).is_err(), "{json}");
    }
}

/// A success has the target, the time before which its tokens were issued, and the time from which the revocation
/// applies.
// rest/unit/TRS2/success-result-attributes-0
#[test]
fn success_has_target_and_times() {
    let sent = json!({"successCount": 1, "failureCount": 0, "results":
        [{"target": "clientId:alice", "issuedBefore": 1_700_000_000_000_u64, "appliesAt": 1_700_000_001_000_u64}]});
    let read = results(&sent);
    let [TokenRevocationResult::Success(success)] = &read.results[..] else { panic!("{read:?}") };
    assert_eq!(success.target, Target::client_id("alice"));
    assert_eq!(success.issued_before, Timestamp::from_millis(1_700_000_000_000));
    assert_eq!(success.applies_at, Timestamp::from_millis(1_700_000_001_000));
    assert_eq!(serde_json::to_value(&read).unwrap(), sent);
}

/// A failure has the target as it was sent, and the reason.
// rest/unit/TRF2/failure-result-attributes-0
#[test]
fn failure_has_target_and_error() {
    let sent = json!({"successCount": 0, "failureCount": 1, "results":
        [{"target": "invalidType:abc", "error": {"code": 40000, "statusCode": 400, "message": "Invalid target type"}}]});
    let read = results(&sent);
    let [TokenRevocationResult::Failure(failure)] = &read.results[..] else { panic!("{read:?}") };
    assert_eq!(failure.target, "invalidType:abc");
    assert_eq!((failure.error.code().as_u32(), failure.error.status_code()), (40000, 400));
    assert_eq!(failure.error.message(), "Invalid target type");
    assert_eq!(serde_json::to_value(&read).unwrap(), sent);
}

/// Successes and failures are in the order of the targets, with their counts. The target of a failure may be invalid.
#[test]
fn results_are_mixed() {
    let read = results(&json!({"successCount": 1, "failureCount": 2, "results": [
        {"target": "nonsense", "error": {"code": 40000, "message": "m"}},
        {"target": "clientId:alice", "issuedBefore": 1, "appliesAt": 2},
        {"target": "channel:a", "error": {"code": 40000, "message": "m"}},
    ]}));
    assert_eq!((read.success_count, read.failure_count), (1, 2));
    let failed: Vec<_> =
        read.results.iter().map(|result| matches!(result, TokenRevocationResult::Failure(_))).collect();
    assert_eq!(failed, [true, false, true]);
}
