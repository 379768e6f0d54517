//! base64url without padding, for JWTs: an encoder that writes into a buffer, and a decoder that accepts only the
//! canonical form. The encoder also writes macs, in standard base64. All other base64 is the `base64` crate's.
//!
//! With that crate's portable engine, minting a JWT takes 15 % more instructions, and verifying one 18 % more, as
//! `cargo xtask bench core --instructions` counts them. Its vectorized engine needs std.

/// The number of bytes that are encoded at once: a multiple of three, and a whole number of vectors where the target
/// has any.
const CHUNK_BYTES: usize = 24;
const CHUNK_CHARACTERS: usize = encoded_len(CHUNK_BYTES);

/// The number of zero bytes that must follow the bytes to encode.
pub(crate) const PADDING_BYTES: usize = CHUNK_BYTES;

/// The number of bytes that are copied at once before their characters overwrite them.
const MOVED_BYTES: usize = 4 * CHUNK_BYTES;

const HMAC_BYTES: usize = 32;
pub(crate) const SIGNATURE_LEN: usize = encoded_len(HMAC_BYTES);

/// The last two characters of an alphabet, by which the two forms of base64 differ.
#[derive(Clone, Copy)]
pub(crate) struct Alphabet(u8, u8);

pub(crate) const URL_SAFE: Alphabet = Alphabet(b'-', b'_');
pub(crate) const STANDARD: Alphabet = Alphabet(b'+', b'/');

/// Returns the number of base64url characters for a number of bytes.
pub(crate) const fn encoded_len(bytes: usize) -> usize {
    bytes.saturating_mul(4).div_ceil(3)
}

/// Writes a JWT into a buffer of exactly its length, with the signature last. It has no table, so that the compiler
/// vectorizes it.
pub(crate) struct Encoder<'b> {
    out: &'b mut [u8],
    len: usize,
}

impl<'b> Encoder<'b> {
    pub(crate) const fn new(out: &'b mut [u8]) -> Self {
        Self { out, len: 0 }
    }

    /// Returns the text that has been written.
    pub(crate) fn text(&self) -> &[u8] {
        self.out.get(..self.len).unwrap_or_default()
    }

    /// Writes text as it is.
    #[inline(always)]
    pub(crate) fn plain(&mut self, text: &[u8]) {
        if let Some(room) = self.out.get_mut(self.len..).and_then(|room| room.get_mut(..text.len())) {
            room.copy_from_slice(text);
            self.len = self.len.saturating_add(text.len());
        }
    }

    /// Encodes the first `len` bytes. [`PADDING_BYTES`] zeros must follow them. `len` must be a multiple of three, except at
    /// the end of a part.
    pub(crate) fn encode(&mut self, bytes: &[u8], len: usize) {
        // The last chunk may write too many characters. The next write overwrites them.
        encode_chunks(bytes, len, self.out.get_mut(self.len..).unwrap_or_default(), URL_SAFE);
        self.len = self.len.saturating_add(encoded_len(len));
    }

    /// Encodes `len` bytes that `write` produces.
    #[cold]
    pub(crate) fn encode_in_place(&mut self, len: usize, write: impl FnOnce(&mut [u8])) {
        let end = self.len.saturating_add(encoded_len(len));
        // The bytes are placed at the end of the space for their characters, so that characters never overwrite bytes
        // that are not read yet.
        let mut from = end.saturating_sub(len);
        if let Some(room) = self.out.get_mut(from..end) {
            write(room);
        }
        while from < end {
            let len = end.saturating_sub(from).min(MOVED_BYTES);
            let next = from.saturating_add(len);
            let mut moved = [0; MOVED_BYTES + PADDING_BYTES];
            if let (Some(room), Some(bytes)) = (moved.get_mut(..len), self.out.get(from..next)) {
                room.copy_from_slice(bytes);
            }
            self.encode(&moved, len);
            from = next;
        }
    }

    /// Encodes the signature. It is the last part, so there is no space for additional characters.
    pub(crate) fn signature(&mut self, hmac: &[u8; HMAC_BYTES]) {
        self.plain(&encoded_hmac(hmac, URL_SAFE));
    }
}

/// Returns the characters of a mac or a signature, without padding.
pub(crate) fn encoded_hmac(hmac: &[u8; HMAC_BYTES], alphabet: Alphabet) -> [u8; SIGNATURE_LEN] {
    let mut bytes = [0; HMAC_BYTES + PADDING_BYTES];
    bytes.split_at_mut(HMAC_BYTES).0.copy_from_slice(hmac);
    let mut characters = [0; 2 * CHUNK_CHARACTERS];
    encode_chunks(&bytes, HMAC_BYTES, &mut characters, alphabet);
    characters.first_chunk().copied().unwrap_or([0; SIGNATURE_LEN])
}

/// Encodes the first `len` bytes in whole chunks, as long as there is room for a whole chunk.
#[inline(always)]
fn encode_chunks(bytes: &[u8], len: usize, room: &mut [u8], alphabet: Alphabet) {
    let bytes = bytes.windows(CHUNK_BYTES + 1).step_by(CHUNK_BYTES).take(len.div_ceil(CHUNK_BYTES));
    for (bytes, room) in bytes.zip(room.chunks_exact_mut(CHUNK_CHARACTERS)) {
        if let (Some(bytes), Some(room)) = (bytes.first_chunk(), room.first_chunk_mut()) {
            *room = encoded(bytes, alphabet);
        }
    }
}

/// Returns the characters of all bytes except the last. The last byte is there so that each three bytes can be read as
/// four.
#[inline(always)]
fn encoded(bytes: &[u8; CHUNK_BYTES + 1], alphabet: Alphabet) -> [u8; CHUNK_CHARACTERS] {
    let mut values = [[0; 4]; CHUNK_CHARACTERS / 4];
    for (values, bytes) in values.iter_mut().zip(bytes.windows(4).step_by(3)) {
        let bits = bytes.first_chunk().map_or(0, |four| u32::from_le_bytes(*four));
        let first = bits >> 2 & 0x3f;
        let second = bits << 12 & 0x3000 | bits >> 4 & 0x0f00;
        let third = bits << 10 & 0x3c_0000 | bits >> 6 & 0x03_0000;
        let fourth = bits << 8 & 0x3f00_0000;
        *values = (first | second | third | fourth).to_le_bytes();
    }
    let mut characters = [0; CHUNK_CHARACTERS];
    for (character, value) in characters.iter_mut().zip(values.as_flattened()) {
        *character = character_of(*value, alphabet);
    }
    characters
}

/// Returns the character of a 6-bit value. It adds up the gaps between the ranges of the alphabet, in signed bytes,
/// because vector instructions compare signed bytes.
#[inline(always)]
const fn character_of(value: u8, alphabet: Alphabet) -> u8 {
    const fn gap(last: u8, next: u8) -> i8 {
        next.wrapping_sub(last).wrapping_sub(1) as i8
    }
    const fn from(first: i8, value: i8, gap: i8) -> i8 {
        if value >= first { gap } else { 0 }
    }
    let value = value as i8;
    let lower_case = from(26, value, gap(b'Z', b'a'));
    let digit = from(52, value, gap(b'z', b'0'));
    let minus = from(62, value, gap(b'9', alphabet.0));
    let underscore = from(63, value, gap(alphabet.0, alphabet.1));
    let gaps = lower_case.wrapping_add(digit).wrapping_add(minus).wrapping_add(underscore);
    value.wrapping_add(b'A' as i8).wrapping_add(gaps) as u8
}

/// The reason why a text is refused.
#[cfg(feature = "alloc")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It has a character that is not in base64url.
    InvalidCharacter,
    /// Its length is one more than a multiple of four. A single character has fewer bits than a byte.
    Length,
    /// The last character has non-zero bits after the last byte.
    TrailingBits,
}

/// The bit that is set for a character that is not in base64url.
#[cfg(feature = "alloc")]
const INVALID: u32 = 1 << 31;

/// The bits of each character, shifted for each of the four places, so that decoding needs one look-up and no shift.
#[cfg(feature = "alloc")]
static PLACES: [[u32; 256]; 4] = [table(18), table(12), table(6), table(0)];

#[cfg(feature = "alloc")]
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "done by the compiler")]
const fn table(shift: u32) -> [u32; 256] {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut table = [INVALID; 256];
    let mut value = 0;
    while value < alphabet.len() {
        table[alphabet[value] as usize] = (value as u32) << shift;
        value += 1;
    }
    table
}

#[cfg(feature = "alloc")]
#[inline]
fn bits(four: [u8; 4]) -> u32 {
    let [first, second, third, fourth] = &PLACES;
    let of = |place: &[u32; 256], character: u8| place.get(usize::from(character)).copied().unwrap_or(INVALID);
    let [a, b, c, d] = four;
    of(first, a) | of(second, b) | of(third, c) | of(fourth, d)
}

/// Returns the number of bytes that a number of characters encodes.
#[cfg(feature = "alloc")]
pub(crate) const fn decoded_len(characters: usize) -> usize {
    // The result is smaller than `characters`, so it cannot overflow.
    (characters / 4).wrapping_mul(3).wrapping_add((characters % 4).wrapping_mul(3) / 4)
}

/// Decodes into the start of `room`, which has [`decoded_len`] bytes or more.
#[cfg(feature = "alloc")]
pub(crate) fn decode(text: &str, mut room: &mut [u8]) -> Result<(), Fault> {
    let (mut rest, mut found) = (text.as_bytes(), 0);
    // Eight characters give six bytes. The store writes two more, which the next step overwrites.
    while let (Some((eight, after)), Some(bytes)) = (rest.split_first_chunk::<8>(), room.first_chunk_mut::<8>()) {
        let [a, b, c, d, e, f, g, h] = *eight;
        let (first, second) = (bits([a, b, c, d]), bits([e, f, g, h]));
        found |= first | second;
        *bytes = (u64::from(first) << 40 | u64::from(second) << 16).to_be_bytes();
        room = room.get_mut(6..).unwrap_or_default();
        rest = after;
    }
    while let (Some((four, after)), Some(bytes)) = (rest.split_first_chunk::<4>(), room.first_chunk_mut::<3>()) {
        let bits = bits(*four);
        found |= bits;
        let [_, three @ ..] = bits.to_be_bytes();
        *bytes = three;
        room = room.get_mut(3..).unwrap_or_default();
        rest = after;
    }
    let (last, trailing_bits, fault) = match *rest {
        [] => (0, 0, None),
        [a] => (bits([a, b'A', b'A', b'A']), 0, Some(Fault::Length)),
        [a, b] => (bits([a, b, b'A', b'A']), 0xffff, None),
        [a, b, c] => (bits([a, b, c, b'A']), 0xff, None),
        _ => (0, 0, Some(Fault::Length)),
    };
    if (found | last) & INVALID != 0 {
        return Err(Fault::InvalidCharacter);
    }
    if let Some(fault) = fault {
        return Err(fault);
    }
    if last & trailing_bits != 0 {
        return Err(Fault::TrailingBits);
    }
    let [_, decoded @ ..] = last.to_be_bytes();
    room.iter_mut().zip(decoded).take(rest.len().saturating_sub(1)).for_each(|(to, byte)| *to = byte);
    Ok(())
}

#[cfg(feature = "alloc")]
pub(crate) const fn is_invalid(byte: u8) -> bool {
    !(byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    extern crate std;

    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
    use std::vec;

    use super::{Encoder, PADDING_BYTES, SIGNATURE_LEN, STANDARD, URL_SAFE, encoded_hmac, encoded_len};
    #[cfg(feature = "alloc")]
    use super::{decode, decoded_len};

    /// Both ways of encoding give the same text as another encoder.
    #[test]
    fn encoding_matches_other_encoder() {
        let bytes: [u8; 400] = core::array::from_fn(|at| (at * at + at / 7) as u8);
        let hmac = bytes.first_chunk().unwrap();
        for len in 0..bytes.len() - PADDING_BYTES {
            let mut other = vec![b'.'; encoded_len(len) + 1 + SIGNATURE_LEN];
            URL_SAFE_NO_PAD.encode_slice(&bytes[..len], &mut other).unwrap();
            URL_SAFE_NO_PAD.encode_slice(hmac, &mut other[encoded_len(len) + 1..]).unwrap();
            for in_place in [false, true] {
                let mut text = vec![0xee; other.len()];
                let mut jwt = Encoder::new(&mut text);
                if in_place {
                    jwt.encode_in_place(len, |room| room.copy_from_slice(&bytes[..len]));
                } else {
                    jwt.encode(&[&bytes[..len], &[0; PADDING_BYTES]].concat(), len);
                }
                jwt.plain(b".");
                jwt.signature(hmac);
                assert_eq!(jwt.text(), other, "{len} bytes, {in_place}");
            }
        }
    }

    /// A mac has the same text as from another encoder, in both alphabets.
    #[test]
    fn mac_text_matches_other_encoder() {
        for first in 0..=u8::MAX {
            let mac: [u8; 32] = core::array::from_fn(|at| first.wrapping_add((31 * at) as u8));
            for (alphabet, other) in [(URL_SAFE, URL_SAFE_NO_PAD), (STANDARD, STANDARD_NO_PAD)] {
                let mut text = [0; SIGNATURE_LEN];
                other.encode_slice(mac, &mut text).unwrap();
                assert_eq!(encoded_hmac(&mac, alphabet), text);
            }
        }
    }

    /// Texts of any length with any character at any place give the same result as another decoder.
    #[cfg(feature = "alloc")]
    #[test]
    fn decoding_matches_other_decoder() {
        for len in 0..14 {
            for at in 0..len {
                for byte in 0..=u8::MAX {
                    let mut bytes = *b"QUJD-_x09zAAAA";
                    bytes[at] = byte;
                    let Ok(text) = core::str::from_utf8(&bytes[..len]) else { continue };
                    let mut room = [0xee; 12];
                    let decoded = decode(text, &mut room).map(|()| &room[..decoded_len(len)]);
                    assert_eq!(decoded.ok(), URL_SAFE_NO_PAD.decode(text).ok().as_deref(), "{text:?}");
                }
            }
        }
        for bytes in 0..100 {
            assert_eq!(decoded_len(encoded_len(bytes)), bytes);
        }
    }
}
