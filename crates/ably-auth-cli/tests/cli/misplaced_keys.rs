//! Keys in the wrong place of a command line: error messages redact them, although they quote other invalid arguments.

use crate::support::{KEY, SECRET, run, run_with_key_in_env, run_with_stdin};

/// Asserts that the arguments are refused, and that no output contains the secret.
#[track_caller]
fn refused(args: &[&str], said: &str) {
    for json in [&[][..], &["--json"]] {
        let answer = run(&[json, args].concat());
        assert_eq!(answer.status, Some(2), "{args:?}: {answer:?}");
        assert!(answer.stderr.contains(said), "{args:?}: {answer:?}");
        answer.assert_hides(SECRET);
    }
}

#[test]
fn key_after_misspelt_option_is_redacted() {
    for args in [
        &["key", "inspect", "--kye", KEY][..],
        &["key", "inspect", &format!("--kye={KEY}")],
        &["token-request", "sign", "--api-key", KEY],
        &["token-request", "verify", "--kye", KEY],
        &["token", "request", &format!("--apikey={KEY}")],
        &["--kye", KEY, "key", "inspect"],
        &["key", "inspect", "-k", KEY],
        &["key", "inspect", &format!("-k{KEY}")],
    ] {
        refused(args, "unexpected argument");
    }
    refused(&["key", "inspect", &format!("--{KEY}")], "unexpected argument '--shop.backend:[redacted]'");
}

#[test]
fn key_before_command_is_redacted() {
    refused(&["--key", KEY, "key", "inspect"], "unexpected argument '--key'");
}

#[test]
fn key_without_option_is_redacted() {
    refused(&["key", "inspect", KEY], "unexpected argument 'shop.backend:[redacted]'");
    refused(&["token-request", "sign", KEY], "unexpected argument 'shop.backend:[redacted]'");
    refused(&["token", "request", KEY], "unexpected argument 'shop.backend:[redacted]'");
    refused(&["capability", "format", "{}", KEY], "unexpected argument 'shop.backend:[redacted]'");
}

#[test]
fn key_instead_of_command_is_redacted() {
    refused(&[KEY], "unrecognized subcommand 'shop.backend:[redacted]'");
    refused(&["key", KEY], "unrecognized subcommand 'shop.backend:[redacted]'");
    refused(&["help", "key", KEY], "unrecognized subcommand 'shop.backend:[redacted]'");
}

#[test]
fn key_as_value_of_other_option_is_redacted() {
    refused(&["key", "inspect", &format!("--json={KEY}")], "'shop.backend:[redacted]' for '--json'");
    refused(&["token-request", "sign", "--ttl", KEY], "'shop.backend:[redacted]' for '--ttl");
    refused(&["token-request", "sign", "--timestamp", KEY], "'shop.backend:[redacted]' for '--timestamp");
    refused(&["serve", "--listen", KEY], "'shop.backend:[redacted]' for '--listen");
    refused(&["serve", "--apps", KEY], "--apps shop.backend:[redacted]: ");
    refused(&["token-request", "sign", "--key", KEY, "--capability", KEY], "--capability: ");
    refused(&["token", "request", "--key", KEY, "--endpoint", &format!("ftp://{KEY}@host")], "--endpoint: ");
    refused(&["capability", "format", KEY], "capability: ");
    refused(&["capability", "check", "{}", "--resource", "a", "--operation", KEY], "--operation: ");
}

#[test]
fn malformed_key_is_redacted() {
    for key in
        ["shop.backend:hush hush", " shop.backend:hush", "sh op.backend:hush", "shop.backend:hush:hush", "shop.:hush"]
    {
        for args in [&["key", "inspect", key][..], &[key], &["token-request", "sign", "--ttl", key]] {
            let answer = run(args);
            answer.bad(&[":[redacted]"]);
            answer.assert_hides("hush");
        }
    }
}

#[test]
fn repeated_key_is_redacted() {
    refused(&["key", "inspect", "--key", KEY, "--key", KEY], "cannot be used multiple times");
}

#[test]
fn key_next_to_other_mistake_is_redacted() {
    refused(&["key", "inspect", "--key", KEY, "--bogus"], "unexpected argument '--bogus'");
    refused(&["token-request", "sign", "--key", KEY, "--ttl", "long"], "invalid value 'long' for '--ttl");
    refused(&["token-request", "sign", "--key", KEY, "--nonce", "short"], "--nonce: ");
}

#[test]
fn key_on_stdin_is_redacted() {
    for args in [&["token-request", "verify", "--key", "a.b:c"][..], &["capability", "format", "-"]] {
        for text in [KEY.to_owned(), format!("\"{KEY}\""), format!("{{\"keyName\":\"a.b\",\"ttl\":[\"{KEY}\"]}}")] {
            let answer = run_with_stdin(args, &text);
            answer.bad(&["stdin: "]);
            answer.assert_hides(SECRET);
        }
    }
    let request = format!(r#"{{"keyName":"{KEY}","timestamp":1,"nonce":"0123456789abcdef","mac":"{KEY}"}}"#);
    for json in [&[][..], &["--json"]] {
        let answer = run_with_stdin(&[json, &["token-request", "verify", "--key", KEY]].concat(), &request);
        answer.no();
        answer.assert_hides(SECRET);
    }
}

#[test]
fn help_does_not_show_the_environment() {
    for args in [
        &["--help"][..],
        &["help"],
        &["key", "--help"],
        &["key", "inspect", "--help"],
        &["key", "inspect", "-h"],
        &["help", "key", "inspect"],
        &["token-request", "sign", "--help"],
        &["token-request", "verify", "--help"],
        &["token", "request", "--help"],
    ] {
        let answer = run_with_key_in_env(args, KEY);
        assert!(answer.yes().contains("Usage: ably-auth"), "{answer:?}");
        answer.assert_hides(SECRET);
        answer.assert_hides("shop.backend");
    }
    for args in [&[][..], &["key"], &["key", "inspect", "--bogus"], &["capability", "check"]] {
        let answer = run_with_key_in_env(args, KEY);
        assert_eq!(answer.status, Some(2), "{answer:?}");
        answer.assert_hides("shop.backend");
    }
}

#[test]
fn text_similar_to_key_is_quoted() {
    run(&["serve", "--listen", "127.0.0.1:99999"]).bad(&["'127.0.0.1:99999'"]);
    run(&["serve", "--listen", "localhost:http"]).bad(&["'localhost:http'"]);
    run(&["capability", "format", r#"{"com.example:chat":["shout"]}"#]).bad(&["com.example:chat"]);
}

#[test]
fn secret_as_file_name_is_redacted() {
    let token = format!("shop.{SECRET}");
    for args in [
        ["token", "inspect", "--token-file", &token],
        ["jwt", "inspect", "--token-file", &token],
        ["jwt", "mint", "--key-file", KEY],
        ["revoke", "clientId:bob", "--key-file", KEY],
    ] {
        for json in [&[][..], &["--json"]] {
            let answer = run(&[json, &args].concat());
            assert_eq!(answer.status, Some(2), "{answer:?}");
            assert!(answer.stderr.contains("[redacted]"), "{answer:?}");
            answer.assert_hides(SECRET);
        }
    }
}

#[test]
fn tip_says_where_to_give_credential() {
    let token = "shop.AbCdEfGhIjKlMnOpQrStUvWxYz";
    for args in [&["token", "request", token][..], &["key", "inspect", KEY]] {
        run(args).bad(&["tip: ", "--token-file", "ABLY_TOKEN", "--key-file", "ABLY_API_KEY"]);
    }
    let message = run(&["--json", "token", "request", token]);
    assert!(message.stdout.contains("--token-file") && !message.stdout.contains(token), "{message:?}");
    let other = run(&["token", "inspect", "--nonsense"]);
    assert!(!other.stderr.contains("ABLY_TOKEN"), "{other:?}");
}

#[test]
fn numbers_and_addresses_are_refused_with_an_example() {
    run(&["jwt", "mint", "--ttl", "30x"]).bad(&["give a duration such as `1h`", "without a unit is in milliseconds"]);
    run(&["jwt", "mint", "--timestamp", "now"]).bad(&["whole milliseconds since the epoch", "1767225600000"]);
    run(&["serve", "--sandbox", "--listen", "8484"]).bad(&["127.0.0.1:8484"]);
}
