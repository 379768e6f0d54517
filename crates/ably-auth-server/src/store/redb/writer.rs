//! A thread that writes in batches: requests that arrive during a write share the next one.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ably_auth_core::Timestamp;
use tokio::sync::oneshot;

use super::threads::{self, Condvar, JoinHandle};
use crate::error::{Error, ErrorKind};
use crate::store::{Feed, Unavailable};
use crate::sync::lock;

/// The maximum number of waiting writes. More are refused, since they would wait too long.
const MAX_WAITING: usize = 16 * 1024;

/// A batch of at least this many writes shows that the service is busy and more writes will follow soon.
const BUSY_BATCH: usize = 4;

/// The work of the thread.
pub(super) trait Work: Send + 'static {
    type Put: Send;
    type Answer: Send;

    /// The time to wait for more writes after a large batch. There is no delay after a small one.
    const BATCH_DELAY: Duration;

    /// Writes a batch and answers each of its jobs.
    fn write(&mut self, jobs: Vec<Job<Self::Put, Self::Answer>>, times: Times);

    /// Ends the work. There will be no more writes.
    fn end(&mut self, _: Times) {}
}

pub(super) struct Job<P, A> {
    pub(super) put: P,
    now: Timestamp,
    pub(super) waiter: Waiter<A>,
}

pub(super) struct Waiter<A>(oneshot::Sender<Result<A, Unavailable>>);

impl<A> Waiter<A> {
    pub(super) fn answer(self, answer: Result<A, Unavailable>) {
        // The caller may have been dropped.
        let _ = self.0.send(answer);
    }
}

/// The clock's time and the latest known time.
#[derive(Clone, Copy)]
pub(super) struct Times {
    /// The earliest clock time of all jobs, so that nothing is dropped that one of them needs.
    pub(super) now: Timestamp,
    pub(super) latest: Timestamp,
}

/// The handle of the thread. Dropping it ends the thread after all writes are done.
pub(super) struct Writer<W: Work> {
    queue: Arc<Queue<W>>,
    thread: Option<JoinHandle>,
}

/// The waiting writes. The thread takes all of them at once.
struct Queue<W: Work> {
    state: Mutex<State<W>>,
    more: Condvar,
}

struct State<W: Work> {
    waiting: Vec<Job<W::Put, W::Answer>>,
    /// True if the thread waits for a notification.
    is_idle: bool,
    is_closed: bool,
}

impl<W: Work> Queue<W> {
    fn push(&self, job: Job<W::Put, W::Answer>) -> Result<(), Unavailable> {
        let mut state = lock(&self.state);
        if state.is_closed {
            return Err(ended());
        }
        if state.waiting.len() >= MAX_WAITING {
            return Err(Unavailable::new("too many writes are waiting for the disk"));
        }
        state.waiting.push(job);
        if std::mem::take(&mut state.is_idle) {
            drop(state);
            self.more.notify_one();
        }
        Ok(())
    }

    /// Waits for writes and returns all of them. Returns none after the queue is closed.
    fn take(&self) -> Vec<Job<W::Put, W::Answer>> {
        let mut state = lock(&self.state);
        while state.waiting.is_empty() && !state.is_closed {
            state.is_idle = true;
            state = self.more.wait(&self.state, state);
        }
        std::mem::take(&mut state.waiting)
    }

    fn close(&self) {
        lock(&self.state).is_closed = true;
        self.more.notify_one();
    }
}

fn ended() -> Unavailable {
    Unavailable::new("the writer thread has ended")
}

/// Closes the queue when the thread ends, even by a panic, so that no caller waits for it.
struct Closing<W: Work>(Arc<Queue<W>>);

impl<W: Work> Drop for Closing<W> {
    fn drop(&mut self) {
        self.0.close();
        lock(&self.0.state).waiting.clear();
    }
}

impl<W: Work> Writer<W> {
    pub(super) fn start(name: &str, work: W, feed: Arc<Feed>) -> Result<Self, Error> {
        let state = State { waiting: Vec::new(), is_idle: false, is_closed: false };
        let queue = Arc::new(Queue { state: Mutex::new(state), more: Condvar::new() });
        let closing = Closing(Arc::clone(&queue));
        let thread = threads::spawn(name, move || run(work, &closing.0, &feed));
        let thread = thread.map_err(|error| {
            Error::new(ErrorKind::Store, "cannot start a thread; check the limits of the system").because(error)
        })?;
        Ok(Self { queue, thread: Some(thread) })
    }

    /// Queues a write at once. The future completes when it is on disk.
    pub(super) fn put(
        &self,
        put: W::Put,
        now: Timestamp,
    ) -> impl Future<Output = Result<W::Answer, Unavailable>> + Send + use<W> {
        let (waiter, answer) = oneshot::channel();
        let taken = self.queue.push(Job { put, now, waiter: Waiter(waiter) });
        async move {
            taken?;
            answer.await.unwrap_or_else(|_| Err(ended()))
        }
    }
}

impl<W: Work> Drop for Writer<W> {
    fn drop(&mut self) {
        self.queue.close();
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has nothing more to write.
            let _ = thread.join();
        }
    }
}

fn run<W: Work>(mut work: W, queue: &Queue<W>, feed: &Feed) {
    let mut shared = false;
    loop {
        if shared {
            threads::sleep(W::BATCH_DELAY);
        }
        let jobs = queue.take();
        let Some(now) = jobs.iter().map(|job| job.now).min() else {
            break;
        };
        shared = jobs.len() >= BUSY_BATCH;
        work.write(jobs, Times { now, latest: feed.latest(now) });
    }
    work.end(Times { now: Timestamp::from_millis(0), latest: feed.latest_known() });
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// The writes of a batch, and its time.
    type Batch = (Vec<u32>, u64);

    /// Work that reports each batch and waits for permission to finish it. It panics if the permission is withdrawn.
    struct Slow {
        writing: Sender<Batch>,
        may: Receiver<()>,
    }

    impl Work for Slow {
        type Put = u32;
        type Answer = u32;

        const BATCH_DELAY: Duration = Duration::ZERO;

        fn write(&mut self, jobs: Vec<Job<u32, u32>>, times: Times) {
            let puts = jobs.iter().map(|job| job.put).collect();
            self.writing.send((puts, times.now.as_millis())).unwrap();
            self.may.recv().unwrap();
            jobs.into_iter().for_each(|job| job.waiter.answer(Ok(job.put)));
        }
    }

    fn slow() -> (Writer<Slow>, Receiver<Batch>, Sender<()>) {
        let ((writing, written), (allow, may)) = (channel(), channel());
        (Writer::start("slow", Slow { writing, may }, Arc::default()).unwrap(), written, allow)
    }

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[tokio::test]
    async fn waiting_writes_are_batched_with_their_earliest_time() {
        let (writer, written, allow) = slow();
        let first = writer.put(1, at(9));
        assert_eq!(written.recv().unwrap(), (vec![1], 9));
        let others = [(2, 7), (3, 5), (4, 6)].map(|(put, now)| writer.put(put, at(now)));
        allow.send(()).unwrap();
        assert_eq!(first.await.unwrap(), 1);
        assert_eq!(written.recv().unwrap(), (vec![2, 3, 4], 5));
        allow.send(()).unwrap();
        for (other, put) in others.into_iter().zip(2..) {
            assert_eq!(other.await.unwrap(), put);
        }
    }

    #[tokio::test]
    async fn write_above_queue_limit_is_refused() {
        let (writer, written, allow) = slow();
        let first = writer.put(1, at(1));
        written.recv().unwrap();
        let waiting: Vec<_> = (0..MAX_WAITING).map(|_| writer.put(2, at(1))).collect();
        let refused = writer.put(3, at(1)).await.unwrap_err();
        assert!(refused.to_string().contains("too many writes"), "{refused}");
        allow.send(()).unwrap();
        allow.send(()).unwrap();
        first.await.unwrap();
        assert_eq!(waiting.into_iter().next_back().unwrap().await.unwrap(), 2);
    }

    #[tokio::test]
    async fn writes_fail_after_thread_has_ended() {
        let (writer, written, allow) = slow();
        let first = writer.put(1, at(1));
        written.recv().unwrap();
        let second = writer.put(2, at(1));
        drop(allow);
        for asked in [first, second] {
            assert!(asked.await.unwrap_err().to_string().contains("has ended"));
        }
        assert!(writer.put(3, at(1)).await.unwrap_err().to_string().contains("has ended"));
    }
}
