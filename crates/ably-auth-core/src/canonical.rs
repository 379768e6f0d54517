//! The text that a token request's mac covers.
//!
//! Six values in fixed order, each followed by a line feed, empty ones and the last included. No value but the capability
//! may hold a control character, and every capability is one field between known neighbours, so two different requests
//! never have the same text.

/// The longest decimal of a `u64`.
const U64_DIGITS: usize = 20;

/// The signed values, as text, in the order in which they are signed.
pub(crate) struct CanonicalText<'a> {
    pub(crate) key_name: &'a str,
    pub(crate) ttl: &'a str,
    pub(crate) capability: &'a str,
    pub(crate) client_id: &'a str,
    pub(crate) timestamp: &'a str,
    pub(crate) nonce: &'a str,
}

impl CanonicalText<'_> {
    /// Hands the text to `sink` piece by piece, so that nobody has to hold all of it.
    pub(crate) fn feed(&self, mut sink: impl FnMut(&[u8])) {
        let fields = [self.key_name, self.ttl, self.capability, self.client_id, self.timestamp, self.nonce];
        for field in fields {
            sink(field.as_bytes());
            sink(b"\n");
        }
    }
}

/// An integer in decimal, written without `core::fmt`.
pub(crate) struct Decimal {
    digits: [u8; U64_DIGITS],
    start: usize,
}

impl Decimal {
    pub(crate) fn new(mut value: u64) -> Self {
        let mut digits = [b'0'; U64_DIGITS];
        let mut start = U64_DIGITS;
        for (at, digit) in digits.iter_mut().enumerate().rev() {
            *digit = b'0' | (value % 10).to_le_bytes()[0];
            start = at;
            value /= 10;
            if value == 0 {
                break;
            }
        }
        Self { digits, start }
    }

    pub(crate) fn as_str(&self) -> &str {
        let digits = self.digits.get(self.start..).unwrap_or_default();
        core::str::from_utf8(digits).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::Decimal;

    #[test]
    fn decimals_are_exact_at_both_ends() {
        for (value, text) in
            [(0, "0"), (9, "9"), (10, "10"), (3_600_000, "3600000"), (u64::MAX, "18446744073709551615")]
        {
            assert_eq!(Decimal::new(value).as_str(), text);
        }
    }
}
