//! A store in memory, and something that goes wrong on the way to it.

use std::fmt;
use std::sync::Arc;

use ably_auth_core::Timestamp;
use ably_auth_server::store::{Feed, Fingerprint, KeptClaims, Memory, Pending, Record, Reference, Store, Use, Written};

/// What becomes of what a store is asked.
pub(crate) trait Fault: Clone + fmt::Debug + Send + Sync + 'static {
    fn on<T: Send + Unpin + 'static>(&self, ask: impl FnOnce() -> Pending<T>) -> Pending<T>;
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Faulty<F> {
    store: Arc<Memory>,
    pub(crate) fault: F,
}

impl<F> Faulty<F> {
    pub(crate) fn new(fault: F) -> Self {
        Self { store: Arc::default(), fault }
    }
}

impl<F: Fault> Store for Faulty<F> {
    fn feed(&self) -> &Feed {
        self.store.feed()
    }

    fn secret(&self) -> Option<[u8; 32]> {
        None
    }

    fn catch_up(&self, now: Timestamp) -> Pending<()> {
        self.fault.on(|| self.store.catch_up(now))
    }

    fn use_once(&self, nonce: Option<Fingerprint>, now: Timestamp) -> Pending<Use> {
        self.fault.on(|| self.store.use_once(nonce, now))
    }

    fn write(&self, records: Vec<Record>, seen: u64, now: Timestamp) -> Pending<Written> {
        self.fault.on(|| self.store.write(records, seen, now))
    }

    fn keep(&self, reference: Reference, claims: KeptClaims, now: Timestamp) -> Pending<bool> {
        self.fault.on(|| self.store.keep(reference, claims, now))
    }

    fn kept(&self, reference: Reference) -> Pending<Option<KeptClaims>> {
        self.fault.on(|| self.store.kept(reference))
    }

    fn set_time(&self, now: Timestamp) -> Pending<()> {
        self.fault.on(|| self.store.set_time(now))
    }
}
