//! Keys on a command line that has no place for them there: messages quote what is wrong, but not these.

use crate::support::{KEY, SECRET, run, run_with_key_in_env, run_with_stdin};

/// Refused, and the secret is on neither stream.
#[track_caller]
fn refused(args: &[&str], said: &str) {
    for json in [&[][..], &["--json"]] {
        let answer = run(&[json, args].concat());
        assert_eq!(answer.status, Some(2), "{args:?}: {answer:?}");
        assert!(answer.stderr.contains(said), "{args:?}: {answer:?}");
        answer.is_silent_about(SECRET);
    }
}

#[test]
fn as_the_value_of_a_misspelt_option() {
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
fn before_the_command() {
    refused(&["--key", KEY, "key", "inspect"], "unexpected argument '--key'");
}

#[test]
fn without_an_option() {
    refused(&["key", "inspect", KEY], "unexpected argument 'shop.backend:[redacted]'");
    refused(&["token-request", "sign", KEY], "unexpected argument 'shop.backend:[redacted]'");
    refused(&["token", "request", KEY], "unexpected argument 'shop.backend:[redacted]'");
    refused(&["capability", "format", "{}", KEY], "unexpected argument 'shop.backend:[redacted]'");
}

#[test]
fn in_place_of_a_command() {
    refused(&[KEY], "unrecognized subcommand 'shop.backend:[redacted]'");
    refused(&["key", KEY], "unrecognized subcommand 'shop.backend:[redacted]'");
    refused(&["help", "key", KEY], "unrecognized subcommand 'shop.backend:[redacted]'");
}

#[test]
fn as_the_value_of_another_option() {
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
fn that_are_not_well_formed_either() {
    for key in
        ["shop.backend:hush hush", " shop.backend:hush", "sh op.backend:hush", "shop.backend:hush:hush", "shop.:hush"]
    {
        for args in [&["key", "inspect", key][..], &[key], &["token-request", "sign", "--ttl", key]] {
            let answer = run(args);
            answer.bad(&[":[redacted]"]);
            answer.is_silent_about("hush");
        }
    }
}

#[test]
fn given_twice() {
    refused(&["key", "inspect", "--key", KEY, "--key", KEY], "cannot be used multiple times");
}

#[test]
fn beside_another_mistake() {
    refused(&["key", "inspect", "--key", KEY, "--bogus"], "unexpected argument '--bogus'");
    refused(&["token-request", "sign", "--key", KEY, "--ttl", "long"], "invalid value 'long' for '--ttl");
    refused(&["token-request", "sign", "--key", KEY, "--nonce", "short"], "--nonce: ");
}

#[test]
fn on_stdin() {
    for args in [&["token-request", "verify", "--key", "a.b:c"][..], &["capability", "format", "-"]] {
        for text in [KEY.to_owned(), format!("\"{KEY}\""), format!("{{\"keyName\":\"a.b\",\"ttl\":[\"{KEY}\"]}}")] {
            let answer = run_with_stdin(args, &text);
            answer.bad(&["stdin: "]);
            answer.is_silent_about(SECRET);
        }
    }
    let request = format!(r#"{{"keyName":"{KEY}","timestamp":1,"nonce":"0123456789abcdef","mac":"{KEY}"}}"#);
    for json in [&[][..], &["--json"]] {
        let answer = run_with_stdin(&[json, &["token-request", "verify", "--key", KEY]].concat(), &request);
        answer.no();
        answer.is_silent_about(SECRET);
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
        answer.is_silent_about(SECRET);
        answer.is_silent_about("shop.backend");
    }
    for args in [&[][..], &["key"], &["key", "inspect", "--bogus"], &["capability", "check"]] {
        let answer = run_with_key_in_env(args, KEY);
        assert_eq!(answer.status, Some(2), "{answer:?}");
        answer.is_silent_about("shop.backend");
    }
}

#[test]
fn what_only_resembles_a_key_is_quoted_as_it_is() {
    run(&["serve", "--listen", "127.0.0.1:99999"]).bad(&["'127.0.0.1:99999'"]);
    run(&["serve", "--listen", "localhost:http"]).bad(&["'localhost:http'"]);
    run(&["capability", "format", r#"{"com.example:chat":["shout"]}"#]).bad(&["com.example:chat"]);
}

#[test]
fn a_secret_given_for_the_name_of_its_file_is_not_repeated() {
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
            answer.is_silent_about(SECRET);
        }
    }
}

#[test]
fn where_credentials_go_instead_is_told() {
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
