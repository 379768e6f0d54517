//! JSON values: the members of an object in one pass, each with the text of its value. Nothing recurses: nested values
//! are checked and skipped.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use super::json_reader::{Reader, simple_escape, unescape};
use super::{plain_len, plain_of_eight};

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
    let mut reader = Reader::new(json);
    reader.value().and_then(|_| reader.end())
}

/// The members of an object, in order.
pub(crate) struct Members<'a> {
    reader: Reader<'a>,
    is_started: bool,
}

impl<'a> Members<'a> {
    pub(crate) const fn of(object: &'a str) -> Self {
        Self { reader: Reader::new(object), is_started: false }
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

impl<'a> Reader<'a> {
    #[inline]
    fn expect(&mut self, wanted: u8) -> Result<(), Fault> {
        if self.take(wanted) { Ok(()) } else { Err(Fault::Malformed) }
    }

    fn end(&mut self) -> Result<(), Fault> {
        if self.peek().is_none() { Ok(()) } else { Err(Fault::Malformed) }
    }

    /// Skips the name of a member and its colon.
    fn name(&mut self) -> Result<(), Fault> {
        self.expect(b'"')?;
        self.skip_string()?;
        self.expect(b':')
    }

    /// Skips the rest of a string whose opening quote has been read.
    fn skip_string(&mut self) -> Result<(), Fault> {
        self.string().map(drop).map_err(|_| Fault::Malformed)
    }

    #[inline(always)]
    fn value(&mut self) -> Result<Value<'a>, Fault> {
        let first = self.peek();
        let start = self.offset();
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
            Some(b't') => b"true".as_slice(),
            Some(b'f') => b"false".as_slice(),
            Some(b'n') => b"null".as_slice(),
            _ => return self.number(),
        };
        if !self.rest().starts_with(word) {
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
        let start = self.offset();
        while self.byte().is_some_and(|byte| byte.is_ascii_digit()) {
            self.advance(1);
        }
        match self.offset().wrapping_sub(start) {
            0 => Err(Fault::Malformed),
            digits => Ok(digits),
        }
    }

    /// Reads and decodes the rest of a string whose opening quote has been read.
    #[inline]
    fn text(&mut self) -> Result<Cow<'a, str>, Fault> {
        let start = self.offset();
        self.advance(plain_len(self.rest()));
        let plain = self.since(start);
        if self.byte() != Some(b'"') {
            return self.text_with_escapes(plain).map(Cow::Owned);
        }
        self.advance(1);
        Ok(Cow::Borrowed(plain))
    }

    /// Decodes the rest of a string from its first escape, in the pass that checks it. Two passes, as in
    /// [`string`](Self::string) and its result, take 37 % more instructions to verify a JWT.
    fn text_with_escapes(&mut self, plain: &str) -> Result<String, Fault> {
        let mut rest = self.rest();
        let total = rest.len();
        let mut decoded = Vec::with_capacity(plain.len().saturating_add(rest.len().min(INITIAL_BYTES)));
        decoded.extend_from_slice(plain.as_bytes());
        loop {
            // Copies eight bytes at once, and then takes back those that may need decoding.
            if let Some(eight) = rest.first_chunk() {
                let plain = plain_of_eight(*eight);
                decoded.extend_from_slice(eight);
                decoded.truncate(decoded.len().wrapping_sub(eight.len().wrapping_sub(plain)));
                rest = rest.get(plain..).unwrap_or_default();
                if plain == eight.len() {
                    continue;
                }
            }
            let (&byte, after) = rest.split_first().ok_or(Fault::Malformed)?;
            match byte {
                b'"' => {
                    self.advance(total.wrapping_sub(after.len()));
                    return String::from_utf8(decoded).map_err(|_| Fault::Malformed);
                }
                b'\\' => {
                    let width = if let Some(byte) = simple_escape(after.first()) {
                        decoded.push(byte);
                        2
                    } else {
                        let (character, width) = unescape(rest).map_err(|_| Fault::Malformed)?;
                        decoded.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                        width
                    };
                    rest = rest.get(width..).unwrap_or_default();
                }
                ..=0x1f => return Err(Fault::Malformed),
                byte => {
                    decoded.push(byte);
                    rest = after;
                }
            }
        }
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
                    self.skip_string()?;
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
