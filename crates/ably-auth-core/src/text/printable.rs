//! Untrusted text, in a form that is safe for terminals and logs.

use core::fmt::{self, Write as _};

/// Untrusted text, such as a service's error message, in a form that is safe to print.
///
/// Control characters, bidirectional controls and line separators are written as escapes such as `\u{1b}`, so the text
/// can neither control a terminal nor start a new line in a log. A text that is longer than
/// [`MAX_BYTES`](Self::MAX_BYTES) with its escapes is cut, and ends with `…`.
///
/// ```
/// use ably_auth_core::PrintableText;
///
/// assert_eq!(PrintableText::new("no \u{1b}[2J such\r\nkey").to_string(), r"no \u{1b}[2J such\u{d}\u{a}key");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrintableText<'a> {
    text: &'a str,
    max_bytes: usize,
}

impl<'a> PrintableText<'a> {
    /// The maximum number of bytes that are shown, unless [`at_most`](Self::at_most) sets another.
    pub const MAX_BYTES: usize = 4096;

    /// Creates a printable form of `text`.
    #[must_use]
    pub const fn new(text: &'a str) -> Self {
        Self { text, max_bytes: Self::MAX_BYTES }
    }

    /// Sets the maximum number of bytes that are shown, not counting the `…` of a cut text.
    #[must_use]
    pub const fn at_most(mut self, max_bytes: usize) -> Self {
        self.max_bytes = max_bytes;
        self
    }
}

impl fmt::Display for PrintableText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut room = self.max_bytes;
        for character in self.text.chars() {
            let escape = is_unsafe(character).then(|| character.escape_unicode());
            let len = escape.as_ref().map_or(character.len_utf8(), ExactSizeIterator::len);
            let Some(left) = room.checked_sub(len) else { return f.write_char('…') };
            room = left;
            match escape {
                Some(escape) => write!(f, "{escape}")?,
                None => f.write_char(character)?,
            }
        }
        Ok(())
    }
}

/// Returns the beginning of `text`, at most [`PrintableText::MAX_BYTES`] long.
pub(crate) fn cut(text: &str) -> &str {
    cut_at(text, PrintableText::MAX_BYTES)
}

/// Returns the beginning of `text`, at most `max_bytes` long.
pub(crate) fn cut_at(text: &str, max_bytes: usize) -> &str {
    let mut end = text.len().min(max_bytes);
    while !text.is_char_boundary(end) {
        end = end.wrapping_sub(1);
    }
    text.get(..end).unwrap_or_default()
}

fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
        )
}
