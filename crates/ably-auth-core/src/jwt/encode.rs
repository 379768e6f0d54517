//! JSON, written as base64url into a buffer: no heap, no `core::fmt`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::canonical::Decimal;
use crate::scan::plain_len;

/// How many bytes are encoded at a time: whole groups of three, so that only a part's end has an incomplete one.
const HELD_BYTES: usize = 3 * 32;

/// How many characters the base64url of that many bytes has.
pub(super) const fn encoded_len(bytes: usize) -> usize {
    bytes.saturating_mul(4).div_ceil(3)
}

/// What JSON is written to, piece by piece.
pub(super) trait Json {
    /// Text of JSON as it is.
    fn raw(&mut self, json: &[u8]);

    /// A string, with no escape but those that JSON needs.
    fn text(&mut self, text: &str) {
        self.raw(b"\"");
        self.text_inside(text);
        self.raw(b"\"");
    }

    /// What stands between a string's quotes.
    fn text_inside(&mut self, text: &str) {
        self.text_by_runs(text);
    }

    fn text_by_runs(&mut self, text: &str) {
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

    /// An integer.
    fn number(&mut self, number: u64) {
        self.raw(Decimal::new(number).as_bytes());
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

    /// A byte at a time, as long as there is room and no escape but the usual two, which a capability is full of.
    fn text_inside(&mut self, text: &str) {
        let mut room = self.kept.get_mut(self.len..).unwrap_or_default().iter_mut();
        let before = room.len();
        for byte in text.bytes() {
            let done = match byte {
                b'"' | b'\\' => room.next().map(|to| *to = b'\\').and_then(|()| room.next()).map(|to| *to = byte),
                b' '.. => room.next().map(|to| *to = byte),
                _ => None,
            };
            if done.is_none() {
                return self.text_by_runs(text);
            }
        }
        self.len = self.len.wrapping_add(before).wrapping_sub(room.len());
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
