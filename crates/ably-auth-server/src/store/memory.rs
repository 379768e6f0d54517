//! The store in memory.

use std::sync::Mutex;

use ably_auth_core::Timestamp;

use super::nonces::{Fingerprint, Nonces};
use super::references::{self, KeptClaims, References};
use super::{Feed, Pending, Record, Store, StoreLimits, Unavailable, Use, Written};
use crate::sync::lock;
use crate::token::Reference;

/// A store that keeps everything in memory until the process ends. It returns results at once.
///
/// Its [`StoreLimits`] limit the used nonces and large tokens that it holds. Above these limits, requests are refused.
///
/// ```
/// use ably_auth_server::{Service, store::Memory};
///
/// // This is the default store.
/// let service = Service::builder().store(Memory::new()).build()?;
/// # Ok::<(), ably_auth_server::Error>(())
/// ```
#[derive(Debug)]
pub struct Memory {
    feed: Feed,
    #[cfg(feature = "sandbox")]
    limits: StoreLimits,
    // These locks are held briefly, never during slow work.
    pub(super) nonces: Mutex<Nonces>,
    pub(super) references: Mutex<References>,
}

impl Memory {
    /// Creates an empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates an empty store with these limits.
    #[must_use]
    pub fn with_limits(limits: StoreLimits) -> Self {
        Self {
            feed: Feed::new(),
            #[cfg(feature = "sandbox")]
            limits,
            nonces: Mutex::new(Nonces::new(limits.nonces)),
            references: Mutex::new(References::new(limits)),
        }
    }

    /// Returns the limits with which the store was created.
    #[cfg(feature = "sandbox")]
    pub(crate) const fn limits(&self) -> StoreLimits {
        self.limits
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::with_limits(StoreLimits::default())
    }
}

impl Store for Memory {
    fn feed(&self) -> &Feed {
        &self.feed
    }

    fn secret(&self) -> Option<[u8; 32]> {
        None
    }

    fn catch_up(&self, _: Timestamp) -> Pending<()> {
        Pending::ready(())
    }

    fn use_once(&self, nonce: Option<Fingerprint>, now: Timestamp) -> Pending<Use> {
        Pending::ready(nonce.map_or(Use::First, |nonce| lock(&self.nonces).use_once(nonce, now)))
    }

    fn write(&self, records: Vec<Record>, seen: u64, _: Timestamp) -> Pending<Written> {
        let done = self.feed.publish_if_current(records, seen);
        Pending::ready(if done { Written::Done } else { Written::Outdated })
    }

    fn keep(&self, reference: Reference, claims: KeptClaims, now: Timestamp) -> Pending<bool> {
        let Some(bytes) = claims.to_bytes() else {
            return Pending::unavailable(Unavailable::new("cannot encode a token's claims"));
        };
        Pending::ready(lock(&self.references).keep(reference, claims.app_id(), bytes, self.feed.latest(now)))
    }

    fn kept(&self, reference: Reference) -> Pending<Option<KeptClaims>> {
        Pending::ready(references::get(&self.references, reference))
    }

    fn set_time(&self, now: Timestamp) -> Pending<()> {
        lock(&self.nonces).set_time(now);
        self.feed.set_latest(now);
        self.feed.set_known_from(now);
        Pending::ready(())
    }
}
