//! Printed output, and the exit status.

use std::fmt;
use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::sync::OnceLock;

use clap::error::ErrorKind;
use serde_json::{Value, json};

use crate::draw::{printable, printable_json, printable_lines};
use crate::hide::without_secrets;

/// The result of a command, as text and as JSON for `--json`.
pub(crate) struct Outcome {
    text: String,
    json: Option<String>,
    /// True if `text` is JSON.
    is_json: bool,
    positive: bool,
}

impl Outcome {
    /// Returns a positive result: yes, or done.
    pub(crate) fn yes(text: impl Into<String>, json: &Value) -> Self {
        Self { text: text.into(), json: Some(json.to_string()), is_json: false, positive: true }
    }

    /// Returns a negative result: refused, or not valid.
    pub(crate) fn no(text: impl Into<String>, json: &Value) -> Self {
        Self { positive: false, ..Self::yes(text, json) }
    }

    /// Returns a result whose JSON keeps the field order of the wire format.
    pub(crate) fn wire(positive: bool, text: impl Into<String>, json: String) -> Self {
        Self { text: text.into(), json: Some(json), is_json: false, positive }
    }

    /// Returns a result that is the same JSON with and without `--json`.
    pub(crate) fn json(positive: bool, json: impl Into<String>) -> Self {
        Self { text: json.into(), json: None, is_json: true, positive }
    }

    /// Returns a positive result that is text even with `--json`.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), json: None, is_json: false, positive: true }
    }

    /// Returns a result without output, for a command that has already printed everything.
    pub(crate) fn shown(positive: bool) -> Self {
        Self::json(positive, "")
    }

    pub(crate) fn show(self, as_json: bool) -> ExitCode {
        let is_json = self.is_json || (as_json && self.json.is_some());
        let text = self.json.filter(|_| as_json).unwrap_or(self.text);
        if !text.is_empty() {
            if is_json { json_line(&text) } else { line(&text) }
        }
        exit(u8::from(!self.positive))
    }
}

/// The first error of a write to stdout.
static WRITE_ERROR: OnceLock<String> = OnceLock::new();

/// Prints a line to stdout. Keeps an error for [`check_written`] and the exit status.
pub(crate) fn line(text: &str) {
    let mut out = io::stdout().lock();
    let written = writeln!(out, "{text}").and_then(|()| out.flush());
    keep_error(written);
}

/// Prints a line of JSON. At a terminal, escapes the characters that could control it, as JSON allows.
fn json_line(json: &str) {
    if io::stdout().is_terminal() { line(&printable_json(json)) } else { line(json) }
}

/// Keeps the first write error. Ignores a closed pipe, because a reader such as `head` may end early.
fn keep_error(written: io::Result<()>) {
    if let Err(error) = written.or_else(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Ok(()),
        _ => Err(error),
    }) {
        let _ = WRITE_ERROR.set(error.to_string());
    }
}

/// Returns an error if an earlier write to stdout failed.
pub(crate) fn check_written() -> Result<(), Failure> {
    WRITE_ERROR.get().map_or(Ok(()), |_| Err(Failure::Input(write_error())))
}

fn write_error() -> String {
    let error = WRITE_ERROR.get().map_or("unknown error", String::as_str);
    format!("stdout: the output cannot be written: {error}; free disk space, or write elsewhere")
}

/// Returns `status` as the exit status. If a write to stdout failed, prints that error and returns 2.
fn exit(status: u8) -> ExitCode {
    if WRITE_ERROR.get().is_none() {
        return ExitCode::from(status);
    }
    note(&format!("error: {}", write_error()));
    ExitCode::from(2)
}

/// Prints a line to stderr. Ignores write errors.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// The advice for a credential that is given as an argument. Other users can see arguments in the list of processes.
const MISPLACED: &str = "do not give a credential here, because other users can see it: give a token on stdin, in the file of \
                         --token-file or in ABLY_TOKEN, and a key in the file of --key-file or in ABLY_API_KEY";

/// Prints help, or the error in the command line. `variable` is the environment variable of the refused value.
pub(crate) fn usage(error: &clap::Error, variable: Option<&str>) -> ExitCode {
    let text = error.render().to_string();
    let hidden = without_secrets(&text);
    let hidden = match variable {
        Some(variable) => hidden.replacen("error: ", &format!("error: {variable}: "), 1),
        None => hidden,
    };
    let is_misplaced = text != hidden && variable.is_none() && error.kind() == ErrorKind::UnknownArgument;
    let hidden = printable_lines(&hidden);
    if text == hidden {
        let printed = error.print().and_then(|()| io::stdout().flush());
        if !error.use_stderr() {
            keep_error(printed);
        }
    } else {
        note(hidden.trim_end());
    }
    if is_misplaced {
        note(&format!("\n  tip: {MISPLACED}"));
    }
    if !error.use_stderr() {
        return exit(0);
    }
    if std::env::args_os().any(|arg| arg == "--json") {
        let message = match error.kind() {
            ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => "a command is missing; see --help",
            // Usage and tips follow.
            _ => hidden.split("\n\n").next().unwrap_or_default().trim_start_matches("error: "),
        };
        let message = if is_misplaced { format!("{message}; {MISPLACED}") } else { message.to_owned() };
        json_line(&json!({ "error": { "message": message } }).to_string());
    }
    exit(2)
}

/// An error that ends a command.
pub(crate) enum Failure {
    /// An input is invalid: exit status 2.
    Input(String),
    /// The operation failed: exit status 1.
    Failed { text: String, json: Value },
}

impl Failure {
    /// Returns the failure with the text that `other` returns, if it returns one.
    pub(crate) fn or_text(self, other: impl FnOnce(&str) -> Option<String>) -> Self {
        match self {
            Self::Input(text) => Self::Input(other(&text).unwrap_or(text)),
            Self::Failed { .. } => self,
        }
    }

    /// Returns an error that names the invalid input and the problem.
    pub(crate) fn input(name: &str, problem: impl fmt::Display) -> Self {
        Self::Input(format!("{}: {}", printable(name), printable(&problem.to_string())))
    }

    /// Returns an error that names the file or folder that cannot be read or written, and says what to do.
    pub(crate) fn file(name: &str, error: &io::Error) -> Self {
        let problem = match error.kind() {
            io::ErrorKind::NotFound => "it does not exist; check the path",
            io::ErrorKind::PermissionDenied => "access is denied; check its owner and permissions",
            io::ErrorKind::IsADirectory => "it is a folder; give a file",
            io::ErrorKind::NotADirectory => "part of the path is not a folder; check the path",
            io::ErrorKind::InvalidData => "it is not UTF-8; check that it is the right file",
            _ => return Self::input(name, format!("{error}; check the path")),
        };
        Self::input(name, problem)
    }

    pub(crate) fn show(self, as_json: bool) -> ExitCode {
        let (text, json, status) = match self {
            Self::Input(text) => {
                let json = json!({ "error": { "message": text } });
                (text, json, 2)
            }
            Self::Failed { text, json } => (text, json, 1),
        };
        if as_json {
            json_line(&without_secrets(&json.to_string()));
        }
        note(&printable_lines(&without_secrets(&format!("error: {text}"))));
        exit(status)
    }
}

/// Formats the message, without the JSON.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Input(text) | Self::Failed { text, .. }) = self;
        f.write_str(text)
    }
}

impl From<ably_auth::Error> for Failure {
    fn from(error: ably_auth::Error) -> Self {
        if matches!(error.kind(), ably_auth::ErrorKind::Configuration | ably_auth::ErrorKind::Invalid) {
            return Self::Input(error.to_string());
        }
        let mut text = printable(&error.to_string());
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            text.push_str(&format!("\n  caused by: {}", printable(&cause.to_string())));
            source = cause.source();
        }
        let json = match error.error_info() {
            Some(info) => json!({ "error": info }),
            None => json!({ "error": { "code": error.ably_code().as_u32(), "message": error.to_string() } }),
        };
        Self::Failed { text, json }
    }
}

/// Serializes a value as JSON, with its fields in the order of the wire format.
pub(crate) fn wire(value: &impl serde::Serialize) -> Result<String, Failure> {
    serde_json::to_string(value)
        .map_err(|error| Failure::Input(format!("the result cannot be written as JSON: {error}")))
}
