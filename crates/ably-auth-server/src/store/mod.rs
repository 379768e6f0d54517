//! What a service must not forget: which nonces were used, what was revoked, and what tokens by reference stand for.

mod memory;
mod nonces;
mod references;
mod revocations;

pub(crate) use memory::{Memory, lock};
pub(crate) use nonces::WINDOW_MILLIS;
pub(crate) use revocations::{Cutoff, Subject};
