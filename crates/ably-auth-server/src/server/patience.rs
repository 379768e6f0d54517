//! A stream that waits for a client only so long.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

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
    /// For the client to take in more of its answers, and for an answer to a client that has closed its side.
    pub(super) answer: Duration,
}

pub(super) struct Patient<S> {
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
    watch: Watch,
}

/// What is seen of a client while its request is being answered. hyper reads nothing then.
#[derive(Default)]
struct Watch {
    /// The first byte of the next request, if it has come already.
    ahead: Option<u8>,
    /// Set up once no more can be seen of the client: because it has closed its side, and may wait for the answer or be gone,
    /// which looks the same; or because the next request is there, and is not read yet.
    unseen: Option<Pin<Box<Sleep>>>,
}

impl<S> Patient<S> {
    pub(super) const fn new(stream: S, phase: Arc<Phase>, waits: Waits) -> Self {
        Self {
            stream,
            phase,
            waits,
            head: None,
            idle: None,
            linger: None,
            answer: None,
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

impl<S> Patient<S> {
    /// What came of writing; an error once nothing could be written for too long, whatever the connection is about.
    fn unless_stuck<T>(&mut self, written: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.answer = None;
            return written;
        }
        let wait = self.waits.answer;
        match self.answer.get_or_insert_with(|| Box::pin(sleep(wait))).as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + Unpin> Patient<S> {
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

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.phase.step() == Step::Evicted {
            // As if the client had closed the connection.
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

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Patient<S> {
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
        if this.phase.flushed() {
            // hyper does not always ask for more after an answer, so the timer is set up here too.
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
