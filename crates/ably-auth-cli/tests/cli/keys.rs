//! `ably-auth key inspect` and `key generate`, and the inputs for keys.

use serde_json::json;

use crate::support::{KEY, LIMITED_KEY, SECRET, run, run_with_key_in_env};

#[test]
fn public_parts_are_shown() {
    let answer = run(&["key", "inspect", "--key", KEY]);
    let shown = answer.yes();
    for part in ["shop.backend", "app id    shop", "key id    backend", "43 characters, not shown"] {
        assert!(shown.contains(part), "{shown}");
    }
    answer.assert_hides(SECRET);
}

#[test]
fn json_option_prints_public_parts() {
    let expected = json!({ "keyName": "shop.backend", "appId": "shop", "keyId": "backend" });
    for args in [["key", "inspect", "--json", "--key", KEY], ["--json", "key", "inspect", "--key", KEY]] {
        let answer = run(&args);
        assert_eq!(answer.yes_json(), expected);
        answer.assert_hides(SECRET);
    }
}

#[test]
fn key_is_read_from_environment() {
    let answer = run_with_key_in_env(&["key", "inspect", "--json"], KEY);
    assert_eq!(answer.yes_json()["keyId"], "backend");
    answer.assert_hides(SECRET);
}

#[test]
fn option_overrides_environment() {
    let answer = run_with_key_in_env(&["key", "inspect", "--json", "--key", LIMITED_KEY], KEY);
    assert_eq!(answer.yes_json()["keyId"], "limited");
    let answer = run_with_key_in_env(&["key", "inspect", "--json", "--key", LIMITED_KEY], "no key at all");
    assert_eq!(answer.yes_json()["keyId"], "limited");
    run_with_key_in_env(&["key", "inspect", "--key", "a.b"], KEY).bad(&["--key: key has no `:`"]);
}

#[test]
fn missing_key_error_names_option_and_variable() {
    for command in
        [&["key", "inspect"][..], &["token-request", "sign"], &["token-request", "verify"], &["token", "request"]]
    {
        run(command).bad(&["no key is given", "ABLY_API_KEY", "--key"]);
    }
    let message = run(&["--json", "key", "inspect"]).bad_json();
    assert!(message.starts_with("no key is given"), "{message}");
}

/// Invalid keys, each with the expected error.
const BAD: [(&str, &str); 8] = [
    ("shop.backend:hush hush", "key secret has white space (byte 17)"),
    ("sh op.backend:hush-hush", "key name has white space (byte 2)"),
    ("shop.backend:", "key has an empty secret (byte 13)"),
    (".backend:hush-hush", "key name has an empty app id (byte 0)"),
    ("shop.:hush-hush", "key name has an empty key id (byte 5)"),
    ("shop.backend:hush:hush", "key has a second `:` (byte 17)"),
    ("shop.backend-hush-hush", "key has no `:` (byte 22)"),
    ("backend:hush-hush", "key name has no `.` (byte 7)"),
];

#[test]
fn invalid_key_is_named_and_not_shown() {
    for (key, problem) in BAD {
        for command in
            [&["key", "inspect"][..], &["token-request", "sign"], &["token-request", "verify"], &["token", "request"]]
        {
            let with_flag = run(&[command, &["--key", key]].concat());
            with_flag.bad(&[&format!("--key: {problem}"), "a key"]);
            let with_env = run_with_key_in_env(command, key);
            with_env.bad(&[&format!("ABLY_API_KEY: {problem}"), "a key"]);
            for answer in [with_flag, with_env] {
                answer.assert_hides("hush");
            }
        }
    }
}

#[test]
fn json_option_prints_error_as_json() {
    for (key, problem) in BAD {
        let answer = run(&["key", "inspect", "--json", "--key", key]);
        let message = answer.bad_json();
        assert!(message.starts_with(&format!("--key: {problem}")), "{message}");
        answer.assert_hides("hush");
    }
}

#[cfg(unix)]
#[test]
fn key_that_is_not_utf8_is_refused() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    use crate::support::{program, spawn};

    let key = OsStr::from_bytes(b"shop.backend:\xff");
    assert_eq!(spawn(program(&["key", "inspect"]).env("ABLY_API_KEY", key)).wait_for_exit(), Some(2));
    assert_eq!(spawn(program(&["key", "inspect", "--key"]).arg(key)).wait_for_exit(), Some(2));
}

#[test]
fn generated_key_is_complete_and_new() {
    let answer = run(&["key", "generate", "shop"]);
    let key = answer.yes();
    let (name, secret) = key.split_once(':').unwrap();
    let (app_id, key_id) = name.split_once('.').unwrap();
    assert_eq!((app_id, key_id.len(), secret.len()), ("shop", 6, 43), "256 bits are 43 characters of base64");
    assert_ne!(run(&["key", "generate", "shop"]).yes(), key);
    assert_eq!(run(&["key", "inspect", "--json", "--key", key]).yes_json()["keyName"], name);

    let json = run(&["key", "generate", "shop", "--key-id", "backend", "--json"]).yes_json();
    let secret = json["key"].as_str().unwrap().strip_prefix("shop.backend:").unwrap();
    let expected = json!({ "key": format!("shop.backend:{secret}"), "keyName": "shop.backend", "appId": "shop", "keyId": "backend" });
    assert_eq!(json, expected);
}

#[test]
fn invalid_key_name_generates_no_key() {
    for (app_id, key_id) in [("", "k"), ("a b", "k"), ("a.b", "k"), ("a:b", "k"), ("a", ""), ("a", "k:k")] {
        run(&["key", "generate", app_id, "--key-id", key_id]).bad(&["the "]);
    }
}

#[test]
fn unreadable_file_is_named_with_advice() {
    run(&["key", "inspect", "--key-file", "no-such.key"])
        .bad(&["--key-file no-such.key: it does not exist; check the path"]);
    run(&["key", "inspect", "--key-file", "."]).bad(&["--key-file .: it is a folder; give a file"]);
}
