//! Prompts at a terminal, for secrets without echo and for confirmations.

use std::io::{self, BufRead, IsTerminal as _, Write as _};

use crate::output::{self, Failure};
use crate::terminal::{NoEcho, interrupt};

const INTERRUPT: u8 = 0x03;
const END_OF_INPUT: u8 = 0x04;
const BACKSPACE: [u8; 2] = [0x08, 0x7f];
const ERASE_LINE: u8 = 0x15;

/// The maximum size of an answer, in bytes. No credential is as large.
const MAX_BYTES: usize = 1024 * 1024;

/// Prompts for a secret line. Returns it without surrounding white space, possibly empty, or `None` without a terminal.
pub(crate) fn line(what: &str) -> Result<Option<String>, Failure> {
    ask(what, |_| true)
}

/// Prompts for a token, or the JSON of a token's details, which may have several lines.
pub(crate) fn token() -> Result<Option<String>, Failure> {
    ask("Token, JWT or TokenDetails", |text| !text.trim_ascii_start().starts_with(b"{") || is_whole_json(text))
}

/// Prints a note if stdin is a terminal, because the program then waits for the user.
pub(crate) fn announce_stdin() {
    if io::stdin().is_terminal() && io::stderr().is_terminal() {
        output::note("reading from the terminal; press Ctrl-D on an empty line to end the input");
    }
}

/// Returns true if there is a terminal to ask at.
pub(crate) fn is_possible() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks a question, and returns true if the answer is `y` or `yes`. Without a terminal, returns true without asking.
pub(crate) fn confirm(question: &str) -> Result<bool, Failure> {
    if !is_possible() {
        return Ok(true);
    }
    let _ = write!(io::stderr(), "{question} [y/N] ").and_then(|()| io::stderr().flush());
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).map_err(|error| Failure::file("the terminal", &error))?;
    Ok(["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str()))
}

fn ask(what: &str, is_whole: impl Fn(&[u8]) -> bool) -> Result<Option<String>, Failure> {
    if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        return Ok(None);
    }
    // Do not ask if the terminal cannot hide the secret.
    let Ok(hidden) = NoEcho::stdin() else { return Ok(None) };
    let _ = write!(io::stderr(), "{what} (not shown): ").and_then(|()| io::stderr().flush());
    let typed = read(io::stdin().lock(), is_whole);
    drop(hidden);
    output::note("");
    match typed.map_err(|error| Failure::file("the terminal", &error))? {
        Typed::Text(text) => {
            let text = std::str::from_utf8(text.trim_ascii());
            text.map(|text| Some(text.to_owned()))
                .map_err(|_| Failure::input("the typed text", "it is not UTF-8; type it again"))
        }
        Typed::Interrupted => {
            interrupt();
            Err(Failure::Input("interrupted; run it again".into()))
        }
    }
}

enum Typed {
    Text(Vec<u8>),
    Interrupted,
}

/// Reads key presses up to a line end at which `is_whole` returns true.
fn read(from: impl BufRead, is_whole: impl Fn(&[u8]) -> bool) -> io::Result<Typed> {
    let mut text = Vec::new();
    for key in from.bytes() {
        match key? {
            INTERRUPT => return Ok(Typed::Interrupted),
            END_OF_INPUT => break,
            b'\n' | b'\r' if is_whole(&text) => break,
            ERASE_LINE => text.clear(),
            key if BACKSPACE.contains(&key) => {
                // Remove a whole UTF-8 character: all its bytes but the first start with the bits 10.
                while text.pop().is_some_and(|byte| byte & 0b1100_0000 == 0b1000_0000) {}
            }
            _ if text.len() == MAX_BYTES => break,
            key => text.push(key),
        }
    }
    Ok(Typed::Text(text))
}

/// Returns true if the JSON is complete, or if no further line can make it valid.
fn is_whole_json(text: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(text).map_or_else(|error| !error.is_eof(), |_| true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(keys: &str) -> Option<String> {
        match read(keys.as_bytes(), |_| true) {
            Ok(Typed::Text(text)) => String::from_utf8(text).ok(),
            _ => None,
        }
    }

    #[test]
    fn erased_characters_are_not_part_of_line() {
        for (keys, text) in [
            ("a.b:c\nrest", "a.b:c"),
            ("a.b:c\r", "a.b:c"),
            ("ab\u{7f}c\u{8}d\n", "ad"),
            ("\u{7f}é\u{7f}x\n", "x"),
            ("wrong\u{15}right\n", "right"),
            ("ab\u{4}", "ab"),
            ("", ""),
        ] {
            assert_eq!(typed(keys).as_deref(), Some(text), "{keys:?}");
        }
        assert!(matches!(read(&b"ab\x03"[..], |_| true), Ok(Typed::Interrupted)));
    }

    #[test]
    fn json_is_read_up_to_its_last_line() {
        for (keys, text) in [("{\n\"token\":\n\"a.b\"}\nls\n", "{\n\"token\":\n\"a.b\"}"), ("{no\nls\n", "{no")] {
            let Ok(Typed::Text(read)) = read(keys.as_bytes(), is_whole_json) else { panic!("{keys:?}") };
            assert_eq!(String::from_utf8(read).as_deref(), Ok(text));
        }
    }
}
