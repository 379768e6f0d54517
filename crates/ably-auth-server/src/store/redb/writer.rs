//! A thread that writes: whatever has come in meanwhile shares its next write.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use ably_auth_core::Timestamp;
use tokio::sync::oneshot;

use crate::error::{Error, ErrorKind};
use crate::store::{Feed, Unavailable};
use crate::sync::lock;

/// The most that waits to be written; more is refused, since it would wait for too long.
const MAX_WAITING: usize = 16 * 1024;

/// So many that share a write speak of a service with much to do, of which more will come in a moment.
const MANY: usize = 4;

/// What the thread does with all that has come in.
pub(super) trait Work: Send + 'static {
    type Put: Send;
    type Answer: Send;

    /// How long to wait for others to share the next write, where many shared the last one. Nobody waits who is alone.
    const GATHERING: Duration;

    /// Writes it, and answers each.
    fn write(&mut self, jobs: Vec<Job<Self::Put, Self::Answer>>, times: Times);

    /// Nothing more will come.
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
        // Whoever has gone needs no answer.
        let _ = self.0.send(answer);
    }
}

/// Two moments: the clock's, and the latest that is known of.
#[derive(Clone, Copy)]
pub(super) struct Times {
    /// The earliest of those at which what is written was asked for, so that nothing is dropped that one of them might need.
    pub(super) now: Timestamp,
    pub(super) latest: Timestamp,
}

/// The way to the thread. Dropping it ends the thread, once everything is written.
pub(super) struct Writer<W: Work> {
    queue: Arc<Queue<W>>,
    thread: Option<JoinHandle<()>>,
}

/// What waits to be written. It is handed over as a whole, so that what goes through it stays small and near.
struct Queue<W: Work> {
    state: Mutex<State<W>>,
    more: Condvar,
}

struct State<W: Work> {
    waiting: Vec<Job<W::Put, W::Answer>>,
    /// Whether the thread has nothing to do, and is to be told of more.
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
            return Err(Unavailable::new("more is to be written than the disk can keep up with"));
        }
        state.waiting.push(job);
        if std::mem::take(&mut state.is_idle) {
            drop(state);
            self.more.notify_one();
        }
        Ok(())
    }

    /// All that waits, as soon as there is something; nothing once nothing more will come.
    fn take(&self) -> Vec<Job<W::Put, W::Answer>> {
        let mut state = lock(&self.state);
        while state.waiting.is_empty() && !state.is_closed {
            state.is_idle = true;
            state = self.more.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        std::mem::take(&mut state.waiting)
    }

    fn close(&self) {
        lock(&self.state).is_closed = true;
        self.more.notify_one();
    }
}

fn ended() -> Unavailable {
    Unavailable::new("the thread that writes has ended")
}

/// However the thread ends, nobody goes on waiting for it.
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
        let thread = thread::Builder::new().name(name.into()).spawn(move || run(work, &closing.0, &feed));
        let thread = thread.map_err(|error| {
            Error::new(ErrorKind::Store, "no thread can be started; see the system's limits").because(error)
        })?;
        Ok(Self { queue, thread: Some(thread) })
    }

    /// Hands it over at once; the answer comes when it is on the disk.
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
            // One that has panicked has nothing more to write.
            let _ = thread.join();
        }
    }
}

fn run<W: Work>(mut work: W, queue: &Queue<W>, feed: &Feed) {
    let mut shared = false;
    loop {
        if shared {
            thread::sleep(W::GATHERING);
        }
        let jobs = queue.take();
        let Some(now) = jobs.iter().map(|job| job.now).min() else {
            break;
        };
        shared = jobs.len() >= MANY;
        work.write(jobs, Times { now, latest: feed.latest(now) });
    }
    work.end(Times { now: Timestamp::from_millis(0), latest: feed.latest_known() });
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// What is to be written, and the time.
    type Said = (Vec<u32>, u64);

    /// Says what it is to write and waits until it may; ends if it may not.
    struct Slow {
        writing: Sender<Said>,
        may: Receiver<()>,
    }

    impl Work for Slow {
        type Put = u32;
        type Answer = u32;

        const GATHERING: Duration = Duration::ZERO;

        fn write(&mut self, jobs: Vec<Job<u32, u32>>, times: Times) {
            let puts = jobs.iter().map(|job| job.put).collect();
            self.writing.send((puts, times.now.as_millis())).unwrap();
            self.may.recv().unwrap();
            jobs.into_iter().for_each(|job| job.waiter.answer(Ok(job.put)));
        }
    }

    fn slow() -> (Writer<Slow>, Receiver<Said>, Sender<()>) {
        let ((writing, written), (allow, may)) = (channel(), channel());
        (Writer::start("slow", Slow { writing, may }, Arc::default()).unwrap(), written, allow)
    }

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[tokio::test]
    async fn what_comes_meanwhile_is_written_together_by_the_earliest_of_their_clocks() {
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
    async fn more_than_can_wait_is_refused_at_once() {
        let (writer, written, allow) = slow();
        let first = writer.put(1, at(1));
        written.recv().unwrap();
        let waiting: Vec<_> = (0..MAX_WAITING).map(|_| writer.put(2, at(1))).collect();
        let refused = writer.put(3, at(1)).await.unwrap_err();
        assert!(refused.to_string().contains("more is to be written"), "{refused}");
        allow.send(()).unwrap();
        allow.send(()).unwrap();
        first.await.unwrap();
        assert_eq!(waiting.into_iter().next_back().unwrap().await.unwrap(), 2);
    }

    #[tokio::test]
    async fn nobody_waits_for_a_thread_that_has_ended() {
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
