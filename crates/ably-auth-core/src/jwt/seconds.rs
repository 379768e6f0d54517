//! Conversion between the whole seconds of a JWT and milliseconds.

use crate::error::{Error, ErrorKind};
use crate::time::{Timestamp, Ttl};

/// The latest time of a JWT in seconds since the epoch, in the year 5138. It has eleven digits; a time in milliseconds
/// has twelve or more.
pub(super) const LATEST: u64 = 99_999_999_999;

/// A lifetime in whole seconds: `iat` and `exp`.
#[derive(Clone, Copy)]
pub(super) struct Lifetime {
    pub(super) issued: u64,
    pub(super) expires: u64,
}

impl Lifetime {
    /// Rounds a lifetime to whole seconds. It never lasts longer than `ttl`, unless `ttl` is shorter than one second.
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

/// Rounds a time up to whole seconds.
pub(super) fn ceil(moment: Timestamp) -> Result<u64, Error> {
    let seconds = moment.as_millis().div_ceil(1000);
    if seconds > LATEST { Err(too_late()) } else { Ok(seconds) }
}

const fn too_late() -> Error {
    let advice = "give milliseconds since the epoch, before the year 5138";
    Error::new(ErrorKind::Timestamp, "timestamp is too late for a JWT", advice)
}
