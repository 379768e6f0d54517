//! Base64url, written into a buffer: no heap, no table, no branches on what is encoded.

/// How many bytes are encoded at a time: whole groups of three, and whole vectors where there are any.
const BYTES: usize = 24;
const CHARACTERS: usize = encoded_len(BYTES);

/// How many bytes more have to stand behind those that are encoded.
pub(super) const BEHIND: usize = BYTES;

/// How many bytes are moved at a time out of the way of their own characters.
const MOVED_BYTES: usize = 4 * BYTES;

const HMAC_BYTES: usize = 32;
pub(super) const SIGNATURE_LEN: usize = encoded_len(HMAC_BYTES);

/// How many characters the base64url of that many bytes has.
pub(super) const fn encoded_len(bytes: usize) -> usize {
    bytes.saturating_mul(4).div_ceil(3)
}

/// Writes a JWT into a buffer of exactly its length, with the signature last.
pub(super) struct Encoder<'b> {
    out: &'b mut [u8],
    len: usize,
}

impl<'b> Encoder<'b> {
    pub(super) const fn new(out: &'b mut [u8]) -> Self {
        Self { out, len: 0 }
    }

    /// What is written.
    pub(super) fn text(&self) -> &[u8] {
        self.out.get(..self.len).unwrap_or_default()
    }

    /// Text as it is.
    #[inline(always)]
    pub(super) fn plain(&mut self, text: &[u8]) {
        if let Some(room) = self.out.get_mut(self.len..).and_then(|room| room.get_mut(..text.len())) {
            room.copy_from_slice(text);
            self.len = self.len.saturating_add(text.len());
        }
    }

    /// The first `len` of the bytes, with [`BEHIND`] zeros behind them: whole groups of three, but for a part's end.
    pub(super) fn encode(&mut self, bytes: &[u8], len: usize) {
        // The last characters may be too many: what comes behind the part is written over them.
        let room = self.out.get_mut(self.len..).unwrap_or_default().chunks_exact_mut(CHARACTERS);
        let bytes = bytes.windows(BYTES + 1).step_by(BYTES).take(len.div_ceil(BYTES));
        for (bytes, room) in bytes.zip(room) {
            if let (Some(bytes), Some(room)) = (bytes.first_chunk(), room.first_chunk_mut()) {
                *room = encoded(bytes);
            }
        }
        self.len = self.len.saturating_add(encoded_len(len));
    }

    /// As many bytes as that, which `write` writes.
    #[cold]
    pub(super) fn encode_in_place(&mut self, len: usize, write: impl FnOnce(&mut [u8])) {
        let end = self.len.saturating_add(encoded_len(len));
        // At the end of their characters' room: there what is written never catches up with what is still to be read.
        let mut from = end.saturating_sub(len);
        if let Some(room) = self.out.get_mut(from..end) {
            write(room);
        }
        while from < end {
            let len = end.saturating_sub(from).min(MOVED_BYTES);
            let next = from.saturating_add(len);
            let mut moved = [0; MOVED_BYTES + BEHIND];
            if let (Some(room), Some(bytes)) = (moved.get_mut(..len), self.out.get(from..next)) {
                room.copy_from_slice(bytes);
            }
            self.encode(&moved, len);
            from = next;
        }
    }

    /// The signature, behind which there is no room.
    pub(super) fn signature(&mut self, hmac: &[u8; HMAC_BYTES]) {
        let mut bytes = [0; HMAC_BYTES + BEHIND];
        bytes.split_at_mut(HMAC_BYTES).0.copy_from_slice(hmac);
        if let (Some(first), Some(second)) = (bytes.first_chunk(), bytes.split_at(BYTES).1.first_chunk()) {
            self.plain(&encoded(first));
            self.plain(encoded(second).split_at(SIGNATURE_LEN - CHARACTERS).0);
        }
    }
}

/// The characters of all bytes but the last, which stands there so that three can be read as four.
#[inline(always)]
fn encoded(bytes: &[u8; BYTES + 1]) -> [u8; CHARACTERS] {
    let mut values = [[0; 4]; CHARACTERS / 4];
    for (values, bytes) in values.iter_mut().zip(bytes.windows(4).step_by(3)) {
        let bits = bytes.first_chunk().map_or(0, |four| u32::from_le_bytes(*four));
        let first = bits >> 2 & 0x3f;
        let second = bits << 12 & 0x3000 | bits >> 4 & 0x0f00;
        let third = bits << 10 & 0x3c_0000 | bits >> 6 & 0x03_0000;
        let fourth = bits << 8 & 0x3f00_0000;
        *values = (first | second | third | fourth).to_le_bytes();
    }
    let mut characters = [0; CHARACTERS];
    for (character, value) in characters.iter_mut().zip(values.as_flattened()) {
        *character = character_of(*value);
    }
    characters
}

/// Adds up how far the alphabet's runs are apart, in signed bytes, since those are what vectors compare.
#[inline(always)]
const fn character_of(value: u8) -> u8 {
    const fn gap(last: u8, next: u8) -> i8 {
        next.wrapping_sub(last).wrapping_sub(1) as i8
    }
    const fn from(first: i8, value: i8, gap: i8) -> i8 {
        if value >= first { gap } else { 0 }
    }
    let value = value as i8;
    let lower_case = from(26, value, gap(b'Z', b'a'));
    let digit = from(52, value, gap(b'z', b'0'));
    let minus = from(62, value, gap(b'9', b'-'));
    let underscore = from(63, value, gap(b'-', b'_'));
    let gaps = lower_case.wrapping_add(digit).wrapping_add(minus).wrapping_add(underscore);
    value.wrapping_add(b'A' as i8).wrapping_add(gaps) as u8
}

#[cfg(test)]
mod tests {
    extern crate std;

    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use std::vec;

    use super::{BEHIND, Encoder, SIGNATURE_LEN, encoded_len};

    /// What both ways of encoding a part make of it, and what comes behind it, is as another encoder has it.
    #[test]
    fn it_encodes_as_another_does() {
        let bytes: [u8; 400] = core::array::from_fn(|at| (at * at + at / 7) as u8);
        let hmac = bytes.first_chunk().unwrap();
        for len in 0..bytes.len() - BEHIND {
            let mut other = vec![b'.'; encoded_len(len) + 1 + SIGNATURE_LEN];
            URL_SAFE_NO_PAD.encode_slice(&bytes[..len], &mut other).unwrap();
            URL_SAFE_NO_PAD.encode_slice(hmac, &mut other[encoded_len(len) + 1..]).unwrap();
            for in_place in [false, true] {
                let mut text = vec![0xee; other.len()];
                let mut jwt = Encoder::new(&mut text);
                if in_place {
                    jwt.encode_in_place(len, |room| room.copy_from_slice(&bytes[..len]));
                } else {
                    jwt.encode(&[&bytes[..len], &[0; BEHIND]].concat(), len);
                }
                jwt.plain(b".");
                jwt.signature(hmac);
                assert_eq!(jwt.text(), other, "{len} bytes, {in_place}");
            }
        }
    }
}
