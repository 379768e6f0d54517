//! What operations of a store return.

use std::fmt;

use ably_auth_core::Timestamp;

use crate::refusal::Refusal;

/// What came of using a nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Use {
    /// It is used now, and was not before.
    First,
    /// It was used before.
    Again,
    /// Nonces with this nonce's timestamp were already dropped, because the clock was ahead. Requests with a timestamp
    /// later than `until` are not affected.
    Forgotten {
        /// The last timestamp of the dropped span that contains the request's timestamp.
        until: Timestamp,
    },
    /// The nonce may have been used and then lost with the store, as all nonces up to [`Feed::known_from`](super::Feed::known_from) may.
    Unknown,
    /// There is no room for more.
    Full,
}

/// What came of writing records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Written {
    /// They are written.
    Done,
    /// Nothing is written, since one of them has changed: it is in the feed.
    Outdated,
}

/// The store did not answer, or not in time. What was asked may have been done, or not.
#[derive(Clone, Debug)]
pub struct Unavailable(pub(super) Box<str>);

impl Unavailable {
    /// For that reason, which holds no secret.
    pub fn new(why: impl fmt::Display) -> Self {
        Self(why.to_string().into())
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the store is not available: {}; see that it runs and has room", self.0)
    }
}

impl std::error::Error for Unavailable {}

/// Clients do not need to know what exactly is wrong with the store.
impl From<Unavailable> for Refusal {
    fn from(_: Unavailable) -> Self {
        Self::unavailable()
    }
}
