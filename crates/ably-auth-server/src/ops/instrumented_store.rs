//! A store that records the errors and the latency of another store.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use ably_auth_core::Timestamp;

use crate::clock::Stopwatch;
use crate::ops::metrics::{StoreCounts, StoreOperation};
use crate::store::{
    Feed, Fingerprint, KeptClaims, Pending, Record, Reference, Relay, Store, Unavailable, Use, Written,
};

#[derive(Debug)]
pub(crate) struct InstrumentedStore {
    store: Box<dyn Store>,
    counts: Arc<StoreCounts>,
}

impl InstrumentedStore {
    pub(crate) const fn new(store: Box<dyn Store>, counts: Arc<StoreCounts>) -> Self {
        Self { store, counts }
    }

    /// Records an operation. If the answer is there at once, only an error is counted: there was no wait to measure.
    fn record_operation<T: Send + Unpin + 'static>(
        &self,
        operation: StoreOperation,
        mut pending: Pending<T>,
    ) -> Pending<T> {
        match Pin::new(&mut pending).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(answer)) => Pending::ready(answer),
            Poll::Ready(Err(error)) => {
                record_failure(&self.counts, operation, &error);
                Pending::unavailable(error)
            }
            Poll::Pending => {
                let (counts, since) = (Arc::clone(&self.counts), Stopwatch::start());
                Pending::waiting(async move {
                    let answer = pending.await;
                    counts.record(operation, since.elapsed());
                    match &answer {
                        Ok(_) => {
                            if counts.set_failing(false) {
                                tracing::info!("the store answers again");
                            }
                        }
                        Err(error) => record_failure(&counts, operation, error),
                    }
                    answer
                })
            }
        }
    }
}

/// Counts a failed operation. Logs the reason of the first one after an operation that succeeded, since refusals do not
/// contain it.
fn record_failure(counts: &StoreCounts, operation: StoreOperation, error: &Unavailable) {
    counts.failed(operation);
    if counts.set_failing(true) {
        tracing::error!("requests are refused: {error}");
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

    fn relay(&self) -> Option<Arc<dyn Relay>> {
        self.store.relay()
    }

    fn catch_up(&self, now: Timestamp) -> Pending<()> {
        self.record_operation(StoreOperation::CatchUp, self.store.catch_up(now))
    }

    fn use_once(&self, nonce: Option<Fingerprint>, now: Timestamp) -> Pending<Use> {
        self.record_operation(StoreOperation::UseOnce, self.store.use_once(nonce, now))
    }

    fn write(&self, records: Vec<Record>, seen: u64, now: Timestamp) -> Pending<Written> {
        self.record_operation(StoreOperation::Write, self.store.write(records, seen, now))
    }

    fn keep(&self, reference: Reference, claims: KeptClaims, now: Timestamp) -> Pending<bool> {
        self.record_operation(StoreOperation::Keep, self.store.keep(reference, claims, now))
    }

    /// Probes the store. This is not recorded, since it belongs to no request.
    fn probe(&self, now: Timestamp) -> Pending<()> {
        self.store.probe(now)
    }

    fn kept(&self, reference: Reference) -> Pending<Option<KeptClaims>> {
        self.record_operation(StoreOperation::Kept, self.store.kept(reference))
    }

    fn set_time(&self, now: Timestamp) -> Pending<()> {
        self.record_operation(StoreOperation::Write, self.store.set_time(now))
    }
}
