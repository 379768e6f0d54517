//! The JSON reader. It needs no heap, except to decode escapes, and keeps its position, so that an error can name it.

#[cfg(feature = "alloc")]
use alloc::{borrow::Cow, string::String};
use core::str::Chars;

use super::plain_len;

/// A reader that moves over a text.
pub(crate) struct Reader<'a> {
    text: &'a str,
    /// The byte offset of the next byte to read.
    at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// Returns the byte offset of the next byte.
    pub(crate) const fn offset(&self) -> usize {
        self.at
    }

    /// Returns the next byte without reading it.
    #[inline]
    pub(crate) fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Skips bytes, which must be whole characters.
    #[inline]
    pub(crate) fn advance(&mut self, bytes: usize) {
        self.at = self.at.wrapping_add(bytes);
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    pub(crate) fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    /// Skips white space and returns the next byte without reading it.
    #[inline]
    pub(crate) fn peek(&mut self) -> Option<u8> {
        while let Some(byte) = self.byte() {
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Some(byte);
            }
            self.advance(1);
        }
        None
    }

    /// Skips white space, and reads the next byte if it is `wanted`.
    #[inline]
    pub(crate) fn take(&mut self, wanted: u8) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.advance(1);
        }
        found
    }

    /// Reads the rest of a string whose opening quote has been read. If it is malformed, returns the problem, which is at
    /// [`offset`](Self::offset).
    pub(crate) fn string(&mut self) -> Result<JsonString<'a>, &'static str> {
        let start = self.at;
        let mut has_escapes = false;
        self.advance(plain_len(self.rest()));
        while self.byte() != Some(b'"') {
            self.skip_escape()?;
            has_escapes = true;
            self.advance(plain_len(self.rest()));
        }
        let raw = self.since(start);
        self.advance(1);
        Ok(JsonString { raw, has_escapes, at: start })
    }

    /// Skips an escape in a string. Otherwise, the string is malformed here.
    fn skip_escape(&mut self) -> Result<(), &'static str> {
        let (_, width) = match self.byte() {
            Some(b'\\') => unescape(self.rest())?,
            Some(_) => return Err("a string has a control character that is not escaped"),
            None => return Err("a string has no closing quote"),
        };
        self.advance(width);
        Ok(())
    }

    /// Skips `text` if it is next.
    #[cfg(feature = "alloc")]
    pub(crate) fn skip(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text.as_bytes());
        if found {
            self.advance(text.len());
        }
        found
    }
}

/// A well-formed JSON string, not yet decoded.
#[derive(Clone, Copy)]
pub(crate) struct JsonString<'a> {
    /// The text between the quotes.
    raw: &'a str,
    has_escapes: bool,
    /// The byte offset of its content.
    pub(crate) at: usize,
}

impl<'a> JsonString<'a> {
    /// Returns the decoded characters.
    pub(crate) fn chars(&self) -> Decoded<'a> {
        Decoded(self.raw.chars())
    }

    /// Returns true if the decoded text is `text`.
    pub(crate) fn is(&self, text: &str) -> bool {
        if self.has_escapes { self.chars().eq(text.chars()) } else { self.raw == text }
    }

    /// Returns the decoded text.
    #[cfg(feature = "alloc")]
    #[inline]
    pub(crate) fn decode(&self) -> Cow<'a, str> {
        if self.has_escapes { Cow::Owned(self.decode_escapes()) } else { Cow::Borrowed(self.raw) }
    }

    #[cfg(feature = "alloc")]
    fn decode_escapes(&self) -> String {
        let mut text = String::with_capacity(self.raw.len());
        let mut rest = self.raw;
        while let Some(at) = rest.bytes().position(|byte| byte == b'\\') {
            let (plain, escaped) = rest.split_at_checked(at).unwrap_or((rest, ""));
            text.push_str(plain);
            // The reader has checked every escape, so this one is valid.
            let Ok((character, width)) = unescape(escaped.as_bytes()) else { return text };
            text.push(character);
            rest = escaped.get(width..).unwrap_or_default();
        }
        text.push_str(rest);
        text
    }
}

/// An iterator that decodes escapes.
#[derive(Clone)]
pub(crate) struct Decoded<'a>(Chars<'a>);

impl Iterator for Decoded<'_> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        let rest = self.0.as_str();
        if !rest.starts_with('\\') {
            return self.0.next();
        }
        // The reader has checked every escape, so this one is valid.
        let (character, width) = unescape(rest.as_bytes()).ok()?;
        self.0 = rest.get(width..).unwrap_or_default().chars();
        Some(character)
    }
}

/// Decodes the escape at the start of `text`. Also returns its length.
pub(super) fn unescape(text: &[u8]) -> Result<(char, usize), &'static str> {
    match text.get(1) {
        Some(b'u') => unescape_unicode(text),
        byte => simple_escape(byte).map(|byte| (char::from(byte), 2)).ok_or("a string has an invalid escape"),
    }
}

/// Returns the character of a backslash and one byte, if these two are an escape.
#[inline]
pub(super) const fn simple_escape(byte: Option<&u8>) -> Option<u8> {
    match byte {
        Some(plain @ (b'"' | b'\\' | b'/')) => Some(*plain),
        Some(b'b') => Some(0x8),
        Some(b'f') => Some(0xc),
        Some(b'n') => Some(b'\n'),
        Some(b'r') => Some(b'\r'),
        Some(b't') => Some(b'\t'),
        _ => None,
    }
}

/// Decodes `\u` and four digits, or two of these for a surrogate pair.
fn unescape_unicode(text: &[u8]) -> Result<(char, usize), &'static str> {
    const HALF: &str = "a string has half of a surrogate pair";
    let first = code_unit(text)?;
    if let Some(character) = char::from_u32(first) {
        return Ok((character, 6));
    }
    let second = text.get(6..).filter(|rest| rest.starts_with(b"\\u")).ok_or(HALF)?;
    let (high, low) = (first.wrapping_sub(0xd800), code_unit(second)?.wrapping_sub(0xdc00));
    if high >= 0x400 || low >= 0x400 {
        return Err(HALF);
    }
    let character = char::from_u32(0x1_0000_u32.wrapping_add(high << 10 | low));
    character.map(|character| (character, 12)).ok_or(HALF)
}

/// Decodes the four digits after `\u`.
fn code_unit(text: &[u8]) -> Result<u32, &'static str> {
    const HEX_DIGITS: &str = "expected four hexadecimal digits after `\\u`";
    let digits = text.get(2..6).ok_or(HEX_DIGITS)?;
    let add = |unit: u32, digit: &u8| Some(unit << 4 | char::from(*digit).to_digit(16)?);
    digits.iter().try_fold(0, add).ok_or(HEX_DIGITS)
}
