//! The JSON writer. It needs neither a heap nor `core::fmt`.

use core::fmt;

use super::{hex_digit, is_all_plain, is_plain, plain_len, plain_of_eight};

/// A sink for JSON text.
pub(crate) trait Json {
    /// Writes JSON as it is. It must consist of whole characters.
    fn raw(&mut self, json: &[u8]);

    /// Writes a string with only the escapes that JSON requires.
    fn text(&mut self, text: &str) {
        if is_all_plain(text) {
            self.raw(b"\"");
            self.raw(text.as_bytes());
            self.raw(b"\"");
        } else {
            self.text_with_escapes(text);
        }
    }

    /// Writes a string like [`text`](Self::text), for strings that have escapes, such as JSON in a string. With `text`
    /// instead, minting a JWT takes 5 % more instructions, and signing and writing a token request 4 % more.
    fn text_with_escapes(&mut self, text: &str) {
        self.raw(b"\"");
        self.escaped(text);
        self.raw(b"\"");
    }

    /// Writes the content of a string with its escapes, without the quotes.
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
        match special {
            b'"' => self.raw(b"\\\""),
            b'\\' => self.raw(b"\\\\"),
            b'\n' => self.raw(b"\\n"),
            b'\r' => self.raw(b"\\r"),
            b'\t' => self.raw(b"\\t"),
            0x08 => self.raw(b"\\b"),
            0x0c => self.raw(b"\\f"),
            control => self.raw(&[b'\\', b'u', b'0', b'0', hex_digit(control >> 4), hex_digit(control)]),
        }
    }
}

/// A writer into a buffer of the caller. It also counts bytes that do not fit, for the error that says how many are
/// needed.
pub(crate) struct Slice<'b> {
    room: &'b mut [u8],
    needed: usize,
}

impl<'b> Slice<'b> {
    pub(crate) const fn new(room: &'b mut [u8]) -> Self {
        Self { room, needed: 0 }
    }

    /// Returns the number of bytes of the JSON, including those that did not fit.
    pub(crate) const fn len(&self) -> usize {
        self.needed
    }

    /// Returns the JSON, or the number of bytes that it needs.
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

    /// Copies eight bytes at once, because JSON has only short runs between quotes. Byte by byte, minting a JWT takes 6 %
    /// more instructions, and signing and writing a token request 5 % more. Only this writer may get a character in
    /// pieces.
    fn escaped(&mut self, text: &str) {
        let mut rest = text.as_bytes();
        loop {
            // Later writes overwrite the bytes after the first that is not plain.
            let room = self.room.get_mut(self.needed..).and_then(|room| room.first_chunk_mut());
            if let (Some(eight), Some(room)) = (rest.first_chunk(), room) {
                *room = *eight;
                let plain = plain_of_eight(*eight);
                self.needed = self.needed.saturating_add(plain);
                rest = rest.get(plain..).unwrap_or_default();
                if plain == eight.len() {
                    continue;
                }
            }
            let Some((byte, after)) = rest.split_first() else {
                return;
            };
            if is_plain(*byte) {
                self.raw(&[*byte]);
            } else {
                self.escape(*byte);
            }
            rest = after;
        }
    }
}

const BUFFER_BYTES: usize = 128;

/// A writer that collects JSON in a buffer before it passes it to `out`. Without the buffer, writing a capability of 50
/// resources takes 2.8 times the instructions.
pub(crate) struct BufferedWriter<'w, W: fmt::Write + ?Sized> {
    out: &'w mut W,
    written: fmt::Result,
    bytes: [u8; BUFFER_BYTES],
    len: usize,
}

impl<'w, W: fmt::Write + ?Sized> BufferedWriter<'w, W> {
    pub(crate) const fn new(out: &'w mut W) -> Self {
        Self { out, written: Ok(()), bytes: [0; BUFFER_BYTES], len: 0 }
    }

    /// Passes the rest to `out`. Returns an error if any write failed.
    pub(crate) fn finish(mut self) -> fmt::Result {
        self.flush();
        self.written
    }

    fn flush(&mut self) {
        let buffered = self.bytes.get(..self.len).unwrap_or_default();
        self.written = self.written.and_then(|()| self.out.write_str(as_text(buffered)));
        self.len = 0;
    }

    /// Flushes the buffer, then stores `json` in it, or passes it on if it is too long for the buffer.
    #[cold]
    fn overflow(&mut self, json: &[u8]) {
        self.flush();
        if json.len() <= BUFFER_BYTES {
            self.raw(json);
        } else {
            self.written = self.written.and_then(|()| self.out.write_str(as_text(json)));
        }
    }
}

impl<W: fmt::Write + ?Sized> Json for BufferedWriter<'_, W> {
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

/// Converts to text. Only whole characters were written, so the conversion never fails.
fn as_text(json: &[u8]) -> &str {
    core::str::from_utf8(json).unwrap_or_default()
}
