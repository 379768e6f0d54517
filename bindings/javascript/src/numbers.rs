//! Milliseconds as JavaScript's numbers. `js/check.mjs` refuses those that are not whole numbers from 0 to 2^53.

use ably_auth_core::{Timestamp, Ttl};

use crate::failure::Failure;

/// Converts a whole number. Other numbers are rounded or limited, so that nothing panics.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` limits the number")]
pub(crate) const fn timestamp(millis: f64) -> Timestamp {
    Timestamp::from_millis(millis as u64)
}

pub(crate) fn ttl(millis: f64) -> Result<Ttl, Failure> {
    Ok(Ttl::from_millis(timestamp(millis).as_millis())?)
}
