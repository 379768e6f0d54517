//! JSON, written as base64url into a buffer: no heap, no `core::fmt`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::canonical::Decimal;
use crate::scan::{is_plain, plain_len};

/// How many bytes are encoded at a time: whole groups of three, so that only a part's end has an incomplete one.
const HELD_BYTES: usize = 3 * 64;

/// How many characters the base64url of that many bytes has.
pub(super) const fn encoded_len(bytes: usize) -> usize {
    bytes.saturating_mul(4).div_ceil(3)
}

/// What JSON is written to, piece by piece.
pub(super) trait Json {
    /// Text of JSON as it is.
    fn raw(&mut self, json: &[u8]);

    /// The characters up to the first that needs an escape, and what is left.
    fn plain<'t>(&mut self, text: &'t [u8]) -> &'t [u8];

    /// A string, with no escape but those that JSON needs.
    fn text(&mut self, text: &str) {
        self.raw(b"\"");
        self.text_inside(text);
        self.raw(b"\"");
    }

    /// A string that ends up between quotes of the caller's.
    fn text_inside(&mut self, text: &str) {
        self.text_by_runs(text.as_bytes());
    }

    fn text_by_runs(&mut self, text: &[u8]) {
        let mut rest = self.plain(text);
        while let Some((special, after)) = rest.split_first() {
            self.escape(*special);
            rest = self.plain(after);
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

    /// An integer.
    fn number(&mut self, number: u64) {
        self.raw(Decimal::new(number).as_str().as_bytes());
    }
}

/// How much JSON is kept while it is measured: as much as most JWTs have.
const KEPT_BYTES: usize = 512;

/// Measures JSON, and keeps it if there is not too much of it.
pub(super) struct Draft {
    kept: [u8; KEPT_BYTES],
    len: usize,
}

impl Draft {
    pub(super) const fn new() -> Self {
        Self { kept: [0; KEPT_BYTES], len: 0 }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// All of the JSON, if all was kept.
    pub(super) fn kept(&self) -> Option<&[u8]> {
        self.kept.get(..self.len)
    }
}

impl Json for Draft {
    #[inline(always)]
    fn raw(&mut self, json: &[u8]) {
        let end = self.len.saturating_add(json.len());
        if let Some(room) = self.kept.get_mut(self.len..end) {
            room.copy_from_slice(json);
        }
        self.len = end;
    }

    /// A byte at a time, as long as there are no escapes but the usual two: a capability is full of them.
    fn text_inside(&mut self, text: &str) {
        let mut room = self.kept.get_mut(self.len..).unwrap_or_default().iter_mut();
        let before = room.len();
        for byte in text.bytes() {
            let is_usual = match byte {
                b'"' | b'\\' => room.next().map(|to| *to = b'\\').and_then(|()| room.next()).map(|to| *to = byte),
                b' '.. => room.next().map(|to| *to = byte),
                _ => None,
            };
            if is_usual.is_none() {
                return self.text_by_runs(text.as_bytes());
            }
        }
        self.len = self.len.wrapping_add(before).wrapping_sub(room.len());
    }

    #[inline]
    fn plain<'t>(&mut self, text: &'t [u8]) -> &'t [u8] {
        let room = self.kept.get_mut(self.len..).unwrap_or_default();
        let mut copied = 0_usize;
        for (to, from) in room.iter_mut().zip(text) {
            if !is_plain(*from) {
                break;
            }
            *to = *from;
            copied = copied.saturating_add(1);
        }
        if copied == room.len() {
            // No more is kept, but all is measured.
            copied = plain_len(text);
        }
        self.len = self.len.saturating_add(copied);
        text.get(copied..).unwrap_or_default()
    }
}

/// Writes a JWT into a buffer of exactly its length.
pub(super) struct Encoder<'b> {
    out: &'b mut [u8],
    len: usize,
    held: [u8; HELD_BYTES],
    held_len: usize,
}

impl<'b> Encoder<'b> {
    pub(super) const fn new(out: &'b mut [u8]) -> Self {
        Self { out, len: 0, held: [0; HELD_BYTES], held_len: 0 }
    }

    /// Text that is base64url already, and whole groups of it.
    pub(super) fn encoded(&mut self, text: &[u8]) {
        let end = self.len.saturating_add(text.len());
        if let Some(room) = self.out.get_mut(self.len..end) {
            room.copy_from_slice(text);
            self.len = end;
        }
    }

    /// A part, or the end of one, that is not given piece by piece.
    pub(super) fn encode(&mut self, bytes: &[u8]) {
        let room = self.out.get_mut(self.len..).unwrap_or_default();
        self.len = self.len.saturating_add(URL_SAFE_NO_PAD.encode_slice(bytes, room).unwrap_or_default());
    }

    /// Ends a part: what comes next is another.
    pub(super) fn end_part(&mut self) {
        self.flush();
        self.encoded(b".");
    }

    /// What is written, without the last part's dot.
    pub(super) fn signed_text(&self) -> &[u8] {
        self.out.get(..self.len.saturating_sub(1)).unwrap_or_default()
    }

    fn flush(&mut self) {
        let held = self.held.get(..self.held_len).unwrap_or_default();
        let room = self.out.get_mut(self.len..).unwrap_or_default();
        self.len = self.len.saturating_add(URL_SAFE_NO_PAD.encode_slice(held, room).unwrap_or_default());
        self.held_len = 0;
    }
}

impl Json for Encoder<'_> {
    fn plain<'t>(&mut self, text: &'t [u8]) -> &'t [u8] {
        let (plain, rest) = text.split_at(plain_len(text));
        self.raw(plain);
        rest
    }

    fn raw(&mut self, mut json: &[u8]) {
        loop {
            let room = self.held.get_mut(self.held_len..).unwrap_or_default();
            let (now, later) = json.split_at(json.len().min(room.len()));
            if let Some(room) = room.get_mut(..now.len()) {
                room.copy_from_slice(now);
            }
            self.held_len = self.held_len.saturating_add(now.len());
            if later.is_empty() {
                return;
            }
            self.flush();
            json = later;
        }
    }
}
