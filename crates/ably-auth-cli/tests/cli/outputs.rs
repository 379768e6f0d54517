//! Printed output: write errors, and untrusted text that could control a terminal.

use std::net::TcpListener;
use std::thread;

use crate::support::{Answer, File, KEY, SECRET, answer_json, run, run_with_env, run_with_stdin};

#[cfg(target_os = "linux")]
mod full {
    use std::fs::OpenOptions;
    use std::io::{Read as _, Write as _};
    use std::process::Stdio;

    use crate::support::{KEY, program, spawn};

    /// Runs the program with a full disk as stdout. Returns its exit status and stderr.
    fn run(args: &[&str], stdin: &str) -> (Option<i32>, String) {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut process = spawn(program(args).stdin(Stdio::piped()).stdout(full));
        let mut pipe = process.0.stdin.take().unwrap();
        let _ = pipe.write_all(stdin.as_bytes());
        drop(pipe);
        let mut stderr = String::new();
        process.0.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        (process.wait_for_exit(), stderr)
    }

    #[test]
    fn output_on_full_disk_is_an_error() {
        for args in [
            &["--help"][..],
            &["--version"],
            &["help", "jwt"],
            &["key", "inspect", "--key", KEY],
            &["--json", "key", "inspect", "--key", KEY],
            &["key", "generate", "shop"],
            &["jwt", "mint", "--key", KEY],
            &["token-request", "sign", "--key", KEY],
            &["capability", "format", "-"],
            &["capability", "check", "{}", "--resource", "a", "--operation", "publish"],
            &["--json", "capability", "format", "{"],
            &["--json", "keys"],
            &["completions", "zsh"],
            &["man", "jwt"],
            &["demo"],
            &["demo", "--json"],
            &["serve", "--sandbox", "--check-config"],
            &["serve", "--sandbox", "--listen", "127.0.0.1:0"],
        ] {
            let (status, stderr) = run(args, "{}");
            assert_eq!(status, Some(2), "{args:?}: {stderr}");
            assert!(stderr.contains("error: stdout: the output cannot be written: "), "{args:?}: {stderr}");
        }
    }

    #[test]
    fn nothing_printed_is_no_error_on_full_disk() {
        let (status, stderr) = run(&["capability", "format", "{"], "");
        assert_eq!(status, Some(2));
        assert!(!stderr.contains("stdout"), "{stderr}");
    }
}

/// Text that clears the screen, sets a colour, reverses the line, returns to the line's start, and has invisible
/// characters.
const HOSTILE: &str = "a\u{1b}[2J\u{9b}31m\u{202e}\u{200b}\r\u{7f}z";

#[track_caller]
fn assert_escaped(answer: &Answer) {
    for text in [&answer.stdout, &answer.stderr] {
        let harmless = |c: char| c == '\n' || !(c.is_control() || ['\u{202e}', '\u{200b}'].contains(&c));
        assert!(text.chars().all(harmless), "{answer:?}");
    }
}

#[test]
fn file_names_and_arguments_are_escaped() {
    let jwt = run(&["jwt", "mint", "--key", KEY]).yes().to_owned();
    for args in [
        &["key", "inspect", "--key-file", HOSTILE][..],
        &["jwt", "inspect", "--token-file", HOSTILE],
        &["serve", "--apps", HOSTILE],
        &["serve", "--config", HOSTILE],
        &["serve", "--sandbox", "--listen", HOSTILE],
        &["man", "--dir", HOSTILE],
        &["man", HOSTILE],
        &[HOSTILE],
        &["key", HOSTILE],
        &["key", "inspect", HOSTILE],
        &["capability", "check", "{}", "--resource", HOSTILE, "--operation", "publish"],
        &["capability", "explain", "{}", "--resource", "chat\u{202e}", "--operation", "publish"],
        &["capability", "check", "{}", "--resource", "chat\u{202e}", "--operation", "publish"],
        &["capability", "check", "{}", "--resource", "a", "--operation", HOSTILE],
        &["capability", "format", HOSTILE],
        &["capability", "format", "{\"a\u{202e}\":[\"pubish\"]}"],
        &["token", "request", "--key", KEY, "--endpoint", HOSTILE],
        &["key", "list", HOSTILE],
        &["revoke", HOSTILE, "--key", KEY],
    ] {
        let answer = run(args);
        assert_escaped(&answer);
        assert!(!answer.stdout.is_empty() || !answer.stderr.is_empty(), "{args:?}");
    }
    assert_escaped(&run_with_stdin(&["jwt", "verify", "--key", KEY], &jwt.replace('.', HOSTILE)));
}

#[test]
fn escaping_does_not_uncover_a_secret() {
    let odd = format!("shop.back\u{202e}end:{SECRET}");
    for args in [["key", "inspect", "--key-file", &odd], ["token-request", "sign", "--ttl", &odd]] {
        let answer = run(&args);
        assert_eq!(answer.status, Some(2), "{answer:?}");
        answer.assert_hides(SECRET);
        assert_escaped(&answer);
    }
}

#[test]
fn client_ids_are_escaped() {
    let client_id = "bob\u{202e}nimda\u{200b}";
    let request = run(&["token-request", "sign", "--key", KEY, "--client-id", client_id]).yes().to_owned();
    let answer = run_with_stdin(&["token-request", "verify", "--key", KEY], &request);
    assert!(answer.yes().contains(r"bob\u{202e}nimda\u{200b}"), "{answer:?}");
    let jwt = run(&["jwt", "mint", "--key", KEY, "--client-id", client_id]).yes().to_owned();
    let answer = run_with_stdin(&["jwt", "verify", "--key", KEY], &jwt);
    assert!(answer.yes().contains(r"bob\u{202e}nimda\u{200b}"), "{answer:?}");
}

/// Starts a server that answers one request with `status` and `body`, and returns its URL.
fn answering(status: &'static str, body: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        answer_json(stream, status, &body);
    });
    url
}

#[test]
fn messages_of_a_service_are_escaped() {
    let error = |code: u32| {
        let message = format!("{HOSTILE}\nerror: all is well");
        serde_json::json!({ "error": { "code": code, "statusCode": code / 100, "message": message } }).to_string()
    };
    let url = answering("401 Unauthorized", error(40101));
    let answer = run(&["token", "request", "--key", KEY, "--endpoint", &url]);
    assert_eq!(answer.status, Some(1), "{answer:?}");
    assert_escaped(&answer);
    assert!(!answer.stderr.contains("\nerror: all is well"), "{answer:?}");

    let url = answering("403 Forbidden", error(40300));
    let list = ["key", "list", "shop", "--control-url", &url];
    let answer = run_with_env(&list, "ABLY_CONTROL_TOKEN", "an-access-token");
    assert_eq!(answer.status, Some(1), "{answer:?}");
    assert_escaped(&answer);
    assert!(!answer.stderr.contains("\nerror: all is well"), "{answer:?}");

    let keys = serde_json::json!([{ "appId": HOSTILE, "id": HOSTILE, "name": HOSTILE, "status": 0, "capability": { HOSTILE: ["*"] } }]);
    let url = answering("200 OK", keys.to_string());
    let list = ["key", "list", "shop", "--control-url", &url];
    let answer = run_with_env(&list, "ABLY_CONTROL_TOKEN", "an-access-token");
    assert!(answer.yes().contains(r"\u{1b}[2J"), "{answer:?}");
    assert_escaped(&answer);

    let key = serde_json::json!({ "key": HOSTILE });
    let url = answering("201 Created", key.to_string());
    let create = ["key", "create", "shop", "--name", "web", "--capability", "{}", "--control-url", &url];
    assert_escaped(&run_with_env(&create, "ABLY_CONTROL_TOKEN", "an-access-token"));
}

#[test]
fn names_in_a_configuration_are_escaped() {
    let file = File::new("hostile.toml", "\"a\\u001b[2J\\u202e\" = 1\n");
    let answer = run(&["serve", "--config", file.path()]);
    answer.bad(&["line 1", r"\u{1b}[2J"]);
    assert_escaped(&answer);
    let answer = run(&["serve", "--sandbox", "--check-config", "--data", "\u{9b}\u{202e}"]);
    assert_escaped(&answer);
}
