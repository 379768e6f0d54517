//! What is shown, and the exit status that goes with it.

use std::fmt;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::error::ErrorKind;
use serde_json::{Value, json};

use crate::hide::without_secrets;

/// A command's answer: for people, and for scripts.
pub(crate) struct Outcome {
    text: String,
    json: Option<String>,
    positive: bool,
}

impl Outcome {
    /// Yes, or done.
    pub(crate) fn yes(text: impl Into<String>, json: &Value) -> Self {
        Self { text: text.into(), json: Some(json.to_string()), positive: true }
    }

    /// No: refused, not valid.
    pub(crate) fn no(text: impl Into<String>, json: &Value) -> Self {
        Self { positive: false, ..Self::yes(text, json) }
    }

    /// Text for people, and for scripts JSON in the wire's order.
    pub(crate) fn wire(positive: bool, text: impl Into<String>, json: String) -> Self {
        Self { text: text.into(), json: Some(json), positive }
    }

    /// What is the same JSON for people and for scripts.
    pub(crate) fn json(positive: bool, json: impl Into<String>) -> Self {
        Self { text: json.into(), json: None, positive }
    }

    /// What is text for scripts too.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), json: None, positive: true }
    }

    /// All was shown on the way.
    pub(crate) fn shown(positive: bool) -> Self {
        Self::json(positive, "")
    }

    pub(crate) fn show(self, as_json: bool) -> ExitCode {
        let text = self.json.filter(|_| as_json).unwrap_or(self.text);
        if !text.is_empty() {
            line(&text);
        }
        ExitCode::from(u8::from(!self.positive))
    }
}

/// Prints a line. A reader that has gone away, such as `head`, is no reason to fail.
pub(crate) fn line(text: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// Tells people what is no part of the answer; as [`line`], without failing.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// What to do with a credential in the place of an argument. Those who look at a machine's processes see its arguments.
const MISPLACED: &str = "credentials are not given so, where others may see them: a token goes to stdin, into the file of \
                         --token-file or into ABLY_TOKEN; a key into the file of --key-file or into ABLY_API_KEY";

/// Help, or what is wrong with the command line.
pub(crate) fn usage(told: &clap::Error) -> ExitCode {
    let text = told.render().to_string();
    let hidden = without_secrets(&text);
    let is_misplaced = text != hidden && told.kind() == ErrorKind::UnknownArgument;
    if text == hidden {
        let _ = told.print();
    } else {
        note(hidden.trim_end());
    }
    if is_misplaced {
        note(&format!("\n  tip: {MISPLACED}"));
    }
    if !told.use_stderr() {
        return ExitCode::SUCCESS;
    }
    if std::env::args_os().any(|arg| arg == "--json") {
        let message = match told.kind() {
            ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => "a command is missing; see --help",
            // Usage and tips follow.
            _ => hidden.split("\n\n").next().unwrap_or_default().trim_start_matches("error: "),
        };
        let message = if is_misplaced { format!("{message}; {MISPLACED}") } else { message.to_owned() };
        line(&json!({ "error": { "message": message } }).to_string());
    }
    ExitCode::from(2)
}

/// Why there is no answer.
pub(crate) enum Failure {
    /// An input is not what it must be: exit status 2.
    Input(String),
    /// It was tried, and failed: exit status 1.
    Failed { text: String, json: Value },
}

impl Failure {
    /// Names the input that is wrong, and what is wrong with it.
    pub(crate) fn input(name: &str, problem: impl fmt::Display) -> Self {
        Self::Input(format!("{name}: {problem}"))
    }

    /// Names the file or folder that cannot be read or written, and what to do.
    pub(crate) fn file(name: &str, error: &io::Error) -> Self {
        let problem = match error.kind() {
            io::ErrorKind::NotFound => "there is nothing of that name; check the path",
            io::ErrorKind::PermissionDenied => "access is denied; check its owner and permissions",
            io::ErrorKind::IsADirectory => "it is a folder; name a file",
            io::ErrorKind::NotADirectory => "a part of the path is no folder; check the path",
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
            line(&without_secrets(&json.to_string()));
        }
        note(&without_secrets(&format!("error: {text}")));
        ExitCode::from(status)
    }
}

/// The message, without the JSON.
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
        let mut text = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            text.push_str(&format!("\n  caused by: {cause}"));
            source = cause.source();
        }
        let json = match error.error_info() {
            Some(info) => json!({ "error": info }),
            None => json!({ "error": { "code": error.ably_code().as_u32(), "message": error.to_string() } }),
        };
        Self::Failed { text, json }
    }
}

/// The wire's JSON, its fields in the wire's order.
pub(crate) fn wire(value: &impl serde::Serialize) -> Result<String, Failure> {
    serde_json::to_string(value).map_err(|error| Failure::Input(format!("it cannot be written as JSON: {error}")))
}
