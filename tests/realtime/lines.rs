//! The lines of a scenario: how the effects of a connection are written, and how a step is compared with them.

use std::time::Duration;

use ably_auth::connection::{ConnectionEvent, ConnectionStateChange, ProtocolMessage};
use ably_auth::{Credentials, Error, ErrorInfo};

use crate::scenario::{duration, name_of};
use crate::world::SECRET;

/// Returns the line of a socket that is opened: the host, then the query parameters.
pub(crate) fn open(url: &str) -> String {
    let rest = url.split_once("://").expect("a URL has a scheme").1;
    let (authority, query) = rest.split_once("/?").expect("the URL of a socket has a query");
    let query = form_urlencoded::parse(query.as_bytes());
    let words: Vec<String> = query.map(|(name, value)| format!("{name}={}", value.replace(SECRET, ""))).collect();
    format!("open {authority} {}", words.join(" "))
}

/// Returns the line of a message that is sent.
pub(crate) fn send(message: &ProtocolMessage) -> String {
    let token = message.get_auth().map(|auth| format!(" accessToken={}", without_secret(auth.access_token().expose())));
    format!("send {}{}", name_of(message.action()), token.unwrap_or_default())
}

/// Returns the line of a change of state.
pub(crate) fn change(change: &ConnectionStateChange) -> String {
    let mut line = match change.event() {
        ConnectionEvent::Update => "update".to_owned(),
        ConnectionEvent::State(state) => format!("state {state}"),
    };
    if let Some(reason) = change.reason() {
        line += &format!(" {}", info(reason));
        if let Some(cause) = reason.cause() {
            line += &format!(" cause={}", info(cause));
        }
    }
    if let Some(retry_in) = change.retry_in() {
        line += &format!(" retry={}ms", retry_in.as_millis());
    }
    if change.is_resumed() && change.event() != ConnectionEvent::Update {
        line += " resumed";
    }
    line
}

/// Returns the line of a message for the application.
pub(crate) fn deliver(message: &ProtocolMessage) -> String {
    let mut line = format!("deliver {}", name_of(message.action()));
    if let Some(error) = message.get_error() {
        line += &format!(" {}", info(error));
    }
    if let Some(channel) = message.get_channel() {
        line += &format!(" channel={channel}");
    }
    line
}

/// Returns the line of an outcome of `authorize`.
pub(crate) fn authorized(outcome: Result<(), &Error>) -> String {
    match outcome {
        Ok(()) => "authorized".to_owned(),
        Err(error) => format!("authorized {}/{}", error.ably_code(), error.status_code()),
    }
}

/// Returns the line of a REST request with these credentials.
pub(crate) fn used(credentials: &Credentials) -> String {
    let params: Vec<String> = credentials.query_params().map(|(name, value)| format!("{name}={value}")).collect();
    without_secret(&format!("used {}", params.join(" ")))
}

/// Returns an error as a scenario writes it.
pub(crate) fn info(error: &ErrorInfo) -> String {
    format!("{}/{}", error.code(), error.status_code())
}

/// Returns the name of a secret in the scenario.
pub(crate) fn without_secret(text: &str) -> String {
    text.replace(SECRET, "")
}

/// Returns true if the step describes the line.
pub(crate) fn is_match(step: &str, line: &str) -> bool {
    let (steps, words): (Vec<&str>, Vec<&str>) = (step.split(' ').collect(), line.split(' ').collect());
    if steps.first() != words.first() {
        return false;
    }
    if steps[0] == "open" {
        return steps[1..].iter().all(|step| is_open_match(step, &words));
    }
    // A cause that the step leaves out is not compared.
    let has_cause = steps.iter().any(|step| step.starts_with("cause="));
    let words: Vec<&str> = words.into_iter().filter(|word| has_cause || !word.starts_with("cause=")).collect();
    steps.len() == words.len() && steps.iter().zip(&words).all(|(step, word)| is_word_match(step, word))
}

fn is_open_match(step: &str, words: &[&str]) -> bool {
    let host = words[1];
    match (step.strip_prefix('-'), step.contains('=')) {
        (Some(absent), _) => !words.iter().any(|word| word.split('=').next() == Some(absent)),
        (None, true) => words.contains(&step),
        (None, false) => step == host || (step == "fallback" && host.contains("fallback")),
    }
}

fn is_word_match(step: &str, word: &str) -> bool {
    if step == word {
        return true;
    }
    if let (Some(step), Some(word)) = (step.strip_prefix("cause="), word.strip_prefix("cause=")) {
        return word.split('/').next() == Some(step);
    }
    let Some(span) = word.strip_prefix("retry=").and_then(|span| duration(span).ok()) else { return false };
    let Some(expected) = step.strip_prefix("retry=") else { return step == "retry" };
    let (least, most) = expected.split_once("..").unwrap_or((expected, expected));
    let time = |text: &str| -> Duration { duration(text).unwrap_or_else(|error| panic!("{error}")) };
    (time(least)..=time(most)).contains(&span)
}

/// Checks that steps are compared as the table of `scenario.rs` says.
pub(crate) fn steps_are_compared_with_lines() {
    let open = open("wss://h.example.com/?accessToken=secret-t1&v=6&clientId=a%20b");
    assert_eq!(open, "open h.example.com accessToken=t1 v=6 clientId=a b");
    for step in ["open", "open h.example.com", "open accessToken=t1 -key", "open v=6 -resume"] {
        assert!(is_match(step, &open), "{step}");
    }
    for step in ["open other.example.com", "open accessToken=t2", "open -accessToken", "open key=k", "close"] {
        assert!(!is_match(step, &open), "{step}");
    }
    let state = "state disconnected 80019/401 cause=50000/500 retry=13000ms";
    for step in ["retry", "retry=12s..15s", "retry=13s", "cause=50000 retry", "cause=50000/500 retry=13s"] {
        let step = format!("state disconnected 80019/401 {step}");
        assert!(is_match(&step, state), "{step}");
    }
    for step in ["", " retry=0s", " cause=40000 retry", " retry resumed"] {
        let step = format!("state disconnected 80019/401{step}");
        assert!(!is_match(&step, state), "{step}");
    }
    assert!(!is_match("state disconnected retry", state) && !is_match("state connecting", state));
    assert!(!is_match("state connecting", "state connecting 40142/401"), "a reason is not left out");
}
