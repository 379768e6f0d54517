//! The times in claims: seconds since the epoch, which may have a fraction.

use crate::error::{Error, ErrorKind};
use crate::time::Timestamp;

/// The maximum number of digits of a time in seconds: times end in the year 5138.
const MAX_DIGITS: usize = 11;

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
    let (number, exponent) = match json.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, saturating_integer(exponent)?),
        None => (json, 0),
    };
    let (is_negative, number) = number.strip_prefix('-').map_or((false, number), |number| (true, number));
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() || !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits = whole.bytes().chain(fraction.bytes());
    let leading_zeros = digits.clone().take_while(|digit| *digit == b'0').count();
    if leading_zeros == whole.len().wrapping_add(fraction.len()) {
        return Some(0);
    }
    // `count` is the number of digits before the decimal point of the time in milliseconds.
    let left = |digits: usize| i64::try_from(digits).unwrap_or(i64::MAX);
    let count = left(whole.len()).saturating_add(exponent).saturating_add(3).saturating_sub(left(leading_zeros));
    if is_negative || count > left(MAX_DIGITS.wrapping_add(3)) {
        return None;
    }
    let significant = digits.skip(leading_zeros).chain(core::iter::repeat(b'0'));
    Some(significant.take(usize::try_from(count).unwrap_or(0)).fold(0, with_digit))
}

/// Parses an exponent. It saturates, because all very large exponents have the same effect.
fn saturating_integer(text: &str) -> Option<i64> {
    let (sign, digits) = match text.as_bytes() {
        [b'-', digits @ ..] => (-1, digits),
        [b'+', digits @ ..] | digits => (1, digits),
    };
    let add = |value: i64, digit: &u8| value.saturating_mul(10).saturating_add(i64::from(digit & 0xf));
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    is_number.then(|| digits.iter().fold(0, add).saturating_mul(sign))
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
