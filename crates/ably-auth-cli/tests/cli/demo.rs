//! `ably-auth demo`

use serde_json::Value;

use crate::support::run;

/// Neither a token, nor a secret, nor a mac: nothing long that is random. What is long has `:`, `/` or quotes in it.
fn has_nothing_random(text: &str) {
    let random = |word: &&str| word.len() >= 16 && word.bytes().any(|b| b.is_ascii_digit());
    let mut words = text.split(|c: char| !(c.is_ascii_alphanumeric() || "_-+=.".contains(c)));
    let found = words.find(|word| random(word) || word.strip_prefix("demo.").is_some_and(|rest| rest != "key1"));
    assert_eq!(found, None, "{text}");
}

#[test]
fn every_step_ends_as_it_should() {
    let answer = run(&["demo"]);
    let told = answer.yes();
    assert!(told.starts_with("The life of a credential, against a service of our own at http://127.0.0.1:"), "{told}");
    assert!(told.ends_with("11 of 11 steps ended as they should"), "{told}");
    assert_eq!((told.matches('✓').count(), told.matches('✗').count()), (11, 0), "{told}");
    for code in ["40160", "40105", "40141"] {
        assert!(told.contains(code), "{told}");
    }
    has_nothing_random(told);
}

#[test]
fn for_scripts_each_step_is_a_line_of_json() {
    let answer = run(&["demo", "--json"]);
    let told = answer.yes();
    has_nothing_random(told);
    let steps: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(steps.len(), 11);
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
    let expected: [&[Option<u64>]; 11] = [
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
    ];
    assert_eq!(codes, expected);
}

/// The codes of the errors that a step's requests were answered with.
fn codes(step: &Value) -> Vec<Option<u64>> {
    step["requests"].as_array().unwrap().iter().map(|request| request["code"].as_u64()).collect()
}

#[test]
fn it_takes_no_arguments() {
    run(&["demo", "story"]).bad(&["unexpected argument 'story'"]);
}
