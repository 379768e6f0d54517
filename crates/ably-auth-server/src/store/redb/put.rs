//! The writes that the thread of the database takes.

use ably_auth_core::Timestamp;

use crate::store::{Record, Reference};

/// What is to be written.
pub(super) enum Put {
    /// Unless one of them was written after that version.
    Records(Vec<Record>, u64),
    Reference(Reference, Vec<u8>),
    /// The latest time alone, which goes with each write.
    Moment,
    /// The time is that, though a later one was known.
    Time(Timestamp),
    /// The time from which all data is known after a loss.
    KnownFrom(Timestamp),
    /// A clean stop of the service, after the journal has ended.
    Stop,
    #[cfg(test)]
    Panic,
}
