//! Durations as text: numbers with units.

use core::str::FromStr;
use core::time::Duration;

use super::Ttl;
use crate::error::{Error, ErrorKind};

/// Parses a duration: one or more whole numbers, each with a unit, such as `1h`, `90m`, `1h30m` or `500ms`.
///
/// The units are `ms`, `s`, `m` or `min`, `h` and `d`. Returns `None` for any other text, such as a number without a
/// unit. [`Ttl`] parses the same texts, within its limits.
///
/// ```
/// use core::time::Duration;
/// use ably_auth_core::parse_duration;
///
/// assert_eq!(parse_duration("1h30m"), Some(Duration::from_secs(5400)));
/// assert_eq!(parse_duration("5400"), None);
/// ```
#[must_use]
pub fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total = 0_u64;
    while !rest.is_empty() {
        let (number, after) = rest.split_at(rest.bytes().take_while(u8::is_ascii_digit).count());
        let (unit, after) = after.split_at(after.bytes().take_while(u8::is_ascii_alphabetic).count());
        let millis = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(millis)?)?;
        rest = after;
    }
    (!text.is_empty()).then_some(Duration::from_millis(total))
}

#[cfg(feature = "alloc")]
crate::text::conversions::try_from_text!(Ttl);

/// Parses numbers with units, such as `1h`, `90m` or `3600s`: see [`parse_duration`].
impl FromStr for Ttl {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let invalid = || Error::new(ErrorKind::Ttl, "ttl is not a duration", "give one such as `1h`, `90m` or `3600s`");
        parse_duration(text).ok_or_else(invalid)?.try_into()
    }
}
