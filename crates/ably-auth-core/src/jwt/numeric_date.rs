//! A claim's seconds since the epoch, which may have a fraction.

use crate::error::{Error, ErrorKind};
use crate::time::Timestamp;

/// The digits of the last second of a JWT, which [`seconds`](super::seconds) knows.
const MAX_DIGITS: usize = 11;

/// Reads a claim's seconds, to the millisecond.
///
/// # Errors
/// Says by name why a number is none of a time that there can be.
pub(super) fn read(claim: &'static str, json: &str) -> Result<Timestamp, Error> {
    let (mut seconds, mut rest) = (0, json.as_bytes());
    while let [digit @ b'0'..=b'9', after @ ..] = rest {
        seconds = with_digit(seconds, *digit);
        rest = after;
    }
    let whole = json.len().wrapping_sub(rest.len());
    if whole == 0 || whole > MAX_DIGITS {
        return Err(fault(claim, json));
    }
    // Eleven digits and three: a `u64` has room for more.
    let millis = match rest {
        [] => seconds.wrapping_mul(1000),
        [b'.', fraction @ ..] if fraction.iter().all(u8::is_ascii_digit) => {
            let fraction = fraction.iter().chain(b"000").take(3);
            fraction.fold(seconds, |value, digit| with_digit(value, *digit))
        }
        _ => return Err(fault(claim, json)),
    };
    Ok(Timestamp::from_millis(millis))
}

const fn with_digit(value: u64, digit: u8) -> u64 {
    value.wrapping_mul(10).wrapping_add((digit & 0xf) as u64)
}

/// Says why a number is none of a time that there can be.
#[cold]
fn fault(claim: &'static str, json: &str) -> Error {
    let seconds = "give seconds since the epoch, as a JSON number";
    let digits = json.bytes().take_while(u8::is_ascii_digit).count();
    let (problem, advice) = match json.as_bytes().first() {
        Some(b'-') => ("JWT has a time before the epoch:", seconds),
        Some(b'0'..=b'9') if digits > MAX_DIGITS => {
            ("JWT has a time after the year 5138:", "give seconds since the epoch, not milliseconds")
        }
        Some(b'0'..=b'9') => ("JWT has a time with an exponent:", seconds),
        _ => ("JWT has a time that is no number:", seconds),
    };
    Error::new(ErrorKind::Jwt, problem, advice).input(claim)
}
