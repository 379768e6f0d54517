//! A store whose answers are counted and timed.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use ably_auth_core::Timestamp;

use crate::clock::Stopwatch;
use crate::ops::metrics::{StoreCounts, StoreOperation};
use crate::store::{Feed, Fingerprint, KeptClaims, Pending, Record, Reference, Store, Use, Written};

#[derive(Debug)]
pub(crate) struct InstrumentedStore {
    store: Box<dyn Store>,
    counts: Arc<StoreCounts>,
}

impl InstrumentedStore {
    pub(crate) const fn new(store: Box<dyn Store>, counts: Arc<StoreCounts>) -> Self {
        Self { store, counts }
    }

    /// What is there at once was not waited for: of that, only errors are counted.
    fn watch<T: Send + Unpin + 'static>(&self, operation: StoreOperation, mut asked: Pending<T>) -> Pending<T> {
        match Pin::new(&mut asked).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(answer)) => Pending::ready(answer),
            Poll::Ready(Err(error)) => {
                self.counts.failed(operation);
                Pending::unavailable(error)
            }
            Poll::Pending => {
                let (counts, since) = (Arc::clone(&self.counts), Stopwatch::start());
                Pending::waiting(async move {
                    let answer = asked.await;
                    counts.record(operation, since.elapsed());
                    match &answer {
                        Ok(_) => counts.set_failing(false),
                        Err(_) => counts.failed(operation),
                    }
                    answer
                })
            }
        }
    }
}

impl Store for InstrumentedStore {
    fn feed(&self) -> &Feed {
        self.store.feed()
    }

    fn secret(&self) -> Option<[u8; 32]> {
        self.store.secret()
    }

    fn is_shared(&self) -> bool {
        self.store.is_shared()
    }

    fn catch_up(&self, now: Timestamp) -> Pending<()> {
        self.watch(StoreOperation::CatchUp, self.store.catch_up(now))
    }

    fn use_once(&self, nonce: Option<Fingerprint>, now: Timestamp) -> Pending<Use> {
        self.watch(StoreOperation::UseOnce, self.store.use_once(nonce, now))
    }

    fn write(&self, records: Vec<Record>, seen: u64, now: Timestamp) -> Pending<Written> {
        self.watch(StoreOperation::Write, self.store.write(records, seen, now))
    }

    fn keep(&self, reference: Reference, claims: KeptClaims, now: Timestamp) -> Pending<bool> {
        self.watch(StoreOperation::Keep, self.store.keep(reference, claims, now))
    }

    /// Not of anybody's request, and so not counted.
    fn probe(&self, now: Timestamp) -> Pending<()> {
        self.store.probe(now)
    }

    fn kept(&self, reference: Reference) -> Pending<Option<KeptClaims>> {
        self.watch(StoreOperation::Kept, self.store.kept(reference))
    }

    fn set_time(&self, now: Timestamp) -> Pending<()> {
        self.watch(StoreOperation::Write, self.store.set_time(now))
    }
}
