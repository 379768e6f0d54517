//! A stream that waits for a client only so long.

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

/// How long, and over how many bytes, the rest of what was not read is passed over: if the connection were closed before, the
/// system would take the answer back.
const LINGER: Duration = Duration::from_secs(1);
const MAX_UNREAD: usize = 1024 * 1024;

/// How long a connection waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waits {
    pub(super) head: Duration,
    pub(super) idle: Duration,
    /// The time limit for the client to read more of its responses, and for a response to a client that has closed its
    /// write side.
    pub(super) answer: Duration,
    /// The minimum rate, in bytes per second, at which the client must read a large response once `answer` has passed.
    pub(super) answer_rate: u32,
}

impl Waits {
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
    waits: Waits,
    /// Set up only for a head that does not come whole.
    head: Option<Pin<Box<Sleep>>>,
    /// With what the phase was when it began. It is not set anew for each request: it is looked at when it is over.
    idle: Option<(Pin<Box<Sleep>>, u64)>,
    linger: Option<(Pin<Box<Sleep>>, usize)>,
    /// Set up only for a client that takes nothing in.
    answer: Option<Pin<Box<Sleep>>>,
    /// The timer for a large response as a whole. Set only if the client does not read it at once.
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
    pub(super) const fn new(stream: S, phase: Arc<Phase>, unwritten: Arc<Unwritten>, waits: Waits) -> Self {
        Self {
            stream,
            phase,
            waits,
            head: None,
            idle: None,
            linger: None,
            answer: None,
            whole_answer: None,
            unwritten,
            watch: Watch { ahead: None, unseen: None },
        }
    }

    /// Whether the client has taken too long.
    fn is_over(&mut self, context: &mut Context<'_>) -> bool {
        match self.phase.step() {
            Step::New | Step::Head => {
                let wait = self.waits.head;
                self.head.get_or_insert_with(|| Box::pin(sleep(wait))).as_mut().poll(context).is_ready()
            }
            Step::Idle => {
                let now = self.phase.state();
                let (sleep, before) = self.idle.get_or_insert_with(|| (Box::pin(sleep(self.waits.idle)), now));
                while sleep.as_mut().poll(context).is_ready() {
                    if *before == now {
                        return true;
                    }
                    *before = now;
                    let over = sleep.deadline();
                    sleep.as_mut().reset(over.checked_add(self.waits.idle).unwrap_or_else(|| far(over)));
                }
                false
            }
            _ => false,
        }
    }
}

impl<S> TimeoutStream<S> {
    /// What came of writing; an error once nothing could be written for too long, whatever the connection is about.
    fn unless_stuck<T>(&mut self, written: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.answer = None;
            return written;
        }
        let (wait, bytes) = (self.waits.answer, self.unwritten.bytes());
        if bytes == 0 {
            self.whole_answer = None;
        } else {
            let whole = self.waits.whole_answer(bytes);
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
    /// Sees whether the client is still there while its request is being answered. Returns an error once it is not: after a
    /// reset at once, and when the time for the answer is over if no more can be seen of the client.
    fn poll_watch(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        if self.watch.unseen.is_none() {
            let mut byte = [0];
            let mut buffer = ReadBuf::new(&mut byte);
            match Pin::new(&mut self.stream).poll_read(context, &mut buffer) {
                Poll::Pending => {}
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Ready(Ok(())) => {
                    self.watch.ahead = buffer.filled().first().copied();
                    self.watch.unseen = Some(Box::pin(sleep(self.waits.answer)));
                }
            }
        }
        let unseen = self.watch.unseen.as_mut();
        if unseen.is_some_and(|sleep| sleep.as_mut().poll(context).is_ready()) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok(())
    }

    /// Passes over what comes until there is no more, or it has gone on for too long.
    fn poll_pass_over(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let (sleep, passed) = self.linger.get_or_insert_with(|| (Box::pin(sleep(LINGER)), 0));
        let mut space = [MaybeUninit::uninit(); 4 * 1024];
        while *passed < MAX_UNREAD {
            let mut buffer = ReadBuf::uninit(&mut space);
            match Pin::new(&mut self.stream).poll_read(context, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    *passed = passed.saturating_add(buffer.filled().len());
                }
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return sleep.as_mut().poll(context),
            }
        }
        Poll::Ready(())
    }
}

/// No wait is as long as this.
fn far(from: Instant) -> Instant {
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
            return if this.is_over(context) {
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
        this.unless_stuck(written, context)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.phase.step() == Step::Busy {
            this.poll_watch(context)?;
        }
        let flushed = Pin::new(&mut this.stream).poll_flush(context);
        ready!(this.unless_stuck(flushed, context))?;
        this.unwritten.flushed();
        if this.unwritten.bytes() == 0 {
            this.whole_answer = None;
        }
        if this.phase.flushed() {
            // hyper does not always read again after a response, so start the idle timer here too.
            let is_set_up = this.idle.as_ref().is_some_and(|(sleep, _)| !sleep.is_elapsed());
            if !is_set_up && this.is_over(context) {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let shut = Pin::new(&mut this.stream).poll_shutdown(context);
        ready!(this.unless_stuck(shut, context))?;
        if matches!(this.phase.step(), Step::New | Step::Head | Step::Body | Step::Unread) {
            ready!(this.poll_pass_over(context));
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
        this.unless_stuck(written, context)
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
    struct Trickle(Pin<Box<Sleep>>);

    impl AsyncRead for Trickle {
        fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    impl AsyncWrite for Trickle {
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
    async fn taken_in(bytes: usize, is_large: bool) -> usize {
        let unwritten = Arc::<Unwritten>::default();
        let mut answer = Response::new(Bytes::from(vec![0; bytes]));
        if is_large {
            answer.extensions_mut().insert(Arc::new(Permit::take(bytes, [&Budget::new(bytes)]).unwrap()));
        }
        let _body = Outgoing::of(answer, &unwritten);
        let waits =
            Waits { head: Duration::MAX, idle: Duration::MAX, answer: Duration::from_millis(10_500), answer_rate: 10 };
        let trickle = Trickle(Box::pin(sleep(Duration::from_secs(1))));
        let mut stream =
            TimeoutStream::new(trickle, Phase::new(crate::clock::Stopwatch::start(), Duration::ZERO), unwritten, waits);
        let mut taken = 0_usize;
        while taken < bytes && stream.write(&[0]).await.is_ok() {
            taken = taken.saturating_add(1);
        }
        taken
    }

    #[tokio::test(start_paused = true)]
    async fn large_answer_that_is_taken_in_too_slowly_is_cut_off() {
        assert_eq!(taken_in(100, true).await, 20, "limit: 10.5 s plus 1 s per 10 bytes");
        assert_eq!(taken_in(100, false).await, 100, "a small response has no limit for the whole");
        assert_eq!(taken_in(11, true).await, 11, "in time");
    }
}
