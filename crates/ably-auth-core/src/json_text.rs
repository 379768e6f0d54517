//! JSON, written piece by piece to anything that takes text: no heap, and none of `core::fmt`'s formatting.

use core::fmt;

use crate::scan::{plain_len, plain_of_eight};

/// A string, with no escape but those that JSON needs.
#[cfg(feature = "alloc")]
pub(crate) fn write_string(text: &str, out: &mut (impl fmt::Write + ?Sized)) -> fmt::Result {
    out.write_char('"')?;
    write_inside(text, out)?;
    out.write_char('"')
}

/// What stands between a string's quotes.
pub(crate) fn write_inside(text: &str, out: &mut (impl fmt::Write + ?Sized)) -> fmt::Result {
    let mut rest = text;
    loop {
        let (plain, special) = rest.split_at_checked(plain_len(rest.as_bytes())).unwrap_or((rest, ""));
        out.write_str(plain)?;
        if special.is_empty() {
            return Ok(());
        }
        // Where there is one character to escape there are more, so that pieces are gathered before they are written.
        let mut gathered = Gathered { bytes: [0; GATHERED_BYTES], len: 0 };
        let taken = gathered.take(special.as_bytes());
        out.write_str(gathered.as_str())?;
        rest = special.get(taken..).unwrap_or_default();
    }
}

const GATHERED_BYTES: usize = 128;

/// The most bytes that one step of gathering adds: eight plain ones and an escape.
const STEP_BYTES: usize = 8 + 6;

struct Gathered {
    bytes: [u8; GATHERED_BYTES],
    len: usize,
}

impl Gathered {
    /// Takes text and escapes it for as long as there is room and it is ASCII, and says how much it took.
    fn take(&mut self, text: &[u8]) -> usize {
        let mut taken = 0_usize;
        while self.len.saturating_add(STEP_BYTES) <= GATHERED_BYTES {
            let rest = text.get(taken..).unwrap_or_default();
            let mut plain = 0;
            if let (Some(eight), Some(room)) =
                (rest.first_chunk::<8>(), self.bytes.get_mut(self.len..).and_then(<[u8]>::first_chunk_mut::<8>))
            {
                // All eight are copied, and what is not plain is overwritten by what comes next.
                *room = *eight;
                plain = if eight.is_ascii() { plain_of_eight(*eight) } else { 0 };
            }
            self.len = self.len.saturating_add(plain);
            taken = taken.saturating_add(plain);
            if plain == 8 {
                continue;
            }
            match text.get(taken) {
                Some(&byte) if byte.is_ascii() => self.add(byte),
                _ => break,
            }
            taken = taken.saturating_add(1);
        }
        taken
    }

    #[inline]
    fn add(&mut self, byte: u8) {
        let digit = |value: u8| if value < 10 { b'0' | value } else { b'W'.wrapping_add(value) };
        match byte {
            b'"' | b'\\' => self.put([b'\\', byte]),
            b' '.. => self.put([byte]),
            b'\n' => self.put(*b"\\n"),
            b'\r' => self.put(*b"\\r"),
            b'\t' => self.put(*b"\\t"),
            0x08 => self.put(*b"\\b"),
            0x0c => self.put(*b"\\f"),
            _ => self.put([b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte & 0xf)]),
        }
    }

    #[inline]
    fn put<const N: usize>(&mut self, bytes: [u8; N]) {
        if let Some(room) = self.bytes.get_mut(self.len..).and_then(<[u8]>::first_chunk_mut::<N>) {
            *room = bytes;
            self.len = self.len.saturating_add(N);
        }
    }

    fn as_str(&self) -> &str {
        // ASCII alone was gathered.
        core::str::from_utf8(self.bytes.get(..self.len).unwrap_or_default()).unwrap_or_default()
    }
}

/// Text in a caller's buffer. What does not fit is counted, so that the caller can be told how much would.
pub(crate) struct Slice<'b> {
    room: &'b mut [u8],
    needed: usize,
}

impl<'b> Slice<'b> {
    pub(crate) const fn new(room: &'b mut [u8]) -> Self {
        Self { room, needed: 0 }
    }

    /// All of the text, or how many bytes it needs.
    pub(crate) fn finish(self) -> Result<&'b str, usize> {
        let text = self.room.get(..self.needed).ok_or(self.needed)?;
        // Only whole strings were copied.
        core::str::from_utf8(text).map_err(|_| self.needed)
    }
}

impl fmt::Write for Slice<'_> {
    #[inline]
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.needed.saturating_add(text.len());
        if let Some(room) = self.room.get_mut(self.needed..end) {
            room.copy_from_slice(text.as_bytes());
        }
        self.needed = end;
        Ok(())
    }
}
