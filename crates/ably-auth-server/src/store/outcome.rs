//! Results of store operations.

use std::fmt;

use ably_auth_core::Timestamp;

use crate::refusal::Refusal;

/// The result of using a nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Use {
    /// The nonce was unused, and is used now.
    First,
    /// The nonce was used before.
    Again,
    /// Nonces with this nonce's timestamp were already dropped, because the clock was ahead. Requests with a timestamp
    /// later than `until` are not affected.
    Forgotten {
        /// The last timestamp of the dropped span that contains the request's timestamp.
        until: Timestamp,
    },
    /// The nonce may have been used and then lost with the store, as all nonces up to
    /// [`Feed::known_from`](super::Feed::known_from) may.
    Unknown,
    /// The store is full.
    Full,
}

/// The result of writing records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Written {
    /// The records are written.
    Done,
    /// Nothing is written, because another service changed one of the records. The change is in the feed.
    Outdated,
}

/// The store did not respond, or not in time. The operation may or may not have taken effect.
#[derive(Clone, Debug)]
pub struct Unavailable(pub(super) Box<str>);

impl Unavailable {
    /// Creates the error with a reason, which must contain no secret.
    pub fn new(why: impl fmt::Display) -> Self {
        Self(why.to_string().into())
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the store is unavailable: {}; check that it runs and has free space", self.0)
    }
}

impl std::error::Error for Unavailable {}

/// Hides the reason from clients.
impl From<Unavailable> for Refusal {
    fn from(_: Unavailable) -> Self {
        Self::unavailable()
    }
}
