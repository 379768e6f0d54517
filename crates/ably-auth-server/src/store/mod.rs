//! What a service must not forget: which nonces were used, and what was revoked.

mod memory;
mod nonces;
mod revocations;

pub(crate) use memory::{Memory, lock};
pub(crate) use nonces::WINDOW_MILLIS;
pub(crate) use revocations::{Cutoff, Subject};
