//! The writes that the database thread performs.

use ably_auth_core::Timestamp;

use crate::store::{Record, Reference};

/// A write.
pub(super) enum Put {
    /// Records, unless one of them was changed after that version of the feed.
    Records(Vec<Record>, u64),
    Reference(Reference, Vec<u8>),
    /// Only the latest time, which each write contains.
    Moment,
    /// Sets the time, even to an earlier one.
    Time(Timestamp),
    /// The time from which all data is known after a loss.
    KnownFrom(Timestamp),
    /// A clean stop of the service, after the journal has ended.
    Stop,
    #[cfg(test)]
    Panic,
}
