//! Search for the end of plain text in a JSON string: a quote, a backslash or a control character.

/// Returns the number of bytes before the first one that is not plain.
pub(crate) fn plain_len(text: &[u8]) -> usize {
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

pub(crate) const fn is_plain(byte: u8) -> bool {
    !matches!(byte, b'"' | b'\\' | ..=0x1f)
}

/// Does the same as [`plain_len`] for eight bytes at once.
pub(crate) const fn plain_of_eight(eight: [u8; 8]) -> usize {
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
