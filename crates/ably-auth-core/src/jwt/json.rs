//! The JSON of a header or a payload, read in one pass: its members by name, each value as it stands.
//!
//! Nothing recurs: what is nested is stepped over, after a look at whether it is JSON.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use crate::error::{Error, ErrorKind};

/// How deep arrays and objects may be nested in a value.
const MAX_DEPTH: u32 = 32;

/// Why text was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is not JSON, or not an object.
    Malformed,
    /// It is nested deeper than anything of sense.
    TooDeep,
}

/// A string as it stands between its quotes, known to be well-formed.
#[derive(Clone, Copy)]
pub(super) struct Text<'a> {
    raw: &'a str,
    is_escaped: bool,
}

/// A value as it stands.
pub(super) struct Value<'a> {
    /// Its JSON.
    pub(super) raw: &'a str,
    /// What it says, if it is a string.
    pub(super) text: Option<Text<'a>>,
}

impl<'a> Text<'a> {
    /// What it says.
    #[inline]
    pub(super) fn decode(self) -> Cow<'a, str> {
        if self.is_escaped { Cow::Owned(unescape(self.raw)) } else { Cow::Borrowed(self.raw) }
    }
}

/// Refuses what is no JSON value.
pub(super) fn check(json: &str) -> Result<(), Error> {
    let mut reader = Reader { text: json, at: 0 };
    match reader.value().and_then(|_| reader.end()) {
        Ok(()) => Ok(()),
        Err(fault) => {
            let problem = match fault {
                Fault::Malformed => "a claim that is given as JSON is none",
                Fault::TooDeep => "a claim that is given as JSON is nested more than 32 deep",
            };
            Err(Error::new(ErrorKind::Jwt, problem, "give the text of one JSON value"))
        }
    }
}

/// An object's members, in order.
pub(super) struct Members<'a> {
    reader: Reader<'a>,
    has_begun: bool,
}

impl<'a> Members<'a> {
    pub(super) const fn of(object: &'a str) -> Self {
        Self { reader: Reader { text: object, at: 0 }, has_begun: false }
    }

    /// The next, or nothing after the object's end.
    #[inline(always)]
    pub(super) fn next(&mut self) -> Result<Option<(Text<'a>, Value<'a>)>, Fault> {
        let reader = &mut self.reader;
        if self.has_begun {
            if !reader.take(b',') {
                reader.expect(b'}')?;
                return reader.end().map(|()| None);
            }
        } else {
            self.has_begun = true;
            reader.expect(b'{')?;
            if reader.take(b'}') {
                return reader.end().map(|()| None);
            }
        }
        let name = reader.name()?;
        Ok(Some((name, reader.value()?)))
    }
}

struct Reader<'a> {
    text: &'a str,
    /// The byte offset of what is read next.
    at: usize,
}

impl<'a> Reader<'a> {
    #[inline]
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    #[inline]
    fn advance(&mut self, bytes: usize) {
        self.at = self.at.wrapping_add(bytes);
    }

    fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    /// The next byte that is not white space.
    #[inline]
    fn peek(&mut self) -> Option<u8> {
        while let Some(byte) = self.byte() {
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Some(byte);
            }
            self.advance(1);
        }
        None
    }

    #[inline]
    fn take(&mut self, wanted: u8) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.advance(1);
        }
        found
    }

    #[inline]
    fn expect(&mut self, wanted: u8) -> Result<(), Fault> {
        if self.take(wanted) { Ok(()) } else { Err(Fault::Malformed) }
    }

    fn end(&mut self) -> Result<(), Fault> {
        if self.peek().is_none() { Ok(()) } else { Err(Fault::Malformed) }
    }

    #[inline]
    fn name(&mut self) -> Result<Text<'a>, Fault> {
        self.expect(b'"')?;
        let name = self.string()?;
        self.expect(b':')?;
        Ok(name)
    }

    #[inline(always)]
    fn value(&mut self) -> Result<Value<'a>, Fault> {
        let first = self.peek();
        let start = self.at;
        let text = match first {
            Some(b'"') => {
                self.advance(1);
                Some(self.string()?)
            }
            Some(b'[' | b'{') => {
                self.nested()?;
                None
            }
            _ => {
                self.scalar()?;
                None
            }
        };
        Ok(Value { raw: self.since(start), text })
    }

    /// A number or a word.
    #[inline]
    fn scalar(&mut self) -> Result<(), Fault> {
        let word = match self.byte() {
            Some(b't') => "true",
            Some(b'f') => "false",
            Some(b'n') => "null",
            _ => return self.number(),
        };
        if !self.text.get(self.at..).unwrap_or_default().starts_with(word) {
            return Err(Fault::Malformed);
        }
        self.advance(word.len());
        Ok(())
    }

    fn number(&mut self) -> Result<(), Fault> {
        if self.byte() == Some(b'-') {
            self.advance(1);
        }
        let start = self.byte();
        let digits = self.digits()?;
        if start == Some(b'0') && digits > 1 {
            return Err(Fault::Malformed);
        }
        if self.byte() == Some(b'.') {
            self.advance(1);
            self.digits()?;
        }
        if matches!(self.byte(), Some(b'e' | b'E')) {
            self.advance(1);
            if matches!(self.byte(), Some(b'+' | b'-')) {
                self.advance(1);
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<usize, Fault> {
        let start = self.at;
        while self.byte().is_some_and(|byte| byte.is_ascii_digit()) {
            self.advance(1);
        }
        match self.at.wrapping_sub(start) {
            0 => Err(Fault::Malformed),
            digits => Ok(digits),
        }
    }

    /// The rest of a string whose opening quote is read.
    fn string(&mut self) -> Result<Text<'a>, Fault> {
        let (bytes, start) = (self.text.as_bytes(), self.at);
        let (mut at, mut is_escaped) = (start, false);
        // A byte at a time: most strings are short, or full of escapes, as a capability is.
        loop {
            match bytes.get(at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    is_escaped = true;
                    let width = match simple_escape(bytes.get(at.wrapping_add(1)).copied()) {
                        Some(_) => 2,
                        None => unicode_escape(self.text.get(at..).unwrap_or_default()).ok_or(Fault::Malformed)?.1,
                    };
                    at = at.wrapping_add(width);
                }
                Some(b' '..) => at = at.wrapping_add(1),
                _ => return Err(Fault::Malformed),
            }
        }
        let raw = self.text.get(start..at).unwrap_or_default();
        self.at = at.wrapping_add(1);
        Ok(Text { raw, is_escaped })
    }

    /// An array or an object, with all that is in it.
    fn nested(&mut self) -> Result<(), Fault> {
        let mut open = Open::default();
        loop {
            // Here a value begins.
            match self.peek() {
                Some(bracket @ (b'[' | b'{')) => {
                    self.advance(1);
                    let is_object = bracket == b'{';
                    open.push(is_object)?;
                    if !self.take(if is_object { b'}' } else { b']' }) {
                        if is_object {
                            self.name()?;
                        }
                        continue;
                    }
                    open.pop();
                }
                Some(b'"') => {
                    self.advance(1);
                    self.string()?;
                }
                _ => self.scalar()?,
            }
            // Here one has ended, and perhaps what it stands in.
            loop {
                let Some(is_object) = open.innermost() else {
                    return Ok(());
                };
                if self.take(b',') {
                    if is_object {
                        self.name()?;
                    }
                    break;
                }
                self.expect(if is_object { b'}' } else { b']' })?;
                open.pop();
            }
        }
    }
}

/// The arrays and objects that have begun and not ended.
#[derive(Default)]
struct Open {
    depth: u32,
    /// A bit for each, set if it is an object; the innermost has the lowest.
    objects: u32,
}

impl Open {
    const fn push(&mut self, is_object: bool) -> Result<(), Fault> {
        if self.depth == MAX_DEPTH {
            return Err(Fault::TooDeep);
        }
        self.depth = self.depth.wrapping_add(1);
        self.objects = self.objects << 1 | is_object as u32;
        Ok(())
    }

    const fn pop(&mut self) {
        self.depth = self.depth.wrapping_sub(1);
        self.objects >>= 1;
    }

    const fn innermost(&self) -> Option<bool> {
        if self.depth == 0 { None } else { Some(self.objects & 1 == 1) }
    }
}

/// What a well-formed string says.
fn unescape(raw: &str) -> String {
    let mut said = Vec::with_capacity(raw.len());
    let mut rest = raw.as_bytes().iter();
    while let Some(byte) = rest.next() {
        if *byte != b'\\' {
            said.push(*byte);
        } else if let Some(byte) = simple_escape(rest.next().copied()) {
            said.push(byte);
        } else {
            // At the `u`.
            let at = raw.len().wrapping_sub(rest.len()).wrapping_sub(2);
            let Some((decoded, width)) = unicode_escape(raw.get(at..).unwrap_or_default()) else {
                break;
            };
            said.extend_from_slice(decoded.encode_utf8(&mut [0; 4]).as_bytes());
            rest = rest.as_slice().get(width.wrapping_sub(2)..).unwrap_or_default().iter();
        }
    }
    String::from_utf8(said).unwrap_or_default()
}

/// What a backslash and that byte stand for, if they alone are an escape.
#[inline]
const fn simple_escape(byte: Option<u8>) -> Option<u8> {
    match byte {
        Some(plain @ (b'"' | b'\\' | b'/')) => Some(plain),
        Some(b'b') => Some(0x8),
        Some(b'f') => Some(0xc),
        Some(b'n') => Some(b'\n'),
        Some(b'r') => Some(b'\r'),
        Some(b't') => Some(b'\t'),
        _ => None,
    }
}

/// `\u` and four digits, twice where the first is half of a character.
fn unicode_escape(text: &str) -> Option<(char, usize)> {
    let first = code_unit(text)?;
    if let Some(whole) = char::from_u32(first) {
        return Some((whole, 6));
    }
    let second = code_unit(text.get(6..)?)?;
    let (high, low) = (first.checked_sub(0xd800)?, second.checked_sub(0xdc00)?);
    if high >= 0x400 || low >= 0x400 {
        return None;
    }
    Some((char::from_u32(0x1_0000_u32.wrapping_add(high << 10 | low))?, 12))
}

fn code_unit(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    if digits.bytes().all(|b| b.is_ascii_hexdigit()) { u32::from_str_radix(digits, 16).ok() } else { None }
}
