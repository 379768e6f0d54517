//! Asking who sits at the terminal for a secret, without showing it.

use std::io::{self, BufRead, IsTerminal as _, Write as _};

use crate::output::{self, Failure};
use crate::terminal::{Hidden, interrupt};

const INTERRUPT: u8 = 0x03;
const END: u8 = 0x04;
const BACKSPACE: [u8; 2] = [0x08, 0x7f];
const KILL: u8 = 0x15;

/// More than any credential has.
const MAX_BYTES: usize = 1024 * 1024;

/// Asks for a line. None if nobody is there to be asked; what is answered has no white space around it, and may be empty.
pub(crate) fn line(what: &str) -> Result<Option<String>, Failure> {
    ask(what, |_| true)
}

/// Asks for a token, or the JSON of a token's details, which may be of several lines.
pub(crate) fn token() -> Result<Option<String>, Failure> {
    ask("Token, JWT or TokenDetails", |text| !text.trim_ascii_start().starts_with(b"{") || is_whole_json(text))
}

/// Says what is waited for, where it would be somebody's input.
pub(crate) fn announce_stdin() {
    if io::stdin().is_terminal() && io::stderr().is_terminal() {
        output::note("reading from the terminal; Ctrl-D on a line of its own ends it");
    }
}

/// Asks a question, and returns true if the answer is `y` or `yes`. Without a terminal, returns true without asking.
pub(crate) fn confirm(question: &str) -> Result<bool, Failure> {
    if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
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
    // A terminal that cannot hide is not asked.
    let Ok(hidden) = Hidden::stdin() else { return Ok(None) };
    let _ = write!(io::stderr(), "{what} (not shown): ").and_then(|()| io::stderr().flush());
    let typed = read(io::stdin().lock(), is_whole);
    drop(hidden);
    output::note("");
    match typed.map_err(|error| Failure::file("the terminal", &error))? {
        Typed::Text(text) => {
            let text = std::str::from_utf8(text.trim_ascii());
            text.map(|text| Some(text.to_owned()))
                .map_err(|_| Failure::input("what was typed", "it is not UTF-8; type it again"))
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

/// Reads keys up to the end of a line at which all is there.
fn read(from: impl BufRead, is_whole: impl Fn(&[u8]) -> bool) -> io::Result<Typed> {
    let mut text = Vec::new();
    for key in from.bytes() {
        match key? {
            INTERRUPT => return Ok(Typed::Interrupted),
            END => break,
            b'\n' | b'\r' if is_whole(&text) => break,
            KILL => text.clear(),
            key if BACKSPACE.contains(&key) => {
                // Of a character of several bytes, the first is the one that does not begin with the bits 10.
                while text.pop().is_some_and(|byte| byte & 0b1100_0000 == 0b1000_0000) {}
            }
            _ if text.len() == MAX_BYTES => break,
            key => text.push(key),
        }
    }
    Ok(Typed::Text(text))
}

/// Whether there is no use in another line.
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
    fn a_line_is_what_was_typed_less_what_was_taken_back() {
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
    fn json_may_be_of_several_lines_and_no_more_than_it_has() {
        for (keys, text) in [("{\n\"token\":\n\"a.b\"}\nls\n", "{\n\"token\":\n\"a.b\"}"), ("{no\nls\n", "{no")] {
            let Ok(Typed::Text(read)) = read(keys.as_bytes(), is_whole_json) else { panic!("{keys:?}") };
            assert_eq!(String::from_utf8(read).as_deref(), Ok(text));
        }
    }
}
