//! A JSON writer without a heap and without `core::fmt`.

use core::fmt;

use super::is_plain;

/// A sink for JSON text.
pub(crate) trait Json {
    /// Writes JSON as it is. It must consist of whole characters.
    fn raw(&mut self, json: &[u8]);

    /// Writes a string with only the escapes that JSON requires.
    fn text(&mut self, text: &str) {
        // Without branches, so that the compiler vectorizes the loop.
        if text.bytes().fold(true, |all, byte| all & is_plain(byte)) {
            self.raw(b"\"");
            self.raw(text.as_bytes());
            self.raw(b"\"");
        } else {
            self.text_with_escapes(text);
        }
    }

    /// Writes a string like [`text`](Self::text). It is faster for strings that have escapes, such as JSON in a string.
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

    /// Escapes byte by byte, because JSON has only short runs between quotes.
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

const BUFFER_BYTES: usize = 128;

/// A writer that collects JSON in a buffer before it passes it to `out`.
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

/// Returns the number of bytes of a JSON string before the first one that is not plain.
fn plain_len(text: &[u8]) -> usize {
    let mut plain = 0_usize;
    let mut rest = text;
    while let Some((eight, after)) = rest.split_first_chunk::<8>() {
        let here = plain_of_eight(*eight);
        plain = plain.wrapping_add(here);
        if here < 8 {
            return plain;
        }
        rest = after;
    }
    plain.wrapping_add(rest.iter().position(|b| !is_plain(*b)).unwrap_or(rest.len()))
}

/// Does the same as [`plain_len`] for eight bytes at once.
const fn plain_of_eight(eight: [u8; 8]) -> usize {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGH: u64 = u64::from_le_bytes([0x80; 8]);
    const SPACES: u64 = u64::from_le_bytes([b' '; 8]);
    const QUOTES: u64 = u64::from_le_bytes([b'"'; 8]);
    const BACKSLASHES: u64 = u64::from_le_bytes([b'\\'; 8]);
    // A subtraction borrows only from later bytes, so the first match is correct.
    let eight = u64::from_le_bytes(eight);
    let (quotes, backslashes) = (eight ^ QUOTES, eight ^ BACKSLASHES);
    let found = (eight.wrapping_sub(SPACES) & !eight)
        | (quotes.wrapping_sub(ONES) & !quotes)
        | (backslashes.wrapping_sub(ONES) & !backslashes);
    ((found & HIGH).trailing_zeros() / 8) as usize
}

#[cfg(test)]
mod tests {
    use super::{is_plain, plain_len};

    #[test]
    fn special_byte_is_found_at_every_offset() {
        for byte in 0..=u8::MAX {
            for at in 0..20 {
                let mut text = [b'a'; 20];
                text[at] = byte;
                assert_eq!(plain_len(&text), if is_plain(byte) { 20 } else { at }, "{byte} at {at}");
                let mut text = [0xff; 20];
                text[at] = byte;
                assert_eq!(plain_len(&text), if is_plain(byte) { 20 } else { at }, "{byte} at {at}");
            }
        }
    }
}
