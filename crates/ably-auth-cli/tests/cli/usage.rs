//! Behaviour of all commands: help, bad usage, and closed pipes.

use std::io::Write as _;
use std::process::Stdio;

use crate::support::{KEY, program, run, run_with_env, spawn};

#[test]
fn help_and_version_are_on_stdout() {
    let answer = run(&["--help"]);
    let help = answer.yes();
    for expected in
        ["demo", "serve", "key", "token-request", "jwt", "capability", "token", "revoke", "--json", "EXIT STATUS"]
    {
        assert!(help.contains(expected), "{help}");
    }
    assert_eq!(run(&["--version"]).yes(), format!("ably-auth {}", env!("CARGO_PKG_VERSION")));
}

#[test]
fn missing_command_prints_help_on_stderr() {
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
fn json_option_prints_bad_usage_as_json() {
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

/// Runs the program with `stdin`, and closes the pipes of its output before it can write.
fn run_with_closed_pipes(args: &[&str], stdin: &str) -> Option<i32> {
    let mut process = spawn(program(args).stdin(Stdio::piped()));
    drop((process.0.stdout.take(), process.0.stderr.take()));
    process.0.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
    process.wait_for_exit()
}

#[test]
fn closed_pipe_does_not_change_exit_status() {
    for json in [&[][..], &["--json"]] {
        let run_with_closed_pipes = |args: &[&str], stdin: &str| run_with_closed_pipes(&[json, args].concat(), stdin);
        assert_eq!(run_with_closed_pipes(&["capability", "format", "-"], "{}"), Some(0));
        assert_eq!(run_with_closed_pipes(&["capability", "intersect", "-", r#"{"a":["publish"]}"#], "{}"), Some(1));
        assert_eq!(run_with_closed_pipes(&["capability", "format", "-"], "{"), Some(2));
        let verify = ["token-request", "verify", "--key", KEY];
        assert_eq!(run_with_closed_pipes(&verify, r#"{"keyName":"shop.backend"}"#), Some(1));
        assert_eq!(run_with_closed_pipes(&verify, "{"), Some(2));
    }
}

#[test]
fn closed_pipe_does_not_cause_panic() {
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
        assert_eq!(process.wait_for_exit(), Some(status), "{args:?}");
    }
}

#[test]
fn output_without_terminal_has_no_escape_codes() {
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
