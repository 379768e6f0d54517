//! Answers on their way out: what a large one takes is counted until the client has it.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Response;
use hyper::body::{Body, Frame, SizeHint};

use crate::budget::Permit;
use crate::store::lock;

/// The largest piece of a body that is handed over at once: hyper keeps few of them, and the rest stays in the body.
const PIECE: usize = 16 * 1024;

/// The large answers of a connection that are not written yet.
#[derive(Debug, Default)]
pub(super) struct Unwritten {
    /// How many bytes these answers have together.
    bytes: AtomicUsize,
    /// Those that hyper has taken over whole; written once the stream is flushed.
    handed_over: Mutex<Vec<Arc<Permit>>>,
}

impl Unwritten {
    /// Returns how many bytes the large answers have that are not written yet.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Notes that everything that was handed over is written.
    pub(super) fn flushed(&self) {
        if self.bytes() > 0 {
            lock(&self.handed_over).drain(..).for_each(|permit| self.remove(&permit));
        }
    }

    fn remove(&self, permit: &Permit) {
        self.bytes.fetch_sub(permit.bytes(), Ordering::Relaxed);
    }
}

/// The body of an answer.
#[derive(Debug)]
pub(super) struct Outgoing {
    bytes: Bytes,
    /// Of a large answer, with the connection that it goes out on.
    counted: Option<(Arc<Permit>, Arc<Unwritten>)>,
}

impl Outgoing {
    /// Makes an answer's body one that is counted until it is written, if the answer is large.
    pub(super) fn of(mut answer: Response<Bytes>, unwritten: &Arc<Unwritten>) -> Response<Self> {
        let permit = answer.extensions_mut().remove::<Arc<Permit>>();
        let counted = permit.map(|permit| {
            unwritten.bytes.fetch_add(permit.bytes(), Ordering::Relaxed);
            (permit, Arc::clone(unwritten))
        });
        answer.map(|bytes| Self { bytes, counted })
    }
}

/// A body that is not sent, such as that of a HEAD request, or whose client has gone.
impl Drop for Outgoing {
    fn drop(&mut self) {
        if let Some((permit, unwritten)) = self.counted.take() {
            unwritten.remove(&permit);
        }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = self.get_mut();
        if this.bytes.is_empty() {
            return Poll::Ready(None);
        }
        let piece = this.bytes.split_to(this.bytes.len().min(PIECE));
        if this.bytes.is_empty() {
            if let Some((permit, unwritten)) = this.counted.take() {
                lock(&unwritten.handed_over).push(permit);
            }
        }
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(u64::try_from(self.bytes.len()).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;
    use crate::budget::Budget;

    fn answer(bytes: usize, budget: &Arc<Budget>) -> Response<Bytes> {
        let mut answer = Response::new(Bytes::from(vec![b'x'; bytes]));
        answer.extensions_mut().insert(Arc::new(Permit::take(bytes, [budget]).unwrap()));
        answer
    }

    #[tokio::test]
    async fn answer_counts_until_its_last_piece_is_flushed() {
        let (budget, unwritten) = (Budget::new(1_000_000), Arc::<Unwritten>::default());
        let mut body = Outgoing::of(answer(100_000, &budget), &unwritten).into_body();
        let mut read = 0;
        while let Some(piece) = body.frame().await {
            let piece = piece.unwrap().into_data().unwrap();
            assert!(piece.len() <= PIECE);
            read += piece.len();
            if !body.is_end_stream() {
                unwritten.flushed();
            }
            assert_eq!((budget.used(), unwritten.bytes()), (100_000, 100_000));
        }
        drop(body);
        assert_eq!((read, budget.used()), (100_000, 100_000), "it is handed over and not written");
        unwritten.flushed();
        assert_eq!((budget.used(), unwritten.bytes()), (0, 0));
    }

    #[tokio::test]
    async fn answer_that_is_not_sent_counts_no_more() {
        let (budget, unwritten) = (Budget::new(1_000_000), Arc::<Unwritten>::default());
        drop(Outgoing::of(answer(100_000, &budget), &unwritten));
        assert_eq!((budget.used(), unwritten.bytes()), (0, 0));
        let mut body = Outgoing::of(answer(100_000, &budget), &unwritten).into_body();
        body.frame().await;
        drop(body);
        assert_eq!((budget.used(), unwritten.bytes()), (0, 0));
    }
}
