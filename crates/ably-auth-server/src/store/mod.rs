//! What a service must not forget, and where it is kept: in [`Memory`], in a folder (`Redb`), or in a Redis that several
//! services share (`Redis`).
//!
//! | a store keeps | so that |
//! | --- | --- |
//! | used nonces, for as long as a request with that timestamp could be exchanged | no request is exchanged twice |
//! | records: revocations, and the apps and keys that were made or changed at run time | none of it is undone by a restart |
//! | the claims of tokens that are too large for a header, until these expire | such a token is good until then |
//! | the latest time (to within a minute), and a service secret | no clock that steps back revives what was over; tokens outlive a restart |
//!
//! The service decides by what it knows, from its own memory: revocations and keys come to it as [`Record`]s through the
//! store's [`Feed`], its own changes among them, in the order in which they were made. A change is an agreement: it is made
//! only if nobody changed the same record since the service looked, else the service looks again.

mod feed;
mod limits;
mod memory;
mod nonces;
mod outcome;
mod parsed;
mod pending;
#[cfg(feature = "redb")]
mod redb;
#[cfg(feature = "redis")]
mod redis;
mod references;
mod spans;

use std::fmt;

use ably_auth_core::Timestamp;

pub use feed::{Feed, Record};
pub use limits::StoreLimits;
pub use memory::Memory;
pub use nonces::Fingerprint;
pub use outcome::{Unavailable, Use, Written};
pub use pending::Pending;
#[cfg(feature = "redb")]
pub use redb::Redb;
#[cfg(feature = "redis")]
pub use redis::{Redis, RedisOptions};
pub use references::KeptClaims;
pub(crate) use spans::WINDOW_MILLIS;

pub use crate::token::Reference;

/// The name of the record of the secret under which tokens are sealed.
pub(crate) const SECRET: &str = "secret/current";

/// The prefix of the names of records of secrets under which other services have sealed tokens.
pub(crate) const EARLIER_SECRET_PREFIX: &str = "secret/earlier/";

/// Where a service keeps what it must not forget.
///
/// What a store has answered holds: whatever it then is asked, after a crash too if it is one that lasts. What it cannot
/// answer for is [`Unavailable`], and the request is refused with 50003 rather than granted by guess.
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// What came to the store's knowledge. A store is one service's, and so is its feed.
    fn feed(&self) -> &Feed;

    /// The secret under which tokens are sealed, if the store keeps one. If it turns out to be another, since another service
    /// has made it, the feed gets a record `secret/current` of its 32 bytes; and `secret/earlier/` with whatever tells them
    /// apart, of each under which another service has sealed. Neither is passed to [`write`](Self::write).
    fn secret(&self) -> Option<[u8; 32]>;

    /// Whether others may write to it at the same time, whose clocks it then knows of too. No, unless said so.
    fn is_shared(&self) -> bool {
        false
    }

    /// Sees to it that the feed has every record that was written before this was asked, by whichever service. Remembers the
    /// time too, to within a minute.
    fn catch_up(&self, now: Timestamp) -> Pending<()>;

    /// Uses a nonce, and remembers that it was used; without one, remembers the time alone, to within a minute. Catches up too.
    ///
    /// `now` is the clock as it is, also when it has stepped back.
    fn use_once(&self, nonce: Option<Fingerprint>, now: Timestamp) -> Pending<Use>;

    /// Writes records, all or none, unless one of them was written after the feed's version `seen`. Catches up too. No
    /// records at all are written as others are, so that it is known whether there is room.
    fn write(&self, records: Vec<Record>, seen: u64, now: Timestamp) -> Pending<Written>;

    /// Keeps claims until their token expires. Returns false if the limit of their app, or that of the store, is
    /// reached.
    fn keep(&self, reference: Reference, claims: KeptClaims, now: Timestamp) -> Pending<bool>;

    /// The claims that were kept under that reference.
    fn kept(&self, reference: Reference) -> Pending<Option<KeptClaims>>;

    /// Whether it would do what is asked of it, changes among it: for who asks how the service is, some times a second at
    /// most. It remembers the time, unless the store does something else that shows as much.
    fn probe(&self, now: Timestamp) -> Pending<()> {
        let remembered = self.use_once(None, now);
        Pending::waiting(async { remembered.await.map(drop) })
    }

    /// Takes the time for `now`, also if a later one is known, since somebody's clock was wrong. What was dropped by that clock
    /// is gone, so that from then on [more may have been before](Feed::known_from) than is known.
    ///
    /// While it is asked, no other service is to use what is shared.
    fn set_time(&self, now: Timestamp) -> Pending<()>;
}
