//! A parser for the JSON of a header or a payload. In one pass, it returns the members by name, each with the text of
//! its value. It does not recurse: it checks that nested values are JSON, and skips them.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use super::is_plain;

/// The maximum number of levels of nested arrays and objects in a value.
const MAX_DEPTH: u32 = 32;

/// The initial capacity for a decoded string in bytes. Most strings are shorter.
const INITIAL_BYTES: usize = 256;

/// The reason why a text is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is not JSON, or not an object.
    Malformed,
    /// It has more than [`MAX_DEPTH`] levels.
    TooDeep,
}

/// A JSON value.
pub(crate) struct Value<'a> {
    /// The JSON text, unchanged.
    pub(crate) raw: &'a str,
    /// The decoded text, if the value is a string.
    pub(crate) text: Option<Cow<'a, str>>,
}

impl Value<'_> {
    pub(crate) fn is_null(&self) -> bool {
        self.raw == "null"
    }
}

/// Refuses a text that is not a JSON value.
pub(crate) fn check(json: &str) -> Result<(), Fault> {
    let mut reader = Reader { text: json, at: 0 };
    reader.value().and_then(|_| reader.end())
}

/// The members of an object, in order.
pub(crate) struct Members<'a> {
    reader: Reader<'a>,
    is_started: bool,
}

impl<'a> Members<'a> {
    pub(crate) const fn of(object: &'a str) -> Self {
        Self { reader: Reader { text: object, at: 0 }, is_started: false }
    }

    /// Returns the next member, or `None` after the end of the object.
    #[inline(always)]
    pub(crate) fn next(&mut self) -> Result<Option<(Cow<'a, str>, Value<'a>)>, Fault> {
        let reader = &mut self.reader;
        if self.is_started {
            if !reader.take(b',') {
                reader.expect(b'}')?;
                return reader.end().map(|()| None);
            }
        } else {
            self.is_started = true;
            reader.expect(b'{')?;
            if reader.take(b'}') {
                return reader.end().map(|()| None);
            }
        }
        reader.expect(b'"')?;
        let name = reader.text()?;
        reader.expect(b':')?;
        Ok(Some((name, reader.value()?)))
    }
}

struct Reader<'a> {
    text: &'a str,
    /// The byte offset of the next byte to read.
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

    /// Skips white space and returns the next byte without reading it.
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

    #[inline(always)]
    fn value(&mut self) -> Result<Value<'a>, Fault> {
        let first = self.peek();
        let start = self.at;
        let text = match first {
            Some(b'"') => {
                self.advance(1);
                Some(self.text()?)
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

    /// Skips a number, `true`, `false` or `null`.
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

    /// Decodes a string whose opening quote has been read.
    fn text(&mut self) -> Result<Cow<'a, str>, Fault> {
        let plain = self.plain();
        match self.byte() {
            Some(b'"') => {
                self.advance(1);
                Ok(Cow::Borrowed(plain))
            }
            Some(b'\\') => self.text_with_escapes(plain).map(Cow::Owned),
            _ => Err(Fault::Malformed),
        }
    }

    /// Decodes the rest of a string from its first escape.
    fn text_with_escapes(&mut self, plain: &str) -> Result<String, Fault> {
        let bytes = self.text.as_bytes();
        let mut rest = bytes.get(self.at..).unwrap_or_default().iter();
        let mut decoded = Vec::with_capacity(plain.len().saturating_add(rest.len().min(INITIAL_BYTES)));
        decoded.extend_from_slice(plain.as_bytes());
        while let Some(&byte) = rest.next() {
            if is_plain_byte(byte) {
                decoded.push(byte);
                continue;
            }
            self.at = bytes.len().wrapping_sub(rest.len());
            match (byte, simple_escape(self.byte())) {
                (b'"', _) => return String::from_utf8(decoded).map_err(|_| Fault::Malformed),
                (b'\\', Some(byte)) => {
                    decoded.push(byte);
                    rest.next();
                }
                (b'\\', None) => {
                    decoded.extend_from_slice(self.unicode_escape()?.encode_utf8(&mut [0; 4]).as_bytes());
                    rest = bytes.get(self.at..).unwrap_or_default().iter();
                }
                _ => break,
            }
        }
        Err(Fault::Malformed)
    }

    /// Skips the rest of a string whose opening quote has been read.
    fn string(&mut self) -> Result<(), Fault> {
        loop {
            self.plain();
            let byte = self.byte();
            self.advance(1);
            match byte {
                Some(b'"') => return Ok(()),
                Some(b'\\') if simple_escape(self.byte()).is_some() => self.advance(1),
                Some(b'\\') => self.unicode_escape().map(drop)?,
                _ => return Err(Fault::Malformed),
            }
        }
    }

    /// Reads the text up to the next quote, backslash or control character, or up to the end.
    fn plain(&mut self) -> &'a str {
        let start = self.at;
        let rest = self.text.as_bytes().get(start..).unwrap_or_default();
        self.advance(rest.iter().position(|byte| !is_plain_byte(*byte)).unwrap_or(rest.len()));
        self.since(start)
    }

    /// Decodes a `\u` escape whose backslash has been read.
    fn unicode_escape(&mut self) -> Result<char, Fault> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let (character, width) = unicode_escape(rest).ok_or(Fault::Malformed)?;
        self.advance(width);
        Ok(character)
    }

    /// Skips the name of a member and its colon.
    fn name(&mut self) -> Result<(), Fault> {
        self.expect(b'"')?;
        self.string()?;
        self.expect(b':')
    }

    /// Skips an array or an object.
    fn nested(&mut self) -> Result<(), Fault> {
        let mut open = Open::default();
        loop {
            // A value starts here.
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
            // A value has ended here, and perhaps the arrays and objects around it.
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

/// A stack of the open arrays and objects.
#[derive(Default)]
struct Open {
    depth: u32,
    /// One bit for each, set for an object. The innermost has the lowest bit.
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

/// A table, because strings are checked byte by byte.
static PLAIN_BYTES: [bool; 256] = plain_bytes();

#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "done by the compiler")]
const fn plain_bytes() -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < table.len() {
        table[byte] = is_plain(byte as u8);
        byte += 1;
    }
    table
}

fn is_plain_byte(byte: u8) -> bool {
    PLAIN_BYTES.get(usize::from(byte)) == Some(&true)
}

/// Returns the character of a backslash and one byte, if these two are an escape.
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

/// Decodes `u` and four digits, and a second `\u` with four digits if the first is half of a surrogate pair. Also
/// returns the length.
fn unicode_escape(text: &str) -> Option<(char, usize)> {
    let first = code_unit(text)?;
    if let Some(whole) = char::from_u32(first) {
        return Some((whole, 5));
    }
    let second = code_unit(text.get(5..)?.strip_prefix('\\')?)?;
    let (high, low) = (first.checked_sub(0xd800)?, second.checked_sub(0xdc00)?);
    if high >= 0x400 || low >= 0x400 {
        return None;
    }
    Some((char::from_u32(0x1_0000_u32.wrapping_add(high << 10 | low))?, 11))
}

fn code_unit(text: &str) -> Option<u32> {
    let digits = text.strip_prefix('u')?.get(..4)?;
    if digits.bytes().all(|b| b.is_ascii_hexdigit()) { u32::from_str_radix(digits, 16).ok() } else { None }
}
