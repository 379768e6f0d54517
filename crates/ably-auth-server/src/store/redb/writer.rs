//! The one thread that writes: whatever has come in meanwhile shares its next write.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use ably_auth_core::Timestamp;
use tokio::sync::oneshot;

use super::disk::{Disk, Times};
use super::folder;
use crate::error::{Error, ErrorKind};
use crate::store::{Feed, Fingerprint, Record, Reference, Unavailable, Written};

/// The most that waits to be written; more is refused, since it would wait for too long.
const MAX_WAITING: usize = 16 * 1024;

/// The most that is written at once.
const MAX_BATCH: usize = 4 * 1024;

/// What is to be written.
pub(super) enum Put {
    Nonce(Fingerprint),
    /// Unless one of them was written after that version.
    Records(Vec<Record>, u64),
    Reference(Reference, Vec<u8>),
    /// The latest time alone, which goes with each write.
    Moment,
    /// The time is that, though a later one was known.
    Time(Timestamp),
}

type Answer = Result<Written, Unavailable>;

struct Job {
    put: Put,
    now: Timestamp,
    done: oneshot::Sender<Answer>,
}

/// The way to the thread. Dropping it ends the thread, once everything is written, and closes the database.
pub(super) struct Writer {
    jobs: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(disk: Disk, folder: &Path, feed: Arc<Feed>, names: HashSet<Box<str>>) -> Result<Self, Error> {
        let (jobs, waiting) = sync_channel(MAX_WAITING);
        let mut work = Work { disk: Some(disk), folder: folder.into(), feed, names };
        let thread = thread::Builder::new().name("ably-auth-store".into()).spawn(move || work.run(&waiting));
        let thread = thread.map_err(|error| {
            Error::new(ErrorKind::Store, "no thread can be started; see the system's limits").because(error)
        })?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Hands it over at once; the answer comes when it is on the disk.
    pub(super) fn put(&self, put: Put, now: Timestamp) -> impl Future<Output = Answer> + Send + use<> {
        let (done, answer) = oneshot::channel();
        let taken = self.jobs.as_ref().is_some_and(|jobs| jobs.try_send(Job { put, now, done }).is_ok());
        async move {
            if !taken {
                return Err(Unavailable::new("more is to be written than the disk can keep up with"));
            }
            answer.await.unwrap_or_else(|_| Err(Unavailable::new("the thread that writes has ended")))
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // One that has panicked has nothing more to write.
            let _ = thread.join();
        }
    }
}

struct Work {
    /// None after a fault, until it can be opened again.
    disk: Option<Disk>,
    folder: PathBuf,
    feed: Arc<Feed>,
    /// The records that are there, to tell which have gone when a fault leaves that open.
    names: HashSet<Box<str>>,
}

impl Work {
    fn run(&mut self, waiting: &Receiver<Job>) {
        while let Ok(first) = waiting.recv() {
            let mut jobs = vec![first];
            jobs.extend(waiting.try_iter().take(MAX_BATCH.saturating_sub(1)));
            self.write(jobs);
        }
        let latest = self.feed.latest_known();
        // What fails now has nobody left to tell.
        let times = Times { now: Timestamp::from_millis(0), latest };
        let _ = self.disk().map(|disk| disk.commit(&[], times).is_ok());
    }

    fn write(&mut self, jobs: Vec<Job>) {
        let mut writing = HashSet::new();
        let (jobs, outdated): (Vec<_>, Vec<_>) = jobs.into_iter().partition(|job| match &job.put {
            Put::Records(records, seen) => {
                let current = self.feed.is_current(records, *seen)
                    && !records.iter().any(|record| writing.contains(&*record.name));
                if current {
                    writing.extend(records.iter().map(|record| record.name.clone()));
                }
                current
            }
            Put::Nonce(_) | Put::Reference(..) | Put::Moment | Put::Time(_) => true,
        });
        let answer = self.commit(&jobs);
        let mut done = Vec::new();
        for Job { put, done: waiter, .. } in jobs {
            match put {
                Put::Records(records, _) if answer.is_ok() => {
                    self.note(&records);
                    self.feed.publish(records);
                }
                _ => {}
            }
            done.push((waiter, answer.clone()));
        }
        done.extend(outdated.into_iter().map(|job| (job.done, Ok(Written::Outdated))));
        for (waiter, answer) in done {
            // Whoever has gone needs no answer.
            let _ = waiter.send(answer);
        }
    }

    fn commit(&mut self, jobs: &[Job]) -> Answer {
        // The earliest, so that nothing is dropped that one of them might still need.
        let Some(now) = jobs.iter().map(|job| job.now).min() else {
            return Ok(Written::Done);
        };
        let puts: Vec<_> = jobs.iter().map(|job| &job.put).collect();
        let times = Times { now, latest: self.feed.latest(now) };
        let written = self.disk().and_then(|disk| disk.commit(&puts, times).map_err(Unavailable::new));
        if written.is_err() {
            // A database that has failed once takes no more, until it is opened again.
            self.disk = None;
        }
        written.map(|()| Written::Done)
    }

    /// The database, opened again if it has failed. What was written then is told: it may be more than was answered for.
    fn disk(&mut self) -> Result<&mut Disk, Unavailable> {
        if self.disk.is_none() {
            let path = folder::database(&self.folder).map_err(Unavailable::new)?;
            let disk = Disk::open(&path, &self.folder).map_err(Unavailable::new)?;
            let records = disk.records().map_err(Unavailable::new)?;
            let there: HashSet<_> = records.iter().map(|record| record.name.clone()).collect();
            let gone = self.names.difference(&there);
            let gone = gone.map(|name| Record { name: name.clone(), value: None, expires: None });
            let told = gone.chain(records).collect();
            self.names = there;
            self.feed.publish(told);
            self.disk = Some(disk);
        }
        self.disk.as_mut().ok_or_else(|| Unavailable::new("the store is closed"))
    }

    fn note(&mut self, records: &[Record]) {
        for record in records {
            if record.value.is_some() {
                self.names.insert(record.name.clone());
            } else {
                self.names.remove(&record.name);
            }
        }
    }
}
