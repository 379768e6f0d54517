//! What holds for all commands: help, bad usage, and readers that go away.

use std::io::Write as _;
use std::process::Stdio;

use crate::support::{KEY, program, run, run_with_env, spawn};

#[test]
fn help_and_version_are_on_stdout() {
    let answer = run(&["--help"]);
    let help = answer.yes();
    for told in
        ["demo", "serve", "key", "token-request", "jwt", "capability", "token", "revoke", "--json", "EXIT STATUS"]
    {
        assert!(help.contains(told), "{help}");
    }
    assert_eq!(run(&["--version"]).yes(), format!("ably-auth {}", env!("CARGO_PKG_VERSION")));
}

#[test]
fn without_a_command_there_is_help_on_stderr() {
    for (args, command) in [
        (&[][..], "demo"),
        (&["key"], "inspect"),
        (&["token-request"], "verify"),
        (&["capability"], "intersect"),
        (&["token"], "request"),
        (&["jwt"], "mint"),
        (&["app"], "create"),
    ] {
        let answer = run(args);
        assert_eq!((answer.status, answer.stdout.as_str()), (Some(2), ""), "{answer:?}");
        assert!(answer.stderr.contains(command), "{answer:?}");
    }
}

#[test]
fn bad_usage_is_named() {
    run(&["keys"]).bad(&["unrecognized subcommand 'keys'"]);
    run(&["key", "inspect", "--bogus"]).bad(&["unexpected argument '--bogus'"]);
    run(&["capability", "check", "{}"]).bad(&["<RESOURCE>", "<OPERATION>"]);
    run(&["capability", "intersect", "{}"]).bad(&["<B>"]);
    run(&["token-request", "sign", "--ttl"]).bad(&["a value is required", "--ttl"]);
}

#[test]
fn for_scripts_bad_usage_is_json_too() {
    for (args, said) in [
        (&["--json"][..], "requires a subcommand"),
        (&["--json", "key"], "a command is missing"),
        (&["keys", "--json"], "unrecognized subcommand 'keys'"),
        (&["key", "inspect", "--json", "--bogus"], "unexpected argument '--bogus' found"),
        (&["capability", "check", "{}", "--json"], "<OPERATION>"),
        (&["token-request", "sign", "--json", "--ttl", "long"], "invalid value 'long' for '--ttl <TIME>'"),
    ] {
        let answer = run(args);
        assert_eq!(answer.status, Some(2), "{answer:?}");
        let json: serde_json::Value = serde_json::from_str(&answer.stdout).unwrap();
        let message = json["error"]["message"].as_str().unwrap();
        assert!(message.contains(said), "{message}");
        assert!(!message.contains("Usage:") && !message.starts_with("error"), "{message}");
        assert!(!answer.stderr.is_empty());
    }
}

/// Gives the text to a program whose readers have gone before it can have answered.
fn unheard(args: &[&str], stdin: &str) -> Option<i32> {
    let mut process = spawn(program(args).stdin(Stdio::piped()));
    drop((process.0.stdout.take(), process.0.stderr.take()));
    process.0.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
    process.ended()
}

#[test]
fn a_closed_pipe_changes_no_exit_status() {
    for json in [&[][..], &["--json"]] {
        let unheard = |args: &[&str], stdin: &str| unheard(&[json, args].concat(), stdin);
        assert_eq!(unheard(&["capability", "format", "-"], "{}"), Some(0));
        assert_eq!(unheard(&["capability", "intersect", "-", r#"{"a":["publish"]}"#], "{}"), Some(1));
        assert_eq!(unheard(&["capability", "format", "-"], "{"), Some(2));
        let verify = ["token-request", "verify", "--key", KEY];
        assert_eq!(unheard(&verify, r#"{"keyName":"shop.backend"}"#), Some(1));
        assert_eq!(unheard(&verify, "{"), Some(2));
    }
}

#[test]
fn a_closed_pipe_makes_nothing_panic_that_answers_at_once() {
    for (args, status) in [
        (&["--help"][..], 0),
        (&["key", "inspect", "--key", KEY], 0),
        (&["key", "inspect", "--key", "a.b"], 2),
        (&["key", "inspect", KEY], 2),
        (&["key", "inspect", "--bogus"], 2),
        (&["serve"], 2),
        (&["completions", "bash"], 0),
        (&["man"], 0),
        (&["key", "generate", "shop"], 0),
        (&["jwt", "mint", "--key", KEY], 0),
        (&["demo"], 0),
        (&["demo", "--json"], 0),
    ] {
        let mut process = spawn(&mut program(args));
        drop((process.0.stdout.take(), process.0.stderr.take()));
        assert_eq!(process.ended(), Some(status), "{args:?}");
    }
}

#[test]
fn what_no_terminal_reads_has_no_escape_codes() {
    let wide = r#"{"a:*":["*"]}"#;
    for args in [
        &["--help"][..],
        &["keys"],
        &["jwt", "mint", "--key", KEY],
        &["key", "generate", "shop"],
        &["capability", "table", wide, "--key-capability", wide],
        &["capability", "cover", wide, wide],
        &["capability", "explain", wide, "--resource", "b", "--operation", "publish"],
        &["completions", "fish"],
        &["man"],
    ] {
        let answer = run_with_env(args, "TERM", "xterm-256color");
        assert!(!answer.stdout.contains('\x1b') && !answer.stderr.contains('\x1b'), "{answer:?}");
    }
}
