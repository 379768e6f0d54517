//! The database thread's work.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ably_auth_core::Timestamp;

use super::disk::Disk;
use super::folder;
use super::pairing::Pairing;
use super::put::Put;
use super::writer::{self, Times, Work};
use crate::store::{Feed, Record, Unavailable, Written};

type Job = writer::Job<Put, Written>;

pub(super) struct Records {
    /// The database; `None` after an error, until it is opened again.
    disk: Option<Disk>,
    folder: PathBuf,
    feed: Arc<Feed>,
    /// The names of existing records, to find deleted ones when an error leaves that unknown.
    names: HashSet<Box<str>>,
    pairing: Arc<Pairing>,
    /// The time from which all data is known after a loss; `None` once it is on disk.
    known_from: Option<Timestamp>,
}

impl Work for Records {
    type Put = Put;
    type Answer = Written;

    /// No delay: a commit is slow enough that other writes arrive during it.
    const BATCH_DELAY: Duration = Duration::ZERO;

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
            _ => true,
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
        // Notify callers only after all records are in the feed.
        waiters.into_iter().for_each(|waiter| waiter.answer(answer.clone()));
        outdated.into_iter().for_each(|job| job.waiter.answer(Ok(Written::Outdated)));
    }

    fn end(&mut self, times: Times) {
        let is_stop = self.pairing.has_journal_ended();
        let put = if is_stop { Put::Stop } else { Put::Moment };
        // Ignore an error: no request depends on this write.
        if self.put(&[&put], times).is_ok() && is_stop {
            self.pairing.record_stop();
        }
    }
}

impl Records {
    pub(super) const fn new(
        disk: Disk,
        folder: PathBuf,
        feed: Arc<Feed>,
        names: HashSet<Box<str>>,
        pairing: Arc<Pairing>,
    ) -> Self {
        Self { disk: Some(disk), folder, feed, names, pairing, known_from: None }
    }

    fn commit(&mut self, jobs: &[Job], times: Times) -> Result<Written, Unavailable> {
        if jobs.is_empty() {
            return Ok(Written::Done);
        }
        for job in jobs {
            match job.put {
                Put::KnownFrom(moment) => self.known_from = Some(moment),
                Put::Time(_) => self.known_from = None,
                _ => {}
            }
        }
        let puts: Vec<_> = jobs.iter().map(|job| &job.put).collect();
        self.put(&puts, times).map(|()| Written::Done)
    }

    fn put(&mut self, puts: &[&Put], times: Times) -> Result<(), Unavailable> {
        let (position, known_from) = (self.pairing.position(), self.known_from.map(Put::KnownFrom));
        // If an earlier write of this time failed, write it again.
        let puts: Vec<_> = known_from.iter().chain(puts.iter().copied()).collect();
        let written = self.disk().and_then(|disk| {
            disk.commit(&puts, times, position).map_err(Unavailable::new)?;
            Ok(disk.identity().commits)
        });
        match written {
            Ok(commits) => {
                self.known_from = None;
                self.pairing.set_commits(commits);
                Ok(())
            }
            Err(unavailable) => {
                // redb accepts no writes after a failure, so open the database again before the next write.
                self.disk = None;
                Err(unavailable)
            }
        }
    }

    /// Returns the database, and opens it again after an error. Then publishes all of its records, since an unconfirmed
    /// write may have succeeded.
    fn disk(&mut self) -> Result<&mut Disk, Unavailable> {
        if self.disk.is_none() {
            let path = folder::database(&self.folder).map_err(Unavailable::new)?;
            let disk = Disk::open(&path, &self.folder).map_err(Unavailable::new)?;
            let (found, known) = (disk.identity(), self.pairing.identity());
            if found.database != known.database || found.commits < known.commits {
                return Err(Unavailable::new("`store.redb` was replaced; stop the service and restore the last file"));
            }
            let records = disk.records().map_err(Unavailable::new)?;
            let there: HashSet<_> = records.iter().map(|record| record.name.clone()).collect();
            let deleted = self.names.difference(&there);
            let deleted = deleted.map(|name| Record { name: name.clone(), value: None, expires: None });
            let all = deleted.chain(records).collect();
            self.names = there;
            self.feed.publish(all);
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

#[cfg(test)]
mod tests {
    use super::super::identity::{Identity, Position};
    use super::super::temp_dir::TempDir;
    use super::super::writer::Writer;
    use super::*;

    fn revoked(name: &str) -> Put {
        Put::Records(vec![Record { name: name.into(), value: Some(b"1".to_vec().into()), expires: None }], 0)
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn panic_in_commit_is_error_and_next_write_reopens() {
        let place = TempDir::new();
        let path = folder::database_path(&place.0);
        drop(folder::create_file(&path).unwrap());
        Disk::create(&path, &place.0, false).unwrap();
        let disk = Disk::open(&path, &place.0).unwrap();
        let (feed, now) = (Arc::new(Feed::new()), Timestamp::from_millis(1));
        let pairing = Arc::new(Pairing::new(Identity::default(), Position::default()));
        let records = Records::new(disk, place.0.clone(), Arc::clone(&feed), HashSet::new(), Arc::clone(&pairing));
        let writer = Writer::start("records", records, Arc::clone(&feed)).unwrap();
        assert_eq!(writer.put(revoked("one"), now).await.unwrap(), Written::Done);
        for _ in 0..2 {
            let error = writer.put(Put::Panic, now).await.unwrap_err().to_string();
            assert!(error.contains("a test makes the library panic"), "{error}");
        }
        assert_eq!(writer.put(revoked("two"), now).await.unwrap(), Written::Done);
        assert_eq!(pairing.identity().commits, 2);
        drop(writer);
        let there = Disk::open(&path, &place.0).unwrap().records().unwrap();
        assert_eq!(there.iter().map(|record| &*record.name).collect::<Vec<_>>(), ["one", "two"]);
    }

    /// A reopened file must contain all confirmed writes; otherwise the next write fails.
    #[cfg(unix)]
    #[tokio::test]
    async fn replaced_database_is_not_written_to() {
        let place = TempDir::new();
        let path = folder::database_path(&place.0);
        drop(folder::create_file(&path).unwrap());
        Disk::create(&path, &place.0, false).unwrap();
        let older = std::fs::read(&path).unwrap();
        let disk = Disk::open(&path, &place.0).unwrap();
        let (feed, now) = (Arc::new(Feed::new()), Timestamp::from_millis(1));
        let pairing = Arc::new(Pairing::new(Identity::default(), Position::default()));
        let records = Records::new(disk, place.0.clone(), Arc::clone(&feed), HashSet::new(), pairing);
        let writer = Writer::start("records", records, feed).unwrap();
        assert_eq!(writer.put(revoked("one"), now).await.unwrap(), Written::Done);
        drop(folder::create_file(&path).unwrap());
        std::fs::write(&path, older).unwrap();
        writer.put(Put::Panic, now).await.unwrap_err();
        let error = writer.put(revoked("two"), now).await.unwrap_err().to_string();
        assert!(error.contains("`store.redb` was replaced"), "{error}");
    }
}
