//! `ably-auth connect`

use std::io::{BufRead as _, BufReader, Lines, Read as _, Write as _};
use std::process::ChildStdout;

use serde_json::{Value, json};

use crate::support::{File, Process, Service, program, run, spawn};

const KEY: &str = "app1.key1:secret-of-key1";

fn service(name: &str) -> Service {
    let key = json!({ "id": "key1", "secret": "secret-of-key1", "revocableTokens": true,
                      "capability": r#"{"chat":["*"]}"# });
    let file = File::new(name, &json!({ "appId": "app1", "keys": [key] }).to_string());
    Service::start(&["--sandbox", "--apps", file.path()])
}

/// A running `connect --json`.
struct Connect {
    lines: Lines<BufReader<ChildStdout>>,
    process: Process,
}

impl Connect {
    fn start(service: &Service, args: &[&str]) -> Self {
        let url = service.url();
        let mut process =
            spawn(&mut program(&[&["connect", "--json", "--endpoint", &url, "--key", KEY], args].concat()));
        let lines = BufReader::new(process.0.stdout.take().unwrap()).lines();
        Self { lines, process }
    }

    /// Returns the next line with this event.
    fn line(&mut self, event: &str) -> Value {
        loop {
            let line = self.lines.next().unwrap_or_else(|| panic!("no line with {event}")).unwrap();
            assert!(!line.contains("secret-of-key1"), "{line}");
            let line: Value = serde_json::from_str(&line).unwrap();
            if line["event"] == event {
                return line;
            }
        }
    }
}

fn publish(service: &Service, body: &str) {
    let mut stream = service.connect();
    let basic = test_support::basic(KEY);
    let head = "POST /channels/chat/messages HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json";
    write!(stream, "{head}\r\nAuthorization: {basic}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
}

#[test]
fn messages_refusals_and_renewals_are_printed() {
    let service = service("connect-messages.json");
    let args = ["--channel", "chat", "--channel", "vault", "--client-id", "bob", "--use-token-auth", "--for", "2s"];
    let mut connect = Connect::start(&service, &args);
    assert_eq!(connect.line("connected")["resumed"], false);
    let attached = connect.line("attached");
    assert_eq!(attached["channel"], "chat");
    assert_eq!(attached["modes"], "publish, subscribe, presence, presence_subscribe");
    let refused = connect.line("refused");
    assert_eq!((&refused["channel"], &refused["reason"]["code"]), (&json!("vault"), &json!(40160)));

    publish(&service, r#"{"name":"hi","data":{"to":"all"},"clientId":"ann"}"#);
    let message = connect.line("message");
    let [name, data, client_id] = ["name", "data", "clientId"].map(|field| &message[field]);
    assert_eq!((name, data, client_id), (&json!("hi"), &json!({ "to": "all" }), &json!("ann")));

    run(&["revoke", "clientId:bob", "--key", KEY, "--endpoint", &service.url()]).yes();
    assert_eq!(connect.line("connecting")["reason"]["code"], 40141);
    assert_eq!(connect.line("connected")["resumed"], true);
    assert_eq!(connect.line("attached")["channel"], "chat");
    connect.line("closing");
    connect.line("closed");
    assert_eq!(connect.process.wait_for_exit(), Some(0));
}

#[cfg(unix)]
#[test]
fn interrupt_closes_the_connection() {
    let service = service("connect-interrupt.json");
    let mut connect = Connect::start(&service, &[]);
    connect.line("connected");
    let id = connect.process.0.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    connect.line("closed");
    assert_eq!(connect.process.wait_for_exit(), Some(0));
}

#[test]
fn failure_is_printed_with_its_cause() {
    let service = service("connect-failure.json");
    let url = service.url();
    let wrong = run(&["connect", "--endpoint", &url, "--key", "app1.key1:wrong", "--for", "30s"]);
    let text = wrong.no();
    assert!(text.contains("failed") && text.contains("40101") && !text.contains("wrong)"), "{text}");
    let literal = run(&["connect", "--endpoint", &url, "--token", "app1.not-a-token", "--for", "30s", "--json"]);
    let last: Value = serde_json::from_str(literal.no().lines().last().unwrap()).unwrap();
    assert_eq!((&last["event"], &last["reason"]["code"]), (&json!("failed"), &json!(40101)), "{last}");
}

#[test]
fn contradicting_credentials_are_bad_usage() {
    run(&["connect", "--key", KEY, "--token", "app1.x"]).bad(&["cannot be used with"]);
    run(&["connect", "--auth-url", "http://127.0.0.1:1/", "--key", KEY]).bad(&["cannot be used with"]);
    run(&["connect", "--key", KEY, "--for", "soon"]).bad(&["--for"]);
    run(&["connect", "--key", KEY, "--endpoint", "http://192.0.2.1"]).bad(&["Basic authentication needs TLS"]);
}
