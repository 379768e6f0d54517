//! Base64url without padding, in the one form that it has.

/// Why text is not decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It has a character that is none of base64url.
    Foreign,
    /// It has one character more than a multiple of four, which says less than a byte.
    Length,
    /// Its last character says more than belongs to the last byte.
    Surplus,
}

/// Set for a character that is none of base64url.
const FOREIGN: u32 = 1 << 31;

/// What each character says, in its place among four: one look-up, and nothing to shift.
static PLACES: [[u32; 256]; 4] = [table(18), table(12), table(6), table(0)];

#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "done by the compiler")]
const fn table(shift: u32) -> [u32; 256] {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut table = [FOREIGN; 256];
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
    let of = |place: &[u32; 256], character: u8| place.get(usize::from(character)).copied().unwrap_or(FOREIGN);
    let [a, b, c, d] = four;
    of(first, a) | of(second, b) | of(third, c) | of(fourth, d)
}

/// How many bytes that many characters say.
pub(super) const fn decoded_len(characters: usize) -> usize {
    // Never more than there are characters.
    (characters / 4).wrapping_mul(3).wrapping_add((characters % 4).wrapping_mul(3) / 4)
}

/// Decodes into the start of `room`, which has [`decoded_len`] bytes or more.
pub(super) fn decode(text: &str, mut room: &mut [u8]) -> Result<(), Fault> {
    let (mut rest, mut found) = (text.as_bytes(), 0);
    // Eight characters are six bytes, and the two that are stored behind them are written over by what comes next.
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
    let (last, surplus, fault) = match *rest {
        [] => (0, 0, None),
        [a] => (bits([a, b'A', b'A', b'A']), 0, Some(Fault::Length)),
        [a, b] => (bits([a, b, b'A', b'A']), 0xffff, None),
        [a, b, c] => (bits([a, b, c, b'A']), 0xff, None),
        _ => (0, 0, Some(Fault::Length)),
    };
    if (found | last) & FOREIGN != 0 {
        return Err(Fault::Foreign);
    }
    if let Some(fault) = fault {
        return Err(fault);
    }
    if last & surplus != 0 {
        return Err(Fault::Surplus);
    }
    let [_, decoded @ ..] = last.to_be_bytes();
    room.iter_mut().zip(decoded).take(rest.len().saturating_sub(1)).for_each(|(to, byte)| *to = byte);
    Ok(())
}

pub(super) const fn is_foreign(byte: u8) -> bool {
    !(byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::{decode, decoded_len};

    /// Texts of every length and, at every place, of every character are taken as by another decoder.
    #[test]
    fn it_decodes_as_another_does() {
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
            assert_eq!(decoded_len(super::super::encode::encoded_len(bytes)), bytes);
        }
    }
}
