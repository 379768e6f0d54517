//! A store in memory with injected faults.

use std::fmt;
use std::sync::{Arc, Mutex};

use ably_auth_core::Timestamp;
use ably_auth_server::store::{Feed, Fingerprint, KeptClaims, Memory, Pending, Record, Reference, Store, Use, Written};

/// An operation of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    CatchUp,
    UseOnce,
    Write,
    Keep,
    Kept,
    SetTime,
}

/// A fault, which decides what happens to each call of a store.
pub(crate) trait Fault: Clone + fmt::Debug + Send + Sync + 'static {
    fn on<T: Send + Unpin + 'static>(&self, call: Call, ask: impl FnOnce() -> Pending<T>) -> Pending<T>;

    /// Returns whether the store says that other services share it.
    fn is_shared(&self) -> bool {
        false
    }
}

/// A fault that never completes the listed operations.
#[derive(Clone, Debug)]
pub(crate) struct Stalled(pub(crate) &'static [Call]);

impl Fault for Stalled {
    fn on<T: Send + Unpin + 'static>(&self, call: Call, ask: impl FnOnce() -> Pending<T>) -> Pending<T> {
        if self.0.contains(&call) { Pending::waiting(std::future::pending()) } else { ask() }
    }
}

/// A store in memory whose calls go through a fault.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faulty<F> {
    store: Arc<Memory>,
    written: Arc<Mutex<Vec<Record>>>,
    pub(crate) fault: F,
}

impl<F> Faulty<F> {
    pub(crate) fn new(fault: F) -> Self {
        Self { store: Arc::default(), written: Arc::default(), fault }
    }

    /// Returns a new store that has all records that were written to this one.
    pub(crate) fn reopen(&self) -> Memory {
        let again = Memory::new();
        again.feed().publish(self.written.lock().unwrap().clone());
        again
    }
}

impl<F: Fault> Store for Faulty<F> {
    fn feed(&self) -> &Feed {
        self.store.feed()
    }

    fn secret(&self) -> Option<[u8; 32]> {
        None
    }

    fn is_shared(&self) -> bool {
        self.fault.is_shared()
    }

    fn catch_up(&self, now: Timestamp) -> Pending<()> {
        self.fault.on(Call::CatchUp, || self.store.catch_up(now))
    }

    fn use_once(&self, nonce: Option<Fingerprint>, now: Timestamp) -> Pending<Use> {
        self.fault.on(Call::UseOnce, || self.store.use_once(nonce, now))
    }

    fn write(&self, records: Vec<Record>, seen: u64, now: Timestamp) -> Pending<Written> {
        self.fault.on(Call::Write, || {
            self.written.lock().unwrap().extend(records.iter().cloned());
            self.store.write(records, seen, now)
        })
    }

    fn keep(&self, reference: Reference, claims: KeptClaims, now: Timestamp) -> Pending<bool> {
        self.fault.on(Call::Keep, || self.store.keep(reference, claims, now))
    }

    fn kept(&self, reference: Reference) -> Pending<Option<KeptClaims>> {
        self.fault.on(Call::Kept, || self.store.kept(reference))
    }

    fn set_time(&self, now: Timestamp) -> Pending<()> {
        self.fault.on(Call::SetTime, || self.store.set_time(now))
    }
}
