//! A decoder for base64url without padding, which accepts only the canonical form.

/// The reason why a text is refused.
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
const INVALID: u32 = 1 << 31;

/// The bits of each character, shifted for each of the four places, so that decoding needs one look-up and no shift.
static PLACES: [[u32; 256]; 4] = [table(18), table(12), table(6), table(0)];

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

#[inline]
fn bits(four: [u8; 4]) -> u32 {
    let [first, second, third, fourth] = &PLACES;
    let of = |place: &[u32; 256], character: u8| place.get(usize::from(character)).copied().unwrap_or(INVALID);
    let [a, b, c, d] = four;
    of(first, a) | of(second, b) | of(third, c) | of(fourth, d)
}

/// Returns the number of bytes that a number of characters encodes.
pub(crate) const fn decoded_len(characters: usize) -> usize {
    // The result is smaller than `characters`, so it cannot overflow.
    (characters / 4).wrapping_mul(3).wrapping_add((characters % 4).wrapping_mul(3) / 4)
}

/// Decodes into the start of `room`, which has [`decoded_len`] bytes or more.
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

pub(crate) const fn is_invalid(byte: u8) -> bool {
    !(byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::{decode, decoded_len};

    /// Texts of any length with any character at any place give the same result as another decoder.
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
            assert_eq!(decoded_len(super::super::base64url_encoder::encoded_len(bytes)), bytes);
        }
    }
}
