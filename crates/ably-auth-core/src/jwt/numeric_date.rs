//! The times in claims: seconds since the epoch, which may have a fraction.

use super::number::Number;
use crate::error::{Error, ErrorKind};
use crate::time::Timestamp;

/// The maximum number of digits of a time in seconds: times end in the year 5138.
const MAX_DIGITS: usize = 11;
/// The same for a time in milliseconds.
const MAX_MILLIS_DIGITS: i64 = 14;

/// Parses the time in a claim, to the millisecond.
///
/// # Errors
/// Says why the time is out of range or not a number.
pub(super) fn read(claim: &'static str, json: &str) -> Result<Timestamp, Error> {
    let (mut seconds, mut rest) = (0, json.as_bytes());
    while let [digit @ b'0'..=b'9', after @ ..] = rest {
        seconds = with_digit(seconds, *digit);
        rest = after;
    }
    let whole = json.len().wrapping_sub(rest.len());
    if whole == 0 || whole > MAX_DIGITS {
        return by_value(json).map(Timestamp::from_millis).ok_or_else(|| fault(claim, json));
    }
    // Eleven digits for seconds and three for milliseconds fit into a `u64`.
    let millis = match rest {
        [] => seconds.wrapping_mul(1000),
        [b'.', fraction @ ..] if fraction.iter().all(u8::is_ascii_digit) => {
            let fraction = fraction.iter().chain(b"000").take(3);
            fraction.fold(seconds, |value, digit| with_digit(value, *digit))
        }
        _ => by_value(json).ok_or_else(|| fault(claim, json))?,
    };
    Ok(Timestamp::from_millis(millis))
}

const fn with_digit(value: u64, digit: u8) -> u64 {
    value.wrapping_mul(10).wrapping_add((digit & 0xf) as u64)
}

/// Converts any JSON number of seconds to milliseconds, rounded down: `1.7e9`, `1700000000000e-3`, `-0`. Returns `None`
/// for a time before the epoch or after the year 5138, and for a value that is not a number.
#[cold]
fn by_value(json: &str) -> Option<u64> {
    let number = Number::parse(json)?;
    if number.is_zero() {
        return Some(0);
    }
    // The number of digits before the decimal point of the time in milliseconds.
    let count = number.digits_before_point().saturating_add(3);
    if number.is_negative() || count > MAX_MILLIS_DIGITS {
        return None;
    }
    let significant = number.significant().chain(core::iter::repeat(b'0'));
    Some(significant.take(usize::try_from(count).unwrap_or(0)).fold(0, with_digit))
}

/// Returns the error for a time that is out of range or not a number.
#[cold]
fn fault(claim: &'static str, json: &str) -> Error {
    let seconds = "give seconds since the epoch, as a JSON number";
    let (problem, advice) = match json.as_bytes().first() {
        Some(b'-') => ("JWT has a time before the epoch:", seconds),
        Some(b'0'..=b'9') => ("JWT has a time after the year 5138:", "give seconds since the epoch, not milliseconds"),
        _ => ("JWT has a time that is not a number:", seconds),
    };
    Error::new(ErrorKind::Jwt, problem, advice).input(claim)
}
