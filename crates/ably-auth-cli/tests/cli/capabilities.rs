//! `ably-auth capability`

use serde_json::json;

use crate::support::{run, run_with_stdin};

#[test]
fn format_prints_canonical_text() {
    let text = r#" { "status" : ["subscribe"] , "chat:*":["subscribe","publish"], "café":["*"] } "#;
    let canonical = r#"{"café":["*"],"chat:*":["publish","subscribe"],"status":["subscribe"]}"#;
    assert_eq!(run(&["capability", "format", text]).yes(), canonical);
    assert_eq!(run(&["--json", "capability", "format", text]).yes(), canonical);
    assert_eq!(run_with_stdin(&["capability", "format", "-"], &format!("\n{text}\n")).yes(), canonical);
    assert_eq!(run(&["capability", "format", canonical]).yes(), canonical);
    assert_eq!(run(&["capability", "format", "{}"]).yes(), "{}");
}

/// Invalid capabilities, each with the expected error.
const BAD: [(&str, &str); 9] = [
    (r#"{"a":["publish"],"a":["subscribe"]}"#, "repeated resource `a` (byte 18)"),
    (r#"{"a":["publish","shout"]}"#, "unknown operation `shout` in resource `a` (byte 17)"),
    (r#"{"a":["*","publish"]}"#, "`*`"),
    (r#"{"a":[]}"#, "(byte "),
    (r#"{"a":["publish"],}"#, "(byte 17)"),
    (r#"{"a":["publish"]} x"#, "(byte 18)"),
    (r#"{"a":"publish"}"#, "(byte 5)"),
    ("chat", "(byte 0)"),
    ("", "it is empty"),
];

#[test]
fn invalid_capability_is_named_with_its_place() {
    for (text, problem) in BAD {
        run(&["capability", "format", text]).bad(&["capability: ", problem]);
        run_with_stdin(&["capability", "format", "-"], text).bad(&["stdin: ", problem]);
        run(&["capability", "intersect", text, "{}"]).bad(&["capability A: ", problem]);
        run(&["capability", "intersect", "{}", text]).bad(&["capability B: ", problem]);
        let check = ["capability", "check", text, "--resource", "a", "--operation", "publish"];
        run(&check).bad(&["capability: ", problem]);
        let message = run(&["--json", "capability", "format", text]).bad_json();
        assert!(message.starts_with("capability: ") && message.contains(problem), "{message}");
    }
}

#[test]
fn intersect_prints_what_both_permit() {
    for (a, b, common) in [
        (r#"{"a:*":["*"]}"#, r#"{"a:b":["publish"]}"#, r#"{"a:b":["publish"]}"#),
        (
            r#"{"chat":["publish","subscribe","presence"],"status":["subscribe","history"],"alerts":["subscribe"]}"#,
            r#"{"chat":["subscribe"],"status":["*"],"secret":["publish","subscribe"]}"#,
            r#"{"chat":["subscribe"],"status":["history","subscribe"]}"#,
        ),
        (
            r#"{"a:*":["publish"]}"#,
            r#"{"*:b":["publish"],"a:*:c":["publish"]}"#,
            r#"{"a:*:c":["publish"],"a:b":["publish"]}"#,
        ),
        (r#"{"[*]*":["*"]}"#, r#"{"*":["*"]}"#, r#"{"*":["*"]}"#),
    ] {
        assert_eq!(run(&["capability", "intersect", a, b]).yes(), common);
        assert_eq!(run(&["capability", "intersect", b, a]).yes(), common);
        assert_eq!(run(&["capability", "intersect", "--json", a, b]).yes(), common);
    }
}

#[test]
fn either_capability_may_be_on_stdin() {
    let (a, b) = (r#"{"a:*":["*"]}"#, r#"{"a:b":["publish"]}"#);
    assert_eq!(run_with_stdin(&["capability", "intersect", "-", b], a).yes(), b);
    assert_eq!(run_with_stdin(&["capability", "intersect", a, "-"], b).yes(), b);
}

#[test]
fn empty_intersection_is_a_negative_answer() {
    for (a, b) in [
        (r#"{"chat":["*"]}"#, r#"{"status":["*"]}"#),
        (r#"{"chat":["publish"]}"#, r#"{"chat":["subscribe"]}"#),
        (r#"{"*":["*"]}"#, r#"{"[meta]log":["*"]}"#),
        ("{}", r#"{"*":["*"]}"#),
    ] {
        for json in [&[][..], &["--json"]] {
            let answer = run(&[json, &["capability", "intersect", a, b]].concat());
            assert_eq!(answer.no(), "{}");
            assert!(answer.stderr.contains("40160"), "{answer:?}");
        }
    }
}

fn check(capability: &str, resource: &str, operation: &str) -> crate::support::Answer {
    run(&["capability", "check", capability, "--resource", resource, "--operation", operation])
}

#[test]
fn check_says_yes_or_no() {
    let capability = r#"{"chat:*":["publish","subscribe"],"[meta]log":["*"]}"#;
    for (resource, operation, permitted) in [
        ("chat:a", "publish", true),
        ("chat:a:b", "subscribe", true),
        ("[meta]log", "history", true),
        ("chat:a", "history", false),
        ("chat", "publish", false),
        ("other", "publish", false),
        ("[queue]log", "history", false),
    ] {
        let answer = check(capability, resource, operation);
        let asked = format!("`{operation}` on `{resource}`");
        if permitted {
            assert_eq!(answer.yes(), format!("yes: {asked} is permitted"));
        } else {
            assert_eq!(answer.no(), format!("no: {asked} is not permitted"));
            assert_eq!(answer.stderr, "");
        }
        let args = ["--json", "capability", "check", "-", "--resource", resource, "--operation", operation];
        let answer = run_with_stdin(&args, capability);
        let json = if permitted { answer.yes_json() } else { answer.no_json() };
        assert_eq!(json, json!({ "permitted": permitted, "resource": resource, "operation": operation }));
    }
}

#[test]
fn invalid_resource_or_operation_is_bad_input() {
    for operation in ["shout", "Publish", "", "publish,subscribe"] {
        let answer = check("{}", "a", operation);
        answer.bad(&[&format!("--operation: unknown operation `{operation}`"), "use one of", "publish", "subscribe"]);
    }
    check("{}", "", "publish").bad(&["--resource: ", "empty"]);
    check("{}", "[other]a", "publish").bad(&["--resource: ", "[other]a"]);
    let args = ["--json", "capability", "check", "{}", "--resource", "a", "--operation", "shout"];
    let message = run(&args).bad_json();
    assert!(message.starts_with("--operation: unknown operation `shout`"), "{message}");
}

#[test]
fn resource_and_operation_may_be_arguments() {
    let capability = r#"{"chat:*":["publish"]}"#;
    for command in ["check", "explain"] {
        let answer = run(&["capability", command, capability, "chat:a", "publish"]);
        assert_eq!(answer.status, Some(0), "{answer:?}");
        assert_eq!(run(&["capability", command, capability, "chat:a", "history"]).status, Some(1));
        let same = run(&["capability", command, capability, "--resource", "chat:a", "--operation", "publish"]);
        assert_eq!(answer.stdout, same.stdout);
        run(&["capability", command, capability, "chat:a", "shout"]).bad(&["the operation: unknown operation `shout`"]);
        run(&["capability", command, capability, "[x]a", "publish"]).bad(&["the resource: "]);
        run(&["capability", command, capability, "chat:a"]).bad(&["<OPERATION>"]);
        run(&["capability", command, capability, "a", "publish", "--resource", "a"]).bad(&["cannot be used with"]);
    }
}
