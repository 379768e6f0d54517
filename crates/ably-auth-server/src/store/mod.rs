//! Stores of the data that a service must not lose: [`Memory`], a folder (`Redb`), or a Redis that several services
//! share (`Redis`).
//!
//! | a store keeps | so that |
//! | --- | --- |
//! | used nonces, while a request with their timestamp could be exchanged | no request is exchanged twice |
//! | records: revocations, and apps and keys that were created or changed at run time | a restart does not undo them |
//! | the claims of tokens that are too large for a header, until they expire | these tokens stay valid until then |
//! | the latest time (to within a minute) | a clock that steps back revives no expired tokens |
//! | a service secret | tokens stay valid after a restart |
//!
//! The service decides from its own memory. It receives revocations, apps and keys as [`Record`]s through the store's
//! [`Feed`], including its own changes, in the order in which they were made. A change uses optimistic concurrency: it
//! succeeds only if nobody changed the same record since the service read it; otherwise the service tries again.

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
pub(crate) mod relay;
mod spans;

use std::fmt;
use std::sync::Arc;

use ably_auth_core::Timestamp;

pub use feed::{Feed, Record};
pub use limits::StoreLimits;
pub use memory::Memory;
pub use nonces::Fingerprint;
pub use outcome::{Unavailable, Use, Written};
pub use pending::Pending;
#[cfg(feature = "redb")]
pub use redb::Redb;
#[cfg(all(fuzzing, feature = "redb"))]
pub(crate) use redb::frames_of;
#[cfg(all(fuzzing, feature = "redis"))]
pub(crate) use redis::reply_of;
#[cfg(feature = "redis")]
pub use redis::{Redis, RedisOptions};
pub use references::KeptClaims;
pub use relay::{Relay, Relayed};
pub(crate) use spans::WINDOW_MILLIS;

pub use crate::token::Reference;

/// The name of the record of the secret that seals tokens.
pub(crate) const SECRET: &str = "secret/current";

/// The name prefix of records of secrets with which other services have sealed tokens.
pub(crate) const EARLIER_SECRET_PREFIX: &str = "secret/earlier/";

/// A store of the data that a service must not lose.
///
/// A result that a store has returned stays true, even after a crash if the store is persistent. If a store cannot give
/// a reliable result, it returns [`Unavailable`], and the request is refused with 50003.
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use ably_auth_core::Timestamp;
/// use ably_auth_server::Service;
/// use ably_auth_server::store::{Feed, Fingerprint, KeptClaims, Memory, Pending, Record, Reference, Store, Use, Written};
///
/// /// Keeps everything in memory, and counts the changes.
/// #[derive(Debug, Default)]
/// struct Counting {
///     inner: Memory,
///     changes: AtomicU64,
/// }
///
/// impl Store for Counting {
///     fn feed(&self) -> &Feed {
///         self.inner.feed()
///     }
///     fn secret(&self) -> Option<[u8; 32]> {
///         self.inner.secret()
///     }
///     fn catch_up(&self, now: Timestamp) -> Pending<()> {
///         self.inner.catch_up(now)
///     }
///     fn use_once(&self, nonce: Option<Fingerprint>, now: Timestamp) -> Pending<Use> {
///         self.inner.use_once(nonce, now)
///     }
///     fn write(&self, records: Vec<Record>, seen: u64, now: Timestamp) -> Pending<Written> {
///         self.changes.fetch_add(1, Ordering::Relaxed);
///         self.inner.write(records, seen, now)
///     }
///     fn keep(&self, reference: Reference, claims: KeptClaims, now: Timestamp) -> Pending<bool> {
///         self.inner.keep(reference, claims, now)
///     }
///     fn kept(&self, reference: Reference) -> Pending<Option<KeptClaims>> {
///         self.inner.kept(reference)
///     }
///     fn set_time(&self, now: Timestamp) -> Pending<()> {
///         self.inner.set_time(now)
///     }
/// }
///
/// let service = Service::builder().store(Counting::default()).build()?;
/// # Ok::<(), ably_auth_server::Error>(())
/// ```
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// Returns the store's change feed. A store belongs to one service, and so does its feed.
    fn feed(&self) -> &Feed;

    /// Returns the secret that seals tokens, if the store keeps one. If another service has created a different secret,
    /// the feed gets a record `secret/current` with its 32 bytes. For each other secret with which tokens were sealed,
    /// it gets a record `secret/earlier/` with a unique suffix. Neither is passed to [`write`](Self::write).
    fn secret(&self) -> Option<[u8; 32]>;

    /// Returns whether other services may write to the store, whose clocks it then knows as well. False by default.
    fn is_shared(&self) -> bool {
        false
    }

    /// Returns the relay of realtime events to the other services, if the store has one: always the same. `None` by
    /// default: what is published at one service then reaches no connection of another.
    fn relay(&self) -> Option<Arc<dyn Relay>> {
        None
    }

    /// Adds to the feed every record that any service wrote before this call. Also records the time, to within a
    /// minute.
    fn catch_up(&self, now: Timestamp) -> Pending<()>;

    /// Marks a nonce as used. Without a nonce, only records the time, to within a minute. Also catches up.
    ///
    /// `now` is the clock's time, even if the clock has stepped back.
    fn use_once(&self, nonce: Option<Fingerprint>, now: Timestamp) -> Pending<Use>;

    /// Writes all records or none; writes none if one of them was changed after the feed's version `seen`. Also catches
    /// up. An empty list is written as well, to find out whether there is space.
    fn write(&self, records: Vec<Record>, seen: u64, now: Timestamp) -> Pending<Written>;

    /// Keeps claims until their token expires. Returns false if the limit of their app, or that of the store, is
    /// reached.
    fn keep(&self, reference: Reference, claims: KeptClaims, now: Timestamp) -> Pending<bool>;

    /// Returns the claims that were kept under that reference.
    fn kept(&self, reference: Reference) -> Pending<Option<KeptClaims>>;

    /// Checks that the store works, including writes. Health checks call this at most a few times per second. The
    /// default implementation records the time.
    fn probe(&self, now: Timestamp) -> Pending<()> {
        let remembered = self.use_once(None, now);
        Pending::waiting(async { remembered.await.map(drop) })
    }

    /// Sets the time to `now`, even if a later time is known because a clock was wrong. Data that was dropped because
    /// of that clock is lost, so the feed's [`known_from`](Feed::known_from) is set.
    ///
    /// No other service may use a shared store during the call.
    fn set_time(&self, now: Timestamp) -> Pending<()>;
}
