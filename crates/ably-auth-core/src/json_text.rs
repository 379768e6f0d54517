//! JSON, written piece by piece: no heap, and none of `core::fmt`'s formatting.

use core::fmt;

use crate::scan::{is_plain, plain_len};

/// What JSON is written to.
pub(crate) trait Json {
    /// Text of JSON as it is, in whole characters.
    fn raw(&mut self, json: &[u8]);

    /// A string, with no escape but those that JSON needs.
    fn text(&mut self, text: &str) {
        // Without branches, so that the compiler takes many bytes at once.
        if text.bytes().fold(true, |all, byte| all & is_plain(byte)) {
            self.raw(b"\"");
            self.raw(text.as_bytes());
            self.raw(b"\"");
        } else {
            self.text_with_escapes(text);
        }
    }

    /// As [`text`](Self::text), of one that surely has something to escape, as JSON has.
    fn text_with_escapes(&mut self, text: &str) {
        self.raw(b"\"");
        self.escaped(text);
        self.raw(b"\"");
    }

    /// What stands between the quotes of such a string.
    fn escaped(&mut self, text: &str) {
        let mut rest = text.as_bytes();
        loop {
            let (plain, special) = rest.split_at_checked(plain_len(rest)).unwrap_or((rest, &[]));
            self.raw(plain);
            let Some((special, after)) = special.split_first() else {
                return;
            };
            self.escape(*special);
            rest = after;
        }
    }

    #[inline]
    fn escape(&mut self, special: u8) {
        let digit = |value: u8| if value < 10 { b'0' | value } else { b'W'.wrapping_add(value) };
        match special {
            b'"' => self.raw(b"\\\""),
            b'\\' => self.raw(b"\\\\"),
            b'\n' => self.raw(b"\\n"),
            b'\r' => self.raw(b"\\r"),
            b'\t' => self.raw(b"\\t"),
            0x08 => self.raw(b"\\b"),
            0x0c => self.raw(b"\\f"),
            control => self.raw(&[b'\\', b'u', b'0', b'0', digit(control >> 4), digit(control & 0xf)]),
        }
    }
}

/// JSON in a caller's buffer. What does not fit is counted, so that the caller can be told how much would.
pub(crate) struct Slice<'b> {
    room: &'b mut [u8],
    needed: usize,
}

impl<'b> Slice<'b> {
    pub(crate) const fn new(room: &'b mut [u8]) -> Self {
        Self { room, needed: 0 }
    }

    /// How many bytes the JSON has, whether there was room for them or not.
    pub(crate) const fn len(&self) -> usize {
        self.needed
    }

    /// All of the JSON, or how many bytes it needs.
    pub(crate) fn finish(self) -> Result<&'b str, usize> {
        let json = self.room.get(..self.needed).ok_or(self.needed)?;
        core::str::from_utf8(json).map_err(|_| self.needed)
    }
}

impl Json for Slice<'_> {
    #[inline(always)]
    fn raw(&mut self, json: &[u8]) {
        if let Some(room) = self.room.get_mut(self.needed..).and_then(|room| room.get_mut(..json.len())) {
            room.copy_from_slice(json);
        }
        self.needed = self.needed.saturating_add(json.len());
    }

    /// A byte at a time: in JSON the runs between two quotes are short.
    fn escaped(&mut self, text: &str) {
        for byte in text.bytes() {
            match byte {
                b'"' | b'\\' => self.raw(&[b'\\', byte]),
                b' '.. => self.raw(&[byte]),
                _ => self.escape(byte),
            }
        }
    }
}

const GATHERED_BYTES: usize = 128;

/// JSON for anything that takes text, gathered before it is handed over.
pub(crate) struct Gathered<'w, W: fmt::Write + ?Sized> {
    out: &'w mut W,
    written: fmt::Result,
    bytes: [u8; GATHERED_BYTES],
    len: usize,
}

impl<'w, W: fmt::Write + ?Sized> Gathered<'w, W> {
    pub(crate) const fn new(out: &'w mut W) -> Self {
        Self { out, written: Ok(()), bytes: [0; GATHERED_BYTES], len: 0 }
    }

    /// Hands over what is left, and says whether all of it was taken.
    pub(crate) fn finish(mut self) -> fmt::Result {
        self.flush();
        self.written
    }

    fn flush(&mut self) {
        let gathered = self.bytes.get(..self.len).unwrap_or_default();
        self.written = self.written.and_then(|()| self.out.write_str(as_text(gathered)));
        self.len = 0;
    }

    /// What there is no room for begins the next piece, or is one of its own.
    #[cold]
    fn overflow(&mut self, json: &[u8]) {
        self.flush();
        if json.len() <= GATHERED_BYTES {
            self.raw(json);
        } else {
            self.written = self.written.and_then(|()| self.out.write_str(as_text(json)));
        }
    }
}

impl<W: fmt::Write + ?Sized> Json for Gathered<'_, W> {
    #[inline(always)]
    fn raw(&mut self, json: &[u8]) {
        match self.bytes.get_mut(self.len..).and_then(|room| room.get_mut(..json.len())) {
            Some(room) => {
                room.copy_from_slice(json);
                self.len = self.len.saturating_add(json.len());
            }
            None => self.overflow(json),
        }
    }
}

/// Only whole characters are written, so that nothing is lost.
fn as_text(json: &[u8]) -> &str {
    core::str::from_utf8(json).unwrap_or_default()
}
