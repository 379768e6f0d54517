//! A stream with timeouts for a slow or silent client.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

use super::outgoing::Unwritten;
use super::phase::{Phase, Step};

/// The maximum time for discarding the unread rest of a request before the connection is closed. Closing a socket with
/// unread data resets the connection, and the client could lose the response.
const DISCARD_TIMEOUT: Duration = Duration::from_secs(1);

/// The maximum number of bytes that are discarded.
const MAX_DISCARDED: usize = 1024 * 1024;

/// The timeouts of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timeouts {
    pub(super) head: Duration,
    pub(super) idle: Duration,
    /// The time limit for the client to read more of its responses, and for a response to a client that has closed its
    /// write side.
    pub(super) answer: Duration,
    /// The minimum rate, in bytes per second, at which the client must read a large response once `answer` has passed.
    pub(super) answer_rate: u32,
}

impl Timeouts {
    /// Returns the time limit for a client to read `bytes` bytes in total.
    fn whole_answer(&self, bytes: usize) -> Duration {
        let millis = u64::try_from(bytes).unwrap_or(u64::MAX).saturating_mul(1_000);
        let millis = millis.checked_div(self.answer_rate.into()).unwrap_or(0);
        self.answer.saturating_add(Duration::from_millis(millis))
    }
}

pub(super) struct TimeoutStream<S> {
    stream: S,
    phase: Arc<Phase>,
    timeouts: Timeouts,
    /// The timer for a head. It is set only if the head does not arrive at once.
    head: Option<Pin<Box<Sleep>>>,
    /// The idle timer, and the state of the phase when it was started. The timer is not restarted for each request:
    /// when it expires, the state shows whether there was a request meanwhile.
    idle: Option<(Pin<Box<Sleep>>, u64)>,
    discard: Option<(Pin<Box<Sleep>>, usize)>,
    /// The timer for the client to read more. It is set only while the client reads nothing.
    answer: Option<Pin<Box<Sleep>>>,
    /// The timer for a large response as a whole. It is set only if the client does not read the response at once.
    whole_answer: Option<Pin<Box<Sleep>>>,
    unwritten: Arc<Unwritten>,
    watch: Watch,
}

/// The view of a client while its request is being answered, since hyper reads nothing then.
#[derive(Default)]
struct Watch {
    /// The first byte of the next request, if it has already arrived.
    ahead: Option<u8>,
    /// The timer that starts when reading reveals nothing more about the client. One cause is that the client closed
    /// its write side: it may still wait for the response, or have disconnected. The other is that the next request has
    /// arrived, of which only the first byte is read.
    unseen: Option<Pin<Box<Sleep>>>,
}

impl<S> TimeoutStream<S> {
    pub(super) const fn new(stream: S, phase: Arc<Phase>, unwritten: Arc<Unwritten>, timeouts: Timeouts) -> Self {
        Self {
            stream,
            phase,
            timeouts,
            head: None,
            idle: None,
            discard: None,
            answer: None,
            whole_answer: None,
            unwritten,
            watch: Watch { ahead: None, unseen: None },
        }
    }

    /// Returns the stream without timeouts.
    pub(super) fn into_inner(self) -> S {
        self.stream
    }

    /// Returns true if the client has exceeded the timeout of the current step.
    fn has_timed_out(&mut self, context: &mut Context<'_>) -> bool {
        match self.phase.step() {
            Step::New | Step::Head => {
                let wait = self.timeouts.head;
                self.head.get_or_insert_with(|| Box::pin(sleep(wait))).as_mut().poll(context).is_ready()
            }
            Step::Idle => {
                let now = self.phase.state();
                let (sleep, before) = self.idle.get_or_insert_with(|| (Box::pin(sleep(self.timeouts.idle)), now));
                while sleep.as_mut().poll(context).is_ready() {
                    if *before == now {
                        return true;
                    }
                    *before = now;
                    let deadline = sleep.deadline();
                    sleep
                        .as_mut()
                        .reset(deadline.checked_add(self.timeouts.idle).unwrap_or_else(|| far_future(deadline)));
                }
                false
            }
            _ => false,
        }
    }
}

impl<S> TimeoutStream<S> {
    /// Returns the result of a write, or an error if nothing could be written for too long. This applies in every step.
    fn check_write_timeout<T>(
        &mut self,
        written: Poll<io::Result<T>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.answer = None;
            return written;
        }
        let (wait, bytes) = (self.timeouts.answer, self.unwritten.bytes());
        if bytes == 0 {
            self.whole_answer = None;
        } else {
            let whole = self.timeouts.whole_answer(bytes);
            let whole = self.whole_answer.get_or_insert_with(|| Box::pin(sleep(whole)));
            if whole.as_mut().poll(context).is_ready() {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
        }
        match self.answer.get_or_insert_with(|| Box::pin(sleep(wait))).as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + Unpin> TimeoutStream<S> {
    /// Checks whether the client is still connected while its request is processed. After a reset, returns an error at
    /// once. If reading reveals nothing more about the client, returns an error after the timeout for the response.
    fn poll_watch(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        if self.watch.unseen.is_none() {
            let mut byte = [0];
            let mut buffer = ReadBuf::new(&mut byte);
            match Pin::new(&mut self.stream).poll_read(context, &mut buffer) {
                Poll::Pending => {}
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Ready(Ok(())) => {
                    self.watch.ahead = buffer.filled().first().copied();
                    self.watch.unseen = Some(Box::pin(sleep(self.timeouts.answer)));
                }
            }
        }
        let unseen = self.watch.unseen.as_mut();
        if unseen.is_some_and(|sleep| sleep.as_mut().poll(context).is_ready()) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok(())
    }

    /// Discards incoming data until the stream ends, or until a limit is reached.
    fn poll_discard(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let (sleep, discarded) = self.discard.get_or_insert_with(|| (Box::pin(sleep(DISCARD_TIMEOUT)), 0));
        let mut space = [MaybeUninit::uninit(); 4 * 1024];
        while *discarded < MAX_DISCARDED {
            let mut buffer = ReadBuf::uninit(&mut space);
            match Pin::new(&mut self.stream).poll_read(context, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    *discarded = discarded.saturating_add(buffer.filled().len());
                }
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return sleep.as_mut().poll(context),
            }
        }
        Poll::Ready(())
    }
}

/// Returns a time that is later than the end of every timeout.
fn far_future(from: Instant) -> Instant {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    from.checked_add(DAY).unwrap_or(from)
}

impl<S: AsyncRead + Unpin> AsyncRead for TimeoutStream<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.phase.step() == Step::Evicted {
            // Report the end of the stream, as if the client had closed the connection.
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        if buffer.remaining() > 0 {
            if let Some(byte) = this.watch.ahead.take() {
                buffer.put_slice(&[byte]);
                this.watch.unseen = None;
            }
        }
        let read = if buffer.filled().len() > before {
            Poll::Ready(Ok(()))
        } else {
            Pin::new(&mut this.stream).poll_read(context, buffer)
        };
        if read.is_pending() {
            return if this.has_timed_out(context) {
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            } else {
                Poll::Pending
            };
        }
        if buffer.filled().len() > before && matches!(this.phase.step(), Step::New | Step::Idle | Step::Answered) {
            if !this.phase.receive() {
                buffer.set_filled(before);
            }
            this.head = None;
        }
        read
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for TimeoutStream<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(context, bytes);
        this.check_write_timeout(written, context)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match this.phase.step() {
            Step::Busy => this.poll_watch(context)?,
            // A client that closes its write side during a stream has disconnected.
            Step::Streaming => {
                this.poll_watch(context)?;
                if this.watch.unseen.is_some() && this.watch.ahead.is_none() {
                    return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
                }
            }
            _ => {}
        }
        let flushed = Pin::new(&mut this.stream).poll_flush(context);
        ready!(this.check_write_timeout(flushed, context))?;
        this.unwritten.flushed();
        if this.unwritten.bytes() == 0 {
            this.whole_answer = None;
        }
        if this.phase.flushed() {
            // hyper does not always read again after a response, so start the idle timer here too.
            let is_set_up = this.idle.as_ref().is_some_and(|(sleep, _)| !sleep.is_elapsed());
            if !is_set_up && this.has_timed_out(context) {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let shut = Pin::new(&mut this.stream).poll_shutdown(context);
        ready!(this.check_write_timeout(shut, context))?;
        if matches!(this.phase.step(), Step::New | Step::Head | Step::Body | Step::Unread) {
            ready!(this.poll_discard(context));
        }
        Poll::Ready(Ok(()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(context, slices);
        this.check_write_timeout(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::Response;
    use tokio::io::AsyncWriteExt as _;

    use super::super::outgoing::Outgoing;
    use super::*;
    use crate::limits::budget::{Budget, Permit};

    /// A stream that accepts one byte per second.
    struct SlowStream(Pin<Box<Sleep>>);

    impl AsyncRead for SlowStream {
        fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    impl AsyncWrite for SlowStream {
        fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
            ready!(self.0.as_mut().poll(context));
            self.0 = Box::pin(sleep(Duration::from_secs(1)));
            Poll::Ready(Ok(1))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    /// Returns how many bytes of a response a client receives that reads one byte per second.
    async fn bytes_received(bytes: usize, is_large: bool) -> usize {
        let unwritten = Arc::<Unwritten>::default();
        let mut answer = Response::new(Bytes::from(vec![0; bytes]));
        if is_large {
            answer.extensions_mut().insert(Arc::new(Permit::take(bytes, [&Budget::new(bytes)]).unwrap()));
        }
        let _body = Outgoing::of(answer, &unwritten);
        let timeouts = Timeouts {
            head: Duration::MAX,
            idle: Duration::MAX,
            answer: Duration::from_millis(10_500),
            answer_rate: 10,
        };
        let slow = SlowStream(Box::pin(sleep(Duration::from_secs(1))));
        let mut stream =
            TimeoutStream::new(slow, Phase::new(crate::clock::Stopwatch::start(), Duration::ZERO), unwritten, timeouts);
        let mut received = 0_usize;
        while received < bytes && stream.write(&[0]).await.is_ok() {
            received = received.saturating_add(1);
        }
        received
    }

    #[tokio::test(start_paused = true)]
    async fn large_answer_that_is_read_too_slowly_is_cut_off() {
        assert_eq!(bytes_received(100, true).await, 20, "limit: 10.5 s plus 1 s per 10 bytes");
        assert_eq!(bytes_received(100, false).await, 100, "a small response has no limit for the whole");
        assert_eq!(bytes_received(11, true).await, 11, "in time");
    }
}
