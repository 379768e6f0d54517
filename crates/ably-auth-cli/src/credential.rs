//! Cleaning and checks for a credential from an environment variable, a file, a prompt, stdin or an argument.

use std::env::{self, VarError};

use crate::draw::is_invisible;
use crate::output::Failure;

const BYTE_ORDER_MARK: char = '\u{feff}';

const QUOTES: &[char] =
    &['"', '\'', '`', '\u{201c}', '\u{201d}', '\u{201e}', '\u{2018}', '\u{2019}', '\u{ab}', '\u{bb}'];

/// Returns `text` without a leading byte order mark, which some editors write.
pub(crate) fn without_mark(text: &str) -> &str {
    text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text)
}

/// Returns `text` without white space around it and without a byte order mark. Refuses empty text. Unless the text is
/// JSON, also refuses quotes around it and invisible characters. No message quotes the text.
pub(crate) fn clean<'a>(name: &str, text: &'a str, what: &str) -> Result<&'a str, Failure> {
    plain(text, what).map_err(|problem| Failure::input(name, problem))
}

/// Does the same as [`clean`], and returns the problem alone.
pub(crate) fn plain<'a>(text: &'a str, what: &str) -> Result<&'a str, String> {
    let text = without_mark(text.trim()).trim();
    if text.is_empty() {
        return Err(format!("it is empty; give {what} there"));
    }
    if text.starts_with('{') {
        return Ok(text);
    }
    if text.starts_with(QUOTES) && text.ends_with(QUOTES) {
        return Err(format!("it is in quotes; give {what} without them"));
    }
    if let Some((at, invisible)) = text.char_indices().find(|(_, c)| is_invisible(*c)) {
        return Err(format!("it has the invisible character U+{:04X} (byte {at}); remove it", u32::from(invisible)));
    }
    Ok(text)
}

/// Returns the value of the environment variable `name`. A variable that is empty or only white space counts as unset.
pub(crate) fn variable(name: &str) -> Result<Option<String>, Failure> {
    match env::var(name) {
        Ok(text) => Ok((!text.trim().is_empty()).then_some(text)),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(Failure::input(name, "it is not UTF-8; set it again")),
    }
}
