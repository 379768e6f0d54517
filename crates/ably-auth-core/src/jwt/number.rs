//! JSON numbers by their digits. Conversions to and from `f64` would bring tables of 10 KB into a program.

/// The parts of a JSON number.
pub(super) struct Number<'a> {
    is_negative: bool,
    whole: &'a str,
    fraction: &'a str,
    /// It saturates, because all very large exponents have the same effect.
    exponent: i64,
    /// The number of leading zeros of `whole` and `fraction`.
    leading_zeros: usize,
}

impl<'a> Number<'a> {
    /// Parses a number. Returns `None` for another JSON value.
    pub(super) fn parse(json: &'a str) -> Option<Self> {
        let (number, exponent) = match json.split_once(['e', 'E']) {
            Some((number, exponent)) => (number, saturating_integer(exponent)?),
            None => (json, 0),
        };
        let (is_negative, number) = number.strip_prefix('-').map_or((false, number), |number| (true, number));
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() || !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let leading_zeros = whole.bytes().chain(fraction.bytes()).take_while(|digit| *digit == b'0').count();
        Some(Self { is_negative, whole, fraction, exponent, leading_zeros })
    }

    /// Returns true for a number with a minus sign, also for `-0`.
    pub(super) const fn is_negative(&self) -> bool {
        self.is_negative
    }

    pub(super) const fn is_zero(&self) -> bool {
        self.leading_zeros == self.whole.len().wrapping_add(self.fraction.len())
    }

    /// Returns the number of digits before the decimal point, from the first that is not zero: 4 for `1234.5`, -1 for `0.012`.
    pub(super) fn digits_before_point(&self) -> i64 {
        let wide = |digits: usize| i64::try_from(digits).unwrap_or(i64::MAX);
        wide(self.whole.len()).saturating_add(self.exponent).saturating_sub(wide(self.leading_zeros))
    }

    /// Returns the digits from the first that is not zero.
    pub(super) fn significant(&self) -> impl Iterator<Item = u8> + 'a {
        self.whole.bytes().chain(self.fraction.bytes()).skip(self.leading_zeros)
    }
}

fn saturating_integer(text: &str) -> Option<i64> {
    let (sign, digits) = match text.as_bytes() {
        [b'-', digits @ ..] => (-1, digits),
        [b'+', digits @ ..] | digits => (1, digits),
    };
    let add = |value: i64, digit: &u8| value.saturating_mul(10).saturating_add(i64::from(digit & 0xf));
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    is_number.then(|| digits.iter().fold(0, add).saturating_mul(sign))
}
