//! `ably-auth demo`

use serde_json::Value;

use crate::support::run;

/// Asserts that `text` contains no long random word, such as a token, a secret or a mac. Other long words contain `:`,
/// `/` or quotes.
fn assert_nothing_random(text: &str) {
    let random = |word: &&str| word.len() >= 16 && word.bytes().any(|b| b.is_ascii_digit());
    let mut words = text.split(|c: char| !(c.is_ascii_alphanumeric() || "_-+=.".contains(c)));
    let found = words.find(|word| random(word) || word.strip_prefix("demo.").is_some_and(|rest| rest != "key1"));
    assert_eq!(found, None, "{text}");
}

#[test]
fn every_step_has_expected_result() {
    let answer = run(&["demo"]);
    let output = answer.yes();
    assert!(
        output.starts_with("The lifecycle of a credential, against a local service at http://127.0.0.1:"),
        "{output}"
    );
    assert!(output.ends_with("17 of 17 steps had the expected result"), "{output}");
    assert_eq!((output.matches('✓').count(), output.matches('✗').count()), (17, 0), "{output}");
    for code in ["40160", "40105", "40141"] {
        assert!(output.contains(code), "{output}");
    }
    assert_nothing_random(output);
}

#[test]
fn json_option_prints_json_line_for_each_step() {
    let answer = run(&["demo", "--json"]);
    let output = answer.yes();
    assert_nothing_random(output);
    let steps: Vec<Value> = output.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(steps.len(), 17);
    for (nth, step) in (1..).zip(&steps) {
        assert_eq!((step["step"].as_u64(), step["ok"].as_bool()), (Some(nth), Some(true)), "{step}");
        assert!(step["title"].is_string() && step["outcome"].is_string() && step["atMs"].is_number(), "{step}");
        assert!(step["notes"].as_array().unwrap().iter().all(Value::is_string), "{step}");
        for request in step["requests"].as_array().unwrap() {
            assert!(request["method"].is_string() && request["path"].is_string(), "{step}");
            assert!(request["status"].is_u64() && request["ms"].is_number(), "{step}");
        }
    }
    let codes: Vec<_> = steps.iter().map(codes).collect();
    let expected: [&[Option<u64>]; 17] = [
        &[],
        &[None],
        &[],
        &[None],
        &[None, None],
        &[Some(40160)],
        &[Some(40105)],
        &[None],
        &[Some(40141), None, None],
        &[Some(40141), None, None],
        &[None],
        // The realtime chapter: a token, a message, and a token after the revocation.
        &[None],
        &[None],
        &[],
        &[None],
        &[None],
        &[],
    ];
    assert_eq!(codes, expected);
}

/// Returns the error code of each request of a step.
fn codes(step: &Value) -> Vec<Option<u64>> {
    step["requests"].as_array().unwrap().iter().map(|request| request["code"].as_u64()).collect()
}

#[test]
fn argument_is_refused() {
    run(&["demo", "story"]).bad(&["unexpected argument 'story'"]);
}
