//! The text that a token request's mac covers.
//!
//! The text has six values in a fixed order, each followed by a line feed. Empty values and the last value also have
//! the line feed. Only the capability may have control characters, and it is a single field between two others, so two
//! different requests never have the same text.

/// The maximum number of decimal digits of a `u64`.
const U64_DIGITS: usize = 20;

/// The signed values as text, in the order of the canonical text.
pub(crate) struct CanonicalText<'a> {
    pub(crate) key_name: &'a str,
    pub(crate) ttl: &'a [u8],
    pub(crate) capability: &'a str,
    pub(crate) client_id: &'a str,
    pub(crate) timestamp: &'a [u8],
    pub(crate) nonce: &'a str,
}

/// The maximum bytes that are passed to the hash at once. Most texts are shorter.
const PIECE_BYTES: usize = 256;

impl CanonicalText<'_> {
    /// Passes the text to `sink` in a few pieces, so that it need not be stored as a whole.
    pub(crate) fn feed(&self, mut sink: impl FnMut(&[u8])) {
        let [key_name, capability, client_id, nonce] =
            [self.key_name, self.capability, self.client_id, self.nonce].map(str::as_bytes);
        let mut piece = [0; PIECE_BYTES];
        let mut len = 0_usize;
        for field in [key_name, self.ttl, capability, client_id, self.timestamp, nonce] {
            let rest = piece.get_mut(len..).and_then(|rest| rest.split_at_mut_checked(field.len()));
            if let Some((room, [line_feed, ..])) = rest {
                room.copy_from_slice(field);
                *line_feed = b'\n';
                len = len.saturating_add(field.len()).saturating_add(1);
            } else {
                sink(piece.get(..len).unwrap_or_default());
                sink(field);
                sink(b"\n");
                len = 0;
            }
        }
        sink(piece.get(..len).unwrap_or_default());
    }
}

/// Returns the offset of the first control character (`Cc`: C0, DEL, C1).
pub(crate) fn control_character(text: &str) -> Option<usize> {
    if is_printable_ascii(text) { None } else { find_control_character(text) }
}

/// Returns true if the text is printable ASCII, as most texts are. It has no branches, so that the compiler vectorizes
/// it.
pub(crate) fn is_printable_ascii(text: &str) -> bool {
    text.bytes().fold(true, |all, byte| all & matches!(byte, b' '..=b'~'))
}

#[cold]
fn find_control_character(text: &str) -> Option<usize> {
    // Only C1 characters have two bytes: C2, then 80 to 9F.
    let mut before = 0;
    let found = text.bytes().position(|byte| {
        let is_control = byte < 0x20 || byte == 0x7f || (before == 0xc2 && byte < 0xa0);
        before = byte;
        is_control
    })?;
    Some(if text.is_char_boundary(found) { found } else { found.saturating_sub(1) })
}

/// A decimal number, written without `core::fmt`.
pub(crate) struct Decimal {
    digits: [[u8; 4]; U64_DIGITS / 4],
    start: usize,
}

impl Decimal {
    pub(crate) fn new(mut value: u64) -> Self {
        let mut digits = [[0; 4]; U64_DIGITS / 4];
        let mut start = U64_DIGITS;
        // Each division of the large number takes time, so it gives four digits.
        for four in digits.iter_mut().rev() {
            let pairs;
            (value, pairs) = split_off_four(value);
            // Divides both pairs by 10 at once: 103 / 1024 is exact below 100.
            let tens = (pairs.wrapping_mul(103) >> 10) & 0x000f_000f;
            let ones = pairs.wrapping_sub(tens.wrapping_mul(10));
            let both = tens | (ones << 8);
            *four = (both | u32::from_le_bytes(*b"0000")).to_le_bytes();
            start = start.saturating_sub(4);
            if value == 0 {
                let zeros = both.trailing_zeros() / 8;
                start = start.saturating_add(zeros.min(3) as usize);
                break;
            }
        }
        Self { digits, start }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.digits.as_flattened().get(self.start..).unwrap_or_default()
    }

    #[cfg(feature = "alloc")]
    pub(crate) fn as_str(&self) -> &str {
        core::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

/// Splits off the last four digits. The second value has the first two of them in its lower 16 bits and the last two in
/// its upper 16 bits.
#[cfg(target_pointer_width = "64")]
const fn split_off_four(value: u64) -> (u64, u32) {
    let four = (value % 10_000) as u32;
    (value / 10_000, (four / 100) | ((four % 100) << 16))
}

#[cfg(not(target_pointer_width = "64"))]
fn split_off_four(value: u64) -> (u64, u32) {
    let (value, last) = split_off_two(value);
    let (value, first) = split_off_two(value);
    (value, first | (last << 16))
}

/// Divides byte by byte. On 32-bit targets, the division of a `u64` is a kilobyte of code.
#[cfg(not(target_pointer_width = "64"))]
fn split_off_two(value: u64) -> (u64, u32) {
    let mut remainder = 0_u16;
    let quotient = value.to_be_bytes().map(|byte| {
        let piece = remainder << 8 | u16::from(byte);
        remainder = piece % 100;
        (piece / 100).to_le_bytes()[0]
    });
    (u64::from_be_bytes(quotient), remainder.into())
}

#[cfg(test)]
mod tests {
    extern crate alloc;

    use super::{CanonicalText, Decimal, PIECE_BYTES, control_character};
    use alloc::string::{String, ToString as _};
    use alloc::vec::Vec;

    #[test]
    fn control_character_matches_unicode() {
        for c in '\0'..='\u{3000}' {
            let text: String = ['é', c, 'x', '\u{85}'].iter().collect();
            let first = text.char_indices().find(|(_, c)| c.is_control()).map(|(at, _)| at);
            assert_eq!(control_character(&text), first, "{c:?}");
        }
        assert_eq!(control_character("plain"), None);
    }

    #[test]
    fn text_is_the_same_for_any_field_length() {
        for len in [0, 1, PIECE_BYTES - 20, PIECE_BYTES - 2, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 1_000] {
            let capability: String = ('a'..='z').cycle().take(len).collect();
            let text = CanonicalText {
                key_name: "app.key",
                ttl: b"1",
                capability: &capability,
                client_id: "bob",
                timestamp: b"2",
                nonce: "n",
            };
            let mut fed = Vec::new();
            text.feed(|piece| fed.extend_from_slice(piece));
            assert_eq!(fed, ["app.key\n1\n", &capability, "\nbob\n2\nn\n"].concat().into_bytes(), "{len}");
        }
    }

    #[test]
    fn decimal_is_exact_for_any_length() {
        let powers = (0..20).map(|power| 10_u64.pow(power));
        let mut values: Vec<u64> = powers.flat_map(|power| [power - 1, power, power + 7, power + power / 10]).collect();
        values.extend(0..10_000);
        values.extend([3_600_000, 1_449_746_287_318, u64::MAX - 1, u64::MAX]);
        for value in values {
            assert_eq!(Decimal::new(value).as_bytes(), value.to_string().as_bytes());
        }
    }
}
