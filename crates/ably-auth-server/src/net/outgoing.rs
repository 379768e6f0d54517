//! Response bodies. A large response counts against its memory budget until it is flushed to the client.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Response;
use hyper::body::{Body, Frame, SizeHint};

#[cfg(feature = "console")]
use super::streaming::Streaming;
use crate::limits::budget::Permit;
use crate::sync::lock;

/// The maximum size of a body frame in bytes. hyper buffers few frames, so the rest of the body stays in [`Outgoing`].
const PIECE: usize = 16 * 1024;

/// The large responses of a connection that are not flushed yet.
#[derive(Debug, Default)]
pub(super) struct Unwritten {
    /// The total size of these responses in bytes.
    bytes: AtomicUsize,
    /// The permits of the responses that hyper has read completely. They are released when the stream is flushed.
    handed_over: Mutex<Vec<Arc<Permit>>>,
}

impl Unwritten {
    /// Returns the total size in bytes of the large responses that are not flushed yet.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Records that everything which hyper has read is written, and releases the permits of complete responses.
    pub(super) fn flushed(&self) {
        if self.bytes() > 0 {
            lock(&self.handed_over).drain(..).for_each(|permit| self.remove(&permit));
        }
    }

    fn remove(&self, permit: &Permit) {
        self.bytes.fetch_sub(permit.bytes(), Ordering::Relaxed);
    }
}

/// The body of a response.
#[derive(Debug)]
pub(super) struct Outgoing {
    bytes: Bytes,
    /// The events that follow the bytes, if the response has no known end.
    #[cfg(feature = "console")]
    streaming: Option<Streaming>,
    /// The permit of a large response, and the unwritten responses of its connection.
    counted: Option<(Arc<Permit>, Arc<Unwritten>)>,
}

impl Outgoing {
    /// Wraps the body of `answer`. If the response is large, its body counts as unwritten until it is flushed.
    pub(super) fn of(mut answer: Response<Bytes>, unwritten: &Arc<Unwritten>) -> Response<Self> {
        let permit = answer.extensions_mut().remove::<Arc<Permit>>();
        let counted = permit.map(|permit| {
            unwritten.bytes.fetch_add(permit.bytes(), Ordering::Relaxed);
            (permit, Arc::clone(unwritten))
        });
        answer.map(|bytes| Self {
            bytes,
            #[cfg(feature = "console")]
            streaming: None,
            counted,
        })
    }

    /// Lets events follow the body.
    #[cfg(feature = "console")]
    pub(super) fn followed_by(mut self, streaming: Streaming) -> Self {
        self.streaming = Some(streaming);
        self
    }

    /// Moves the next event into the body once it is ready. Returns false after the last event.
    #[cfg(feature = "console")]
    fn poll_event(&mut self, context: &mut Context<'_>) -> Poll<bool> {
        let Some(streaming) = &mut self.streaming else {
            return Poll::Ready(false);
        };
        let event = std::task::ready!(streaming.poll_next(context));
        match event {
            Some(event) => self.bytes = event,
            None => self.streaming = None,
        }
        Poll::Ready(self.streaming.is_some())
    }
}

/// Releases the permit of a body that is not sent: to a HEAD request, or to a client that has disconnected.
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

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = self.get_mut();
        #[cfg(feature = "console")]
        if this.bytes.is_empty() && !std::task::ready!(this.poll_event(context)) {
            return Poll::Ready(None);
        }
        #[cfg(not(feature = "console"))]
        if this.bytes.is_empty() {
            let _ = context;
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
        #[cfg(feature = "console")]
        if self.streaming.is_some() {
            return false;
        }
        self.bytes.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        #[cfg(feature = "console")]
        if self.streaming.is_some() {
            return SizeHint::default();
        }
        SizeHint::with_exact(u64::try_from(self.bytes.len()).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;
    use crate::limits::budget::Budget;

    fn answer(bytes: usize, budget: &Arc<Budget>) -> Response<Bytes> {
        let mut answer = Response::new(Bytes::from(vec![b'x'; bytes]));
        answer.extensions_mut().insert(Arc::new(Permit::take(bytes, [budget]).unwrap()));
        answer
    }

    #[tokio::test]
    async fn response_counts_until_last_piece_is_flushed() {
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
        assert_eq!((read, budget.used()), (100_000, 100_000), "read by hyper but not flushed");
        unwritten.flushed();
        assert_eq!((budget.used(), unwritten.bytes()), (0, 0));
    }

    #[tokio::test]
    async fn unsent_answer_releases_its_permit() {
        let (budget, unwritten) = (Budget::new(1_000_000), Arc::<Unwritten>::default());
        drop(Outgoing::of(answer(100_000, &budget), &unwritten));
        assert_eq!((budget.used(), unwritten.bytes()), (0, 0));
        let mut body = Outgoing::of(answer(100_000, &budget), &unwritten).into_body();
        body.frame().await;
        drop(body);
        assert_eq!((budget.used(), unwritten.bytes()), (0, 0));
    }
}
