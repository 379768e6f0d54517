//! Decimal numbers without `core::fmt`.
//!
//! Not the crate `itoa`: it divides 64-bit numbers, which adds 1,076 bytes (8 %) to the flash of the smallest firmware
//! (the image `sign` for Cortex-M4), and `cargo xtask embedded` allows 2 %. On 64-bit machines, `itoa` would take up to
//! 5 % fewer instructions to sign.

/// The maximum number of decimal digits of a `u64`.
const U64_DIGITS: usize = 20;

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

    use alloc::string::ToString as _;
    use alloc::vec::Vec;

    use super::Decimal;

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
