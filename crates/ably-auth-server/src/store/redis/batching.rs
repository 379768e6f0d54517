//! Batches of requests to Redis: requests that arrive during a round trip share the next one.

use ably_auth_core::Timestamp;
use tokio::sync::{mpsc, oneshot};

use super::link::no_room;
use crate::store::{Fingerprint, Unavailable, Use};

/// The maximum number of requests in a batch, so that Redis is never busy for long.
const MAX_BATCH: usize = 256;

/// A request to Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// Reads new records.
    CatchUp,
    /// Reads new records and records the time.
    RecordTime,
    /// Reads new records, records the time and uses a nonce.
    Use(Fingerprint),
}

struct PendingRequest {
    request: Request,
    now: Timestamp,
    done: oneshot::Sender<Result<Use, Unavailable>>,
}

/// The sender side of the queue of requests. The task that sends the batches ends when this is dropped.
#[derive(Debug)]
pub(super) struct Batcher(mpsc::UnboundedSender<PendingRequest>);

impl Batcher {
    /// Starts the task. `round_trip` gets the time, the operation, and the nonces to use.
    pub(super) fn start<RoundTrip>(
        mut round_trip: impl FnMut(Timestamp, &'static str, Vec<Vec<u8>>) -> RoundTrip + Send + 'static,
    ) -> Self
    where
        RoundTrip: Future<Output = Result<String, Unavailable>> + Send,
    {
        let (sender, mut waiting) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut batch = Vec::new();
            while waiting.recv_many(&mut batch, MAX_BATCH).await > 0 {
                if let Err(unavailable) = send_batch(&mut round_trip, &mut batch).await {
                    // These callers have waited for one batch already. Fail them now; otherwise many of them would wait
                    // indefinitely.
                    while let Ok(PendingRequest { done, .. }) = waiting.try_recv() {
                        let _ = done.send(Err(unavailable.clone()));
                    }
                }
            }
        });
        Self(sender)
    }

    /// Queues a request at once; the future returns its result.
    pub(super) fn ask(
        &self,
        request: Request,
        now: Timestamp,
    ) -> impl Future<Output = Result<Use, Unavailable>> + Send + use<> {
        let (done, answer) = oneshot::channel();
        let taken = self.0.send(PendingRequest { request, now, done }).is_ok();
        async move {
            match answer.await {
                Ok(answer) if taken => answer,
                _ => Err(Unavailable::new("the runtime on which the store was connected has ended")),
            }
        }
    }
}

/// Sends a batch in one round trip. If it fails, each request fails.
async fn send_batch<RoundTrip>(
    round_trip: &mut impl FnMut(Timestamp, &'static str, Vec<Vec<u8>>) -> RoundTrip,
    batch: &mut Vec<PendingRequest>,
) -> Result<(), Unavailable>
where
    RoundTrip: Future<Output = Result<String, Unavailable>>,
{
    // Skip callers that are gone, so that their nonces stay unused.
    batch.retain(|pending| !pending.done.is_closed());
    let Some(now) = batch.iter().map(|pending| pending.now).max() else {
        return Ok(());
    };
    let act = if batch.iter().all(|pending| pending.request == Request::CatchUp) { "look" } else { "use" };
    let nonces = batch.iter().filter_map(|pending| match pending.request {
        Request::Use(nonce) => {
            Some([nonce.timestamp().as_millis().to_string().into_bytes(), nonce.to_bytes().to_vec()])
        }
        Request::CatchUp | Request::RecordTime => None,
    });
    let outcome = round_trip(now, act, nonces.flatten().collect()).await;
    let no_room = outcome.as_deref().ok().and_then(no_room);
    let mut letters = outcome.as_deref().unwrap_or_default();
    for PendingRequest { request, done, .. } in batch.drain(..) {
        let answer = match (&outcome, request, no_room) {
            (Err(unavailable), ..) => Err(unavailable.clone()),
            (Ok(_), Request::CatchUp, _) | (Ok(_), Request::RecordTime, None) => Ok(Use::First),
            (Ok(_), Request::RecordTime | Request::Use(_), Some(why)) => Err(Unavailable::new(why)),
            (Ok(_), Request::Use(_), None) => {
                next_use(&mut letters).ok_or_else(|| Unavailable::new(super::reply::MALFORMED))
            }
        };
        let _ = done.send(answer);
    }
    outcome.map(drop)
}

/// Reads one result from the start of `letters`: a letter and, after an `f`, the digits of a timestamp.
fn next_use(letters: &mut &str) -> Option<Use> {
    let mut chars = letters.chars();
    let letter = chars.next()?;
    *letters = chars.as_str();
    match letter {
        'd' => Some(Use::First),
        'a' => Some(Use::Again),
        'u' => Some(Use::Unknown),
        'f' => {
            let end = letters.find(|digit: char| !digit.is_ascii_digit()).unwrap_or(letters.len());
            let (digits, rest) = letters.split_at_checked(end)?;
            *letters = rest;
            Some(Use::Forgotten { until: Timestamp::from_millis(digits.parse().ok()?) })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};

    use ably_auth_core::KeyName;

    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn nonce(nonce: &str) -> Request {
        Request::Use(Fingerprint::new(&KeyName::parse("app.key").unwrap(), nonce, at(1)))
    }

    #[tokio::test]
    async fn waiting_requests_fail_after_at_most_two_round_trips() {
        let round_trips = Arc::new(AtomicUsize::new(0));
        let made = Arc::clone(&round_trips);
        let batcher = Batcher::start(move |_, _, _| {
            made.fetch_add(1, Ordering::SeqCst);
            async { Err(Unavailable::new("no response")) }
        });
        let all: Vec<_> = (0..20 * MAX_BATCH).map(|nth| batcher.ask(nonce(&nth.to_string()), at(1))).collect();
        for pending in all {
            assert!(pending.await.is_err());
        }
        assert!(round_trips.load(Ordering::SeqCst) <= 2);
        assert!(batcher.ask(Request::CatchUp, at(1)).await.is_err());
        assert!(round_trips.load(Ordering::SeqCst) >= 2, "later requests start a new batch");
    }

    #[tokio::test]
    async fn each_request_gets_its_result_and_dropped_ones_use_no_nonce() {
        let round_trips = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&round_trips);
        let batcher = Batcher::start(move |now, act, nonces| {
            seen.lock().unwrap().push((now, act, nonces.len() / 2));
            async { Ok("daf17u".to_owned()) }
        });
        let (look, first, gone) =
            (batcher.ask(Request::CatchUp, at(3)), batcher.ask(nonce("a"), at(1)), batcher.ask(nonce("b"), at(9)));
        drop(gone);
        let (again, touch, forgotten, unknown, one_more) = (
            batcher.ask(nonce("a"), at(2)),
            batcher.ask(Request::RecordTime, at(7)),
            batcher.ask(nonce("c"), at(1)),
            batcher.ask(nonce("d"), at(1)),
            batcher.ask(nonce("e"), at(1)),
        );
        assert_eq!(
            (look.await.unwrap(), first.await.unwrap(), again.await.unwrap()),
            (Use::First, Use::First, Use::Again)
        );
        let until = at(17);
        assert_eq!((touch.await.unwrap(), forgotten.await.unwrap()), (Use::First, Use::Forgotten { until }));
        assert_eq!(unknown.await.unwrap(), Use::Unknown);
        assert!(one_more.await.is_err(), "the reply has no letter for it");
        assert!(batcher.ask(Request::CatchUp, at(8)).await.is_ok());
        assert_eq!(*round_trips.lock().unwrap(), [(at(7), "use", 5), (at(8), "look", 0)]);
    }

    #[tokio::test]
    async fn requests_above_batch_limit_take_another_round_trip() {
        let round_trips = Arc::new(AtomicUsize::new(0));
        let made = Arc::clone(&round_trips);
        let batcher = Batcher::start(move |_, _, nonces| {
            made.fetch_add(1, Ordering::SeqCst);
            async move { Ok("d".repeat(nonces.len() / 2)) }
        });
        let all: Vec<_> = (0..3 * MAX_BATCH).map(|nth| batcher.ask(nonce(&nth.to_string()), at(1))).collect();
        for pending in all {
            assert_eq!(pending.await.unwrap(), Use::First);
        }
        assert_eq!(round_trips.load(Ordering::SeqCst), 3);
    }
}
