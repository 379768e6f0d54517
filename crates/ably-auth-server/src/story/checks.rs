//! The list of checks that is shown: those that were performed, and those that were not reached.

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::journal::checks::Check;
use crate::store::WINDOW_MILLIS;

/// The checks of a token request with a mac, in their order.
const OF_SIGNED_REQUEST: [Check; 9] = [
    Check::Accepted,
    Check::KeyKnown,
    Check::SameKey,
    Check::Mac,
    Check::KeyInForce,
    Check::Rate,
    Check::Timestamp,
    Check::Nonce,
    Check::Grant,
];

/// The checks of a request with a key.
const OF_KEY: [Check; 8] = [
    Check::Accepted,
    Check::Credential,
    Check::KeyKnown,
    Check::Secret,
    Check::KeyInForce,
    Check::Identity,
    Check::Rate,
    Check::Permitted,
];

/// The first checks of a request with a token of the service.
const OF_SEALED_TOKEN: [Check; 3] = [Check::Accepted, Check::Credential, Check::Sealed];

/// The first checks of a request with a JWT.
const OF_JWT: [Check; 4] = [Check::Accepted, Check::Credential, Check::KeyKnown, Check::Jwt];

/// The further checks of a request with a token of either kind.
const OF_TOKEN: [Check; 7] = [
    Check::KeyInForce,
    Check::NotExpired,
    Check::NotInFuture,
    Check::NotRevoked,
    Check::Identity,
    Check::Rate,
    Check::Permitted,
];

/// Returns the checks of an entry, each with its result.
pub(super) fn list(row: &Map<String, Value>, numbers: &[u8], evidence: &Map<String, Value>) -> Value {
    let performed = Check::list(numbers);
    let failed = performed.iter().any(|(_, passed)| !passed);
    let is_shown = |(check, passed): &&(Check, bool)| !matches!((check, passed), (Check::Outer, true));
    let mut list: Vec<Value> = Vec::new();
    for (check, passed) in performed.iter().filter(is_shown) {
        match evidence.get("jwtCheck").and_then(Value::as_str).filter(|_| *check == Check::Jwt) {
            Some(part) => list.extend(jwt_checks(part)),
            None => list.push(shown(check, &title(*check), if *passed { "passed" } else { "failed" })),
        }
    }
    if failed {
        let last = performed.last().map(|(check, _)| *check);
        let rest = not_reached(row, &performed, evidence, last);
        list.extend(rest.iter().map(|check| shown(check, &title(*check), "notReached")));
    }
    Value::Array(list)
}

fn shown(id: impl Serialize, title: &str, result: &str) -> Value {
    json!({ "id": id, "title": title, "result": result })
}

/// Returns the checks that would have followed the last one.
fn not_reached(
    row: &Map<String, Value>,
    performed: &[(Check, bool)],
    evidence: &Map<String, Value>,
    last: Option<Check>,
) -> Vec<Check> {
    let was = |check: Check| performed.iter().any(|(done, _)| *done == check);
    let kind = evidence.get("credential").and_then(|report| report.get("kind")).and_then(Value::as_str);
    let is_request = row.get("action").is_some_and(|action| action == "requestToken");
    let expected = if is_request && !was(Check::Credential) {
        OF_SIGNED_REQUEST.to_vec()
    } else if was(Check::Secret) || kind == Some("key") {
        OF_KEY.to_vec()
    } else if was(Check::Jwt) || kind == Some("jwt") {
        [&OF_JWT[..], &OF_TOKEN].concat()
    } else {
        [&OF_SEALED_TOKEN[..], &OF_TOKEN].concat()
    };
    let is_before = |check: &Check| Some(*check) != last;
    let needs_permission = row.contains_key("operation");
    let rest = expected.into_iter().skip_while(is_before).skip(1);
    rest.filter(|check| *check != Check::Permitted || needs_permission).collect()
}

/// Returns the steps of the verification of a JWT, of which `part` failed.
fn jwt_checks(part: &str) -> Vec<Value> {
    let steps = [
        ("signature", "The JWT is signed with the secret of the key"),
        ("claims", "Its claims can be read"),
        ("times", "It is valid at this time"),
        ("lifetime", "It lives no longer than its key permits"),
        ("capability", "Its key has some of the rights that it names"),
    ];
    let at = steps.iter().position(|(id, _)| *id == part).unwrap_or_default();
    let result = |step: usize| match step.cmp(&at) {
        std::cmp::Ordering::Less => "passed",
        std::cmp::Ordering::Equal => "failed",
        std::cmp::Ordering::Greater => "notReached",
    };
    steps.iter().enumerate().map(|(step, (id, title))| shown(id, title, result(step))).collect()
}

fn title(check: Check) -> String {
    let title = match check {
        Check::Accepted => "The service accepts requests like this one now",
        Check::Credential => "The request has a credential that can be read",
        Check::SameKey => "The token request names the key of the path",
        Check::KeyKnown => "The service knows the app and the key",
        Check::Secret => "The secret is the key's",
        Check::Sealed => "This service issued the token, and it is unchanged",
        Check::Jwt => "The JWT is signed with its key, and its claims are valid",
        Check::KeyInForce => "The key is enabled and has not expired",
        Check::NotExpired => "The credential has not expired",
        Check::NotInFuture => "The credential was not issued in the future",
        Check::NotRevoked => "The credential is not revoked",
        Check::Outer => "The outer JWT expires no later than the token in it",
        Check::Identity => "The credential permits the client to act as its clientId",
        Check::Rate => "The key is below its rate limit",
        Check::Mac => "The mac is that of the token request",
        Check::Proof => "The sender holds the key, or a token that may request another",
        Check::Timestamp => {
            return format!("The timestamp is within {} s of the service's clock", WINDOW_MILLIS / 1_000);
        }
        Check::Nonce => "The token request was not exchanged before",
        Check::Grant => "The key permits the lifetime, and something of the capability",
        Check::Permitted => "The capability permits the operation on the channel",
        Check::Request => "The request itself is valid",
    };
    title.into()
}
