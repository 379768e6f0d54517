//! Whole seconds, which a JWT counts in, and our milliseconds.

use crate::error::{Error, ErrorKind};
use crate::time::{Timestamp, Ttl};

/// The last second of a JWT, in the year 5138: eleven digits, where a time in milliseconds has twelve or more.
pub(super) const LATEST: u64 = 99_999_999_999;

#[cfg(feature = "alloc")]
const MAX_DIGITS: usize = 11;

/// A lifetime in whole seconds: `iat` and `exp`.
#[derive(Clone, Copy)]
pub(super) struct Lifetime {
    pub(super) issued: u64,
    pub(super) expires: u64,
}

impl Lifetime {
    /// Ends no later than was asked, but for a ttl below one second, which none can be.
    pub(super) fn of(issued: Timestamp, ttl: Ttl) -> Result<Self, Error> {
        let asked = floor(issued.saturating_add(ttl));
        let issued = floor(issued);
        let expires = asked.max(issued.saturating_add(1));
        if expires > LATEST { Err(too_late()) } else { Ok(Self { issued, expires }) }
    }
}

const fn floor(moment: Timestamp) -> u64 {
    moment.as_millis() / 1000
}

/// The first whole second that is not before that moment.
pub(super) fn ceil(moment: Timestamp) -> Result<u64, Error> {
    let seconds = moment.as_millis().div_ceil(1000);
    if seconds > LATEST { Err(too_late()) } else { Ok(seconds) }
}

const fn too_late() -> Error {
    let advice = "give milliseconds since the epoch, before the year 5138";
    Error::new(ErrorKind::Timestamp, "timestamp is too late for a JWT", advice)
}

/// Reads a claim's seconds, to the millisecond.
///
/// # Errors
/// Says by name why a number is none of a time that there can be.
#[cfg(feature = "alloc")]
pub(super) fn read(claim: &'static str, json: &str) -> Result<Timestamp, Error> {
    let whole = json.bytes().take_while(u8::is_ascii_digit).count();
    let (seconds, rest) = json.as_bytes().split_at_checked(whole).unwrap_or_default();
    if whole == 0 || whole > MAX_DIGITS {
        return Err(fault(claim, json));
    }
    // Eleven digits and three: a `u64` has room for more.
    let millis = match rest {
        [] => value(seconds).wrapping_mul(1000),
        [b'.', fraction @ ..] if fraction.iter().all(u8::is_ascii_digit) => {
            let fraction = fraction.iter().chain(b"000").take(3);
            fraction.fold(value(seconds), |value, digit| with_digit(value, *digit))
        }
        _ => return Err(fault(claim, json)),
    };
    Ok(Timestamp::from_millis(millis))
}

#[cfg(feature = "alloc")]
fn value(digits: &[u8]) -> u64 {
    digits.iter().fold(0, |value, digit| with_digit(value, *digit))
}

#[cfg(feature = "alloc")]
const fn with_digit(value: u64, digit: u8) -> u64 {
    value.wrapping_mul(10).wrapping_add((digit & 0xf) as u64)
}

/// Says why a number is none of a time that there can be.
#[cfg(feature = "alloc")]
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
