//! What is written to the database, by the one thread that does.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ably_auth_core::Timestamp;

use super::disk::Disk;
use super::folder;
use super::writer::{self, Times, Work};
use crate::store::{Feed, Record, Reference, Unavailable, Written};

/// What is to be written.
pub(super) enum Put {
    /// Unless one of them was written after that version.
    Records(Vec<Record>, u64),
    Reference(Reference, Vec<u8>),
    /// The latest time alone, which goes with each write.
    Moment,
    /// The time is that, though a later one was known.
    Time(Timestamp),
}

type Job = writer::Job<Put, Written>;

pub(super) struct Records {
    /// None after a fault, until it can be opened again.
    disk: Option<Disk>,
    folder: PathBuf,
    feed: Arc<Feed>,
    /// Those that are there, to tell which have gone when a fault leaves that open.
    names: HashSet<Box<str>>,
}

impl Work for Records {
    type Put = Put;
    type Answer = Written;

    /// It takes so long that others come anyway.
    const GATHERING: Duration = Duration::ZERO;

    fn write(&mut self, jobs: Vec<Job>, times: Times) {
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
            Put::Reference(..) | Put::Moment | Put::Time(_) => true,
        });
        let answer = self.commit(&jobs, times);
        let mut waiters = Vec::new();
        for Job { put, waiter, .. } in jobs {
            match put {
                Put::Records(records, _) if answer.is_ok() => {
                    self.note(&records);
                    self.feed.publish(records);
                }
                _ => {}
            }
            waiters.push(waiter);
        }
        // Not before all of it is told.
        waiters.into_iter().for_each(|waiter| waiter.answer(answer.clone()));
        outdated.into_iter().for_each(|job| job.waiter.answer(Ok(Written::Outdated)));
    }

    fn end(&mut self, times: Times) {
        // What fails now has nobody left to tell.
        let _ = self.disk().map(|disk| disk.commit(&[], times).is_ok());
    }
}

impl Records {
    pub(super) const fn new(disk: Disk, folder: PathBuf, feed: Arc<Feed>, names: HashSet<Box<str>>) -> Self {
        Self { disk: Some(disk), folder, feed, names }
    }

    fn commit(&mut self, jobs: &[Job], times: Times) -> Result<Written, Unavailable> {
        if jobs.is_empty() {
            return Ok(Written::Done);
        }
        let puts: Vec<_> = jobs.iter().map(|job| &job.put).collect();
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
