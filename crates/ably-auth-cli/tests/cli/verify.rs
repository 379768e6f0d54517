//! `ably-auth token-request verify`

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::support::{KEY, SECRET, Service, apps, run, run_with_stdin};

/// Returns token requests from other implementations: the key, the params and the signed request.
pub(crate) fn vectors() -> Vec<(String, Value, Value)> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/token-requests.json");
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let cases = file["cases"].as_array().unwrap();
    let take = |case: &Value| {
        let key = case["key"].as_str().unwrap().to_owned();
        (key, case["params"].clone(), case["tokenRequest"].clone())
    };
    cases.iter().map(take).collect()
}

/// Verifies the request at the time of its timestamp.
fn verify(key: &str, request: &str) -> crate::support::Answer {
    run_with_stdin(&["token-request", "verify", "--key", key, "--now", &time_of(request)], request)
}

fn time_of(request: &str) -> String {
    let request: Value = serde_json::from_str(request).unwrap_or_default();
    request["timestamp"].as_u64().unwrap_or(1_449_746_287_318).to_string()
}

#[test]
fn requests_signed_by_other_implementations_are_valid() {
    let vectors = vectors();
    assert!(vectors.len() >= 72);
    for (key, _, request) in vectors {
        let name = request["keyName"].as_str().unwrap();
        let answer = verify(&key, &request.to_string());
        assert!(answer.yes().starts_with(&format!("valid: signed with {name} for ")), "{answer:?}");

        let now = time_of(&request.to_string());
        let verify = ["--json", "token-request", "verify", "--key", &key, "--now", &now];
        let answer = run_with_stdin(&verify, &request.to_string());
        let expected = json!({ "valid": true, "keyName": name, "clientId": request["clientId"] });
        assert_eq!(answer.yes_json(), expected);
    }
}

/// Returns a key, and a signed request with all fields.
fn full() -> (String, Value) {
    let full = |(_, _, request): &(String, Value, Value)| request.as_object().unwrap().len() == 7;
    let (key, _, request) = vectors().into_iter().find(full).unwrap();
    (key, request)
}

#[test]
fn changed_field_is_not_valid() {
    let (key, request) = full();
    for (field, changed) in [
        ("keyName", json!("other.key")),
        ("ttl", json!(86_399_999)),
        ("ttl", json!(-1)),
        ("ttl", json!("soon")),
        ("capability", json!(r#"{"[*]*":["*"]}"#.to_owned() + " ")),
        ("capability", json!("")),
        ("clientId", json!("mallory")),
        ("clientId", json!("")),
        ("clientId", json!("a\nb")),
        ("timestamp", json!(1_449_746_287_319_u64)),
        ("nonce", json!("9000000830710429")),
        ("mac", json!("SVt6d9F8Xgpf3kO+Nstlr68xI063cRpg4anDbcSQ+yF=")),
        ("mac", json!("")),
        ("mac", json!("not base64")),
    ] {
        let mut request = request.clone();
        request[field] = changed;
        let answer = verify(&key, &request.to_string());
        assert!(answer.no().starts_with("not valid: "), "{field}: {answer:?}");
        assert_eq!(answer.stderr, "", "{field}");
    }
}

#[test]
fn missing_field_is_not_valid() {
    let (key, request) = full();
    for field in ["ttl", "capability", "clientId", "timestamp", "nonce", "mac"] {
        let mut request = request.clone();
        request.as_object_mut().unwrap().remove(field);
        let answer = verify(&key, &request.to_string());
        assert!(answer.no().starts_with("not valid: "), "{field}: {answer:?}");
    }
}

#[test]
fn other_secret_or_key_is_not_valid() {
    let (key, request) = full();
    let answer = verify(&format!("{key}x"), &request.to_string());
    assert!(answer.no().contains("mac does not match"), "{answer:?}");
    let answer = verify(KEY, &request.to_string());
    assert!(answer.no().contains("names another key"), "{answer:?}");
    answer.assert_hides(SECRET);
}

#[test]
fn json_option_prints_the_reason() {
    let (key, mut request) = full();
    request["nonce"] = json!("9000000830710429");
    let answer = run_with_stdin(&["token-request", "verify", "--json", "--key", &key], &request.to_string()).no_json();
    let reason = answer["reason"].as_str().unwrap();
    assert!(reason.contains("mac does not match"), "{reason}");
    assert_eq!(answer, json!({ "valid": false, "code": 40101, "reason": reason }));
}

#[test]
fn malformed_token_request_is_bad_input() {
    for text in ["", "no", "[]", "{}", "null", r#"{"keyName":1}"#, r#"{"keyName":"a.b"} x"#, "\"a.b\""] {
        verify(KEY, text).bad(&["stdin: not the JSON of a token request (line 1 column ", ")"]);
    }
    verify(KEY, &" ".repeat(1024 * 1024 + 1)).bad(&["stdin: it is longer than 1 MiB"]);
    let message = run_with_stdin(&["--json", "token-request", "verify", "--key", KEY], "no").bad_json();
    assert_eq!(message, "stdin: not the JSON of a token request (line 1 column 2)");
}

/// Returns a token request signed with [`KEY`] and the options `more`.
fn sign(more: &[&str]) -> String {
    run(&[&["token-request", "sign", "--key", KEY], more].concat()).yes().to_owned()
}

const SIGNED: u64 = 1_449_746_287_318;

#[test]
fn request_is_accepted_within_two_minutes() {
    let request = sign(&["--timestamp", &SIGNED.to_string()]);
    for (now, said) in [
        (SIGNED, None),
        (SIGNED - 120_000, None),
        (SIGNED + 120_000, None),
        (SIGNED - 120_001, Some("too early")),
        (SIGNED + 120_001, Some("too old")),
        (0, Some("too early")),
        (u64::MAX, Some("too old")),
    ] {
        let now = now.to_string();
        let verify = ["token-request", "verify", "--key", KEY, "--now", &now];
        let answer = run_with_stdin(&verify, &request);
        let Some(said) = said else {
            answer.yes();
            continue;
        };
        assert!(answer.no().starts_with("not valid: timestamp ") && answer.no().contains(said), "{answer:?}");
        let json = run_with_stdin(&[&verify[..], &["--json"]].concat(), &request).no_json();
        assert_eq!((&json["valid"], &json["code"]), (&json!(false), &json!(40104)));
    }
}

#[test]
fn timestamp_in_seconds_is_recognized() {
    for timestamp in ["1449746287", "1000000000", "1767225600"] {
        let answer = run_with_stdin(&["token-request", "verify", "--key", KEY], &signed_json(timestamp));
        assert!(answer.no().contains("is in seconds; give milliseconds"), "{answer:?}");
    }
}

/// Signs like [`sign`], but accepts warnings about the time.
fn signed_json(timestamp: &str) -> String {
    run(&["token-request", "sign", "--key", KEY, "--timestamp", timestamp]).stdout
}

#[test]
fn empty_capability_is_refused() {
    let answer = run_with_stdin(&["token-request", "verify", "--key", KEY], &sign(&["--capability", "{}"]));
    assert!(answer.no().contains("the capability permits nothing"), "{answer:?}");
}

/// Returns a token request with any values and a valid mac, signed without the code under test.
fn signed_by_hand(fields: &Value) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    for name in ["keyName", "ttl", "capability", "clientId", "timestamp", "nonce"] {
        let text = match &fields[name] {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            value => value.to_string(),
        };
        mac.update(format!("{text}\n").as_bytes());
    }
    let mut request = fields.clone();
    request["mac"] = json!(STANDARD.encode(mac.finalize().into_bytes()));
    request.to_string()
}

/// Changes to a valid token request, each with the code of the refusal, or 0 if it stays valid.
fn changes() -> Vec<(Value, u64)> {
    vec![
        (json!({}), 0),
        (json!({ "ttl": 86_400_000 }), 0),
        (json!({ "ttl": "60000" }), 0),
        (json!({ "clientId": "bob" }), 0),
        (json!({ "capability": r#"{"chat":["publish"]}"# }), 0),
        (json!({ "ttl": 0 }), 40003),
        (json!({ "ttl": -1 }), 40003),
        (json!({ "ttl": 86_400_001 }), 40003),
        (json!({ "ttl": "soon" }), 40003),
        (json!({ "ttl": 1.5 }), 40003),
        (json!({ "capability": r#"{"chat":["pubish"]}"# }), 40000),
        (json!({ "capability": r#"{"chat":[]}"# }), 40000),
        (json!({ "capability": "chat" }), 40000),
        (json!({ "capability": "{}" }), 40160),
        (json!({ "clientId": "a\nb" }), 40012),
        (json!({ "clientId": "a\u{0}" }), 40012),
        (json!({ "nonce": "short" }), 40000),
        (json!({ "nonce": "123456789012345" }), 40000),
        (json!({ "nonce": "" }), 40000),
    ]
}

/// The mac of each request is valid, so that only the values can be refused.
#[test]
fn verifying_agrees_with_the_service() {
    let apps = apps("request-agreement.json");
    let service = Service::start(&["--apps", apps.path()]);
    for (nth, (change, code)) in changes().into_iter().enumerate() {
        let now: Value = serde_json::from_str(&sign(&[])).unwrap();
        let nonce = format!("nonce-{nth:016}");
        let mut fields = json!({ "keyName": "shop.backend", "timestamp": now["timestamp"], "nonce": nonce });
        fields.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let request = signed_by_hand(&fields);
        let (status, body) = service.call("POST", "/keys/shop.backend/requestToken", &request);
        assert_eq!((status == 201, body["error"]["code"].as_u64().unwrap_or(0)), (code == 0, code), "{change}: {body}");
        let answer = run_with_stdin(&["--json", "token-request", "verify", "--key", KEY], &request);
        let verdict: Value = serde_json::from_str(&answer.stdout).unwrap();
        assert_eq!(answer.status, Some(i32::from(code != 0)), "{change}: {answer:?}");
        assert_eq!(verdict["code"].as_u64().unwrap_or(0), code, "{change}: {answer:?}");
    }
}

#[test]
fn new_request_on_pipe_is_valid() {
    for _ in 0..3 {
        run_with_stdin(&["token-request", "verify", "--key", KEY], &sign(&[])).yes();
    }
}

#[test]
fn key_is_checked_before_stdin() {
    run(&["token-request", "verify", "--key", "a.b"]).bad(&["--key: "]);
}
