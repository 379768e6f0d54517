//! The bytes of frames that are being received: counted against the memory of their connection, and limited in time.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use crate::live::mailbox::Mailbox;

/// The bytes of a frame, and of those after it, that are not counted, since every connection has room for them.
const UNCOUNTED: usize = 4 * 1024;

/// The bytes of a control frame from a client in addition to its payload: two bytes and the mask.
const CONTROL_HEAD: usize = 6;

/// The bytes received since the last whole frame.
#[derive(Debug)]
pub(super) struct Meter {
    unsettled: AtomicUsize,
    counted: AtomicUsize,
    /// The connection that pays for the bytes, once it is open.
    payer: OnceLock<Arc<Mailbox>>,
    /// The time for a frame to arrive.
    deadline: Duration,
}

impl Meter {
    pub(super) fn new(deadline: Duration) -> Self {
        Self { unsettled: AtomicUsize::new(0), counted: AtomicUsize::new(0), payer: OnceLock::new(), deadline }
    }

    pub(super) fn charge_to(&self, payer: Arc<Mailbox>) {
        // It is called once.
        let _ = self.payer.set(payer);
    }

    /// Counts bytes. Returns false if there is no room for them.
    fn count(&self, bytes: usize) -> bool {
        let unsettled = self.unsettled.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        if unsettled <= UNCOUNTED {
            return true;
        }
        let is_paid = self.payer.get().is_some_and(|payer| payer.account.take(bytes));
        if is_paid {
            self.counted.fetch_add(bytes, Ordering::Relaxed);
        }
        is_paid
    }

    /// Gives back the bytes of a frame that was handled.
    pub(super) fn settle(&self) {
        self.unsettled.store(0, Ordering::Relaxed);
        let counted = self.counted.swap(0, Ordering::Relaxed);
        if let Some(payer) = self.payer.get().filter(|_| counted > 0) {
            payer.account.give_back(counted);
        }
    }

    /// Gives back the bytes of a control frame with this payload. It may come between two fragments of a message, whose
    /// bytes remain counted, and whose deadline stays.
    pub(super) fn settle_control(&self, payload: usize) {
        let bytes = payload.saturating_add(CONTROL_HEAD);
        let less = |unsettled: usize| Some(unsettled.saturating_sub(bytes));
        let before = self.unsettled.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).unwrap_or_default();
        let after = before.saturating_sub(bytes);
        let counted = self.counted.fetch_min(after, Ordering::Relaxed);
        if let Some(payer) = self.payer.get().filter(|_| counted > after) {
            payer.account.give_back(counted.saturating_sub(after));
        }
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.settle();
    }
}

/// A stream whose incoming bytes are counted.
pub(super) struct MeteredStream<S> {
    stream: S,
    meter: Arc<Meter>,
    /// The timer for the rest of a frame of which a part has been received.
    rest: Option<Pin<Box<Sleep>>>,
}

impl<S> MeteredStream<S> {
    pub(super) const fn new(stream: S, meter: Arc<Meter>) -> Self {
        Self { stream, meter, rest: None }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for MeteredStream<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        match Pin::new(&mut this.stream).poll_read(context, buffer) {
            Poll::Pending if this.meter.unsettled.load(Ordering::Relaxed) == 0 => {
                this.rest = None;
                Poll::Pending
            }
            Poll::Pending => {
                let deadline = this.meter.deadline;
                let rest = this.rest.get_or_insert_with(|| Box::pin(sleep(deadline)));
                rest.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
            }
            Poll::Ready(Ok(())) => {
                let bytes = buffer.filled().len().saturating_sub(before);
                let has_room = this.meter.count(bytes);
                Poll::Ready(if has_room { Ok(()) } else { Err(io::ErrorKind::OutOfMemory.into()) })
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for MeteredStream<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}
