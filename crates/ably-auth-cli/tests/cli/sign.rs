//! `ably-auth token-request sign`

use serde_json::{Value, json};

use crate::support::{KEY, SECRET, run, run_with_key_in_env, run_with_stdin};
use crate::verify::vectors;

/// Returns the arguments that sign a token request with the params of a vector.
fn args_for(key: &str, params: &Value, capability: Option<&str>) -> Vec<String> {
    let mut args: Vec<String> = ["token-request", "sign", "--key", key].map(Into::into).into();
    let mut add = |name: &str, value: String| args.extend([name.into(), value]);
    add("--timestamp", params["timestamp"].to_string());
    add("--nonce", params["nonce"].as_str().unwrap().into());
    params["ttl"].as_u64().inspect(|ttl| add("--ttl", format!("{ttl}ms")));
    params["clientId"].as_str().inspect(|client_id| add("--client-id", (*client_id).into()));
    capability.inspect(|capability| add("--capability", (*capability).into()));
    args
}

#[test]
fn mac_equals_that_of_other_implementations() {
    let mut same = 0;
    for (key, params, mut expected) in vectors() {
        expected.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        let args = args_for(&key, &params, expected["capability"].as_str());
        let mut signed = run(&args.iter().map(String::as_str).collect::<Vec<_>>()).yes_json();
        if signed["capability"] == expected["capability"] {
            assert_eq!(signed, expected);
            same += 1;
        } else {
            // The capability has another text with the same meaning, so the mac differs.
            assert_ne!(signed["mac"], expected["mac"]);
            for field in ["capability", "mac"] {
                signed[field] = expected[field].clone();
            }
            assert_eq!(signed, expected);
        }
    }
    assert!(same >= 30, "{same} vectors have canonical capabilities");
}

#[test]
fn fields_are_in_wire_order_without_defaults() {
    let answer = run(&["token-request", "sign", "--key", KEY, "--timestamp", "1", "--nonce", "0123456789abcdef"]);
    let start = r#"{"keyName":"shop.backend","timestamp":1,"nonce":"0123456789abcdef","mac":""#;
    assert!(answer.yes().starts_with(start), "{answer:?}");
    assert_eq!(answer.yes_json().as_object().unwrap().len(), 4);
    answer.assert_hides(SECRET);
}

#[test]
fn capability_is_signed_as_canonical_text() {
    let capability = r#" { "b" : [ "subscribe", "publish" ], "a" : [ "*" ] } "#;
    let answer = run(&["token-request", "sign", "--key", KEY, "--capability", capability]);
    assert_eq!(answer.yes_json()["capability"], r#"{"a":["*"],"b":["publish","subscribe"]}"#);
}

#[test]
fn time_and_nonce_are_new_each_time() {
    let [one, other] = [(); 2].map(|()| run(&["token-request", "sign", "--key", KEY]).yes_json());
    assert!(one["nonce"].as_str().unwrap().len() >= 16);
    assert_ne!(one["nonce"], other["nonce"]);
    assert_ne!(one["mac"], other["mac"]);
    assert!(one["timestamp"].as_u64() > Some(1_700_000_000_000), "{one}");
}

#[test]
fn signed_request_verifies() {
    for params in [
        &[][..],
        &["--client-id", "bob"],
        &["--client-id", "*", "--ttl", "1ms"],
        &[
            "--client-id",
            "üser \"🚀\"",
            "--ttl",
            "86400000",
            "--capability",
            r#"{"café:*":["history"],"[meta]log":["subscribe"]}"#,
        ],
    ] {
        let request = run(&[&["token-request", "sign", "--key", KEY], params].concat());
        let verified = run_with_stdin(&["--json", "token-request", "verify", "--key", KEY], request.yes()).yes_json();
        let client_id = params.get(1).map_or(Value::Null, |client_id| json!(client_id));
        assert_eq!(verified, json!({ "valid": true, "keyName": "shop.backend", "clientId": client_id }));
    }
}

#[test]
fn key_in_environment_and_json_option_sign_the_same() {
    let args = ["token-request", "sign", "--timestamp", "1", "--nonce", "0123456789abcdef", "--json"];
    let with_env = run_with_key_in_env(&args, KEY);
    let with_flag = run(&[&args[..6], &["--key", KEY]].concat());
    assert_eq!(with_env.yes(), with_flag.yes());
}

#[test]
fn bad_values_are_named() {
    for (option, value, said) in [
        ("--client-id", "", "--client-id: clientId is empty"),
        ("--client-id", "a\nb", "--client-id: "),
        ("--ttl", "0", "--ttl: ttl is not between 1 ms and 24 h"),
        ("--ttl", "86400001", "--ttl: ttl is not between 1 ms and 24 h"),
        ("--ttl", "1w", "invalid value '1w' for '--ttl <TIME>'"),
        ("--ttl", "1.5", "invalid value '1.5' for '--ttl <TIME>'"),
        ("--timestamp", "now", "invalid value 'now' for '--timestamp <MS>'"),
        ("--nonce", "0123456789abcde", "--nonce: "),
        ("--nonce", "0123456789abcde\n", "--nonce: "),
        ("--capability", "", "--capability: "),
        ("--capability", "chat", "--capability: capability does not begin with `{` (byte 0)"),
        ("--capability", r#"{"chat":["shout"]}"#, "--capability: unknown operation `shout`"),
        ("--capability", r#"{"chat":[]}"#, "--capability: "),
    ] {
        let answer = run(&["token-request", "sign", "--key", KEY, option, value]);
        answer.bad(&[said]);
        answer.assert_hides(SECRET);
    }
    let message = run(&["--json", "token-request", "sign", "--key", KEY, "--ttl", "0"]).bad_json();
    assert!(message.starts_with("--ttl: ttl is not between"), "{message}");
    run(&["token-request", "sign", "--key", KEY, "--ttl", "-1"]).bad(&["-1"]);
}

#[test]
fn capability_is_read_from_stdin() {
    let args = ["token-request", "sign", "--key", KEY, "--capability", "-"];
    let signed = run_with_stdin(&args, "{\"a\":[\"publish\"]}\n").yes_json();
    assert_eq!(signed["capability"], r#"{"a":["publish"]}"#);
    run_with_stdin(&args, "{").bad(&["stdin: "]);
}
