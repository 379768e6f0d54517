//! The journal of used nonces, in append-only files: using a nonce appends a few bytes and waits until they are on
//! disk.
//!
//! A database would do more: it keeps a tree sorted, although nonces are never looked up on disk and expire together. A
//! file is closed once it is large, and deleted once all of its nonces have expired.

use std::collections::VecDeque;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ably_auth_core::Timestamp;

use super::file::{Closing, OpenFile};
use super::files;
use super::folder;
use super::found::JournalState;
use super::frames::{self, Contents, Damaged, Entry, Frame, MAX_NONCES};
use super::identity::{Identity, Position};
use super::journal_files::{FOLDER, NEW_FOLDER, damaged, name, number};
use super::pairing::Pairing;
use super::writer::{Job, Times, Work};
use crate::error::Error;
use crate::random;
use crate::store::Fingerprint;
use crate::store::Unavailable;
use crate::store::nonces::{is_expired, window_end};
use crate::store::spans::Spans;

/// A file that reaches this size, in bytes, is closed.
const MAX_FILE_BYTES: u64 = if cfg!(test) { 1024 } else { 4 * 1024 * 1024 };

#[derive(Clone, Copy, Debug)]
pub(super) enum Put {
    Nonce(Fingerprint),
    /// Sets the time, even to an earlier one.
    Time(Timestamp),
    /// An empty write, to check that the disk works.
    Probe,
}

pub(super) struct Journal {
    folder: PathBuf,
    open: Option<OpenFile>,
    closed: VecDeque<Closed>,
    next: u64,
    /// The timestamps of dropped nonces.
    forgotten: Spans,
    /// True if `forgotten` has changed since it was last written.
    is_forgotten_new: bool,
    pairing: Arc<Pairing>,
    /// True if the journal on disk ends where the pairing says. After a failed write, some of it may be on disk.
    is_end_known: bool,
    /// The oldest file, once its nonces have expired and that is on disk.
    expired: Option<u64>,
    /// True if the last deletion may not be on disk, so that the file could reappear.
    is_deletion_unsynced: bool,
}

/// A complete file, and the timestamps of its nonces.
struct Closed {
    number: u64,
    end: u64,
    used: Spans,
}

impl Journal {
    /// Opens the journal in the folder and reads it. If the journal is missing, nonces up to `unknown_until` count as
    /// unknown.
    ///
    /// `pairing` is called with the state that was read, before anything is written.
    pub(super) fn open(
        folder: &Path,
        unknown_until: Timestamp,
        pairing: impl FnOnce(&JournalState) -> Result<Arc<Pairing>, Error>,
    ) -> Result<(Self, JournalState), Error> {
        let inner = folder.join(FOLDER);
        let failed = |error| folder::io_error(&inner, "cannot be used", error);
        if !files::exists(&inner).map_err(failed)? {
            let found = JournalState { forgotten: Spans::up_to(unknown_until), ..JournalState::default() };
            let pairing = pairing(&found)?;
            return Self::create(folder, unknown_until, pairing).map(|journal| (journal, found)).map_err(failed);
        }
        let mut numbers = Vec::new();
        numbers.extend(files::paths_in(&inner).map_err(failed)?.iter().filter_map(|path| number(path)));
        numbers.sort_unstable();
        let mut files = VecDeque::<Closed>::new();
        let mut found = JournalState::default();
        for number in numbers {
            let path = inner.join(name(number));
            if files.back().is_some_and(|before| number != before.number.saturating_add(1)) {
                return Err(damaged(&path, "the file before it is missing"));
            }
            let contents = frames::read(&files::read(&path).map_err(failed)?);
            let problem = |found: Damaged| format!("the data at byte {} has changed since it was written", found.at);
            let Contents { frames, end, last, end_before } =
                contents.map_err(|found| damaged(&path, &problem(found)))?;
            if let Some(before) = files.back().filter(|before| before.end < end_before) {
                return Err(damaged(&inner.join(name(before.number)), "its end is missing"));
            }
            found.position = Some(Position { number, end });
            let may_close = frames.last().is_some_and(|frame| frame.entry == Entry::NOTHING);
            found.before_closing = may_close.then_some(Position { number, end: last });
            let mut used = Spans::default();
            for frame in frames {
                note(&frame.entry, files.iter_mut().map(|file| &mut file.used).chain([&mut used]));
                found.add(frame);
            }
            files.push_back(Closed { number, end, used });
        }
        if files.front().is_some_and(|first| found.oldest > 0 && first.number > found.oldest) {
            return Err(damaged(&inner.join(name(found.oldest)), "it is missing"));
        }
        if found.latest.is_none() {
            // An intact journal has at least one frame.
            found.forgotten = Spans::up_to(unknown_until);
            found.position = None;
        }
        let mut journal = Self::of(inner, found.forgotten.clone(), pairing(&found)?);
        journal.next = files.back().map_or(1, |last| last.number.saturating_add(1));
        journal.closed = files;
        Ok((journal, found))
    }

    pub(super) fn pairing(&self) -> Arc<Pairing> {
        Arc::clone(&self.pairing)
    }

    const fn of(folder: PathBuf, forgotten: Spans, pairing: Arc<Pairing>) -> Self {
        Self {
            folder,
            open: None,
            closed: VecDeque::new(),
            next: 1,
            forgotten,
            is_forgotten_new: false,
            pairing,
            is_end_known: true,
            expired: None,
            is_deletion_unsynced: false,
        }
    }

    /// Creates the journal atomically: when the folder exists, it already records which nonces are unknown.
    fn create(folder: &Path, unknown_until: Timestamp, pairing: Arc<Pairing>) -> io::Result<Self> {
        let (inner, new) = (folder.join(FOLDER), folder.join(NEW_FOLDER));
        match files::remove_dir_all(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => files::create_private_folder(&new)?,
        }
        let mut journal = Self::of(new, Spans::up_to(unknown_until), pairing);
        let nothing = Timestamp::from_millis(0);
        journal.write(&[Put::Probe], Times { now: nothing, latest: nothing })?;
        files::rename(&journal.folder, &inner)?;
        folder::sync(folder)?;
        journal.folder = inner;
        Ok(journal)
    }

    /// Writes all of `puts` and returns once they are on disk.
    pub(super) fn write(&mut self, puts: &[Put], Times { now, latest }: Times) -> io::Result<()> {
        self.is_end_known = false;
        let has_expired = |file: &&Closed| file.used.latest().is_none_or(|last| is_expired(last, now));
        let expired = self.closed.front().filter(has_expired).map(|file| file.number);
        if let Some(file) = self.closed.front().filter(has_expired) {
            let before = self.forgotten.clone();
            self.forgotten.add_all(&file.used);
            self.is_forgotten_new |= before != self.forgotten;
        }
        let was_open = self.open.is_some();
        let mut open = match self.open.take() {
            Some(open) => open,
            None => self.create_file()?,
        };
        let Identity { database, commits } = self.pairing.identity();
        let kept = self.closed.iter().map(|file| file.number).find(|number| Some(*number) != expired);
        let (oldest, dropped) = (kept.unwrap_or(open.number), self.forgotten.spans().to_vec());
        // A file is deleted only when it is on disk that it is not needed.
        let is_due = !was_open || self.is_forgotten_new || expired.is_some();
        let state = is_due.then_some(Entry::State { database, oldest, dropped });
        // Write one frame at a time, since no frame may follow an unfinished one.
        let written = state.into_iter().chain(entries(puts)).try_for_each(|entry| {
            let files = self.closed.iter_mut().map(|file| &mut file.used);
            note(&entry, files.chain([&mut open.used]));
            if let Entry::Time(now) = &entry {
                self.forgotten.lower(window_end(*now));
            }
            let frame = Frame { latest, forgotten: self.forgotten.floor(), commits, entry };
            open.append(&frame.to_bytes(&open.salt, open.end))
        });
        let Position { number, end } = open.position();
        if written.is_ok() && open.end < MAX_FILE_BYTES {
            self.open = Some(open);
        } else {
            // Close the file after an error as well: its contents are then unknown, so the next write creates a new
            // file.
            self.closed.push_back(Closed { number, end, used: open.used });
        }
        written?;
        self.pairing.set_position(Position { number, end });
        (self.is_forgotten_new, self.is_end_known) = (false, true);
        // Only now it is on disk that these nonces are dropped.
        self.expired = expired;
        Ok(())
    }

    fn create_file(&mut self) -> io::Result<OpenFile> {
        let (number, salt) = (self.next, random::bytes().map_err(io::Error::other)?);
        let mut file = folder::create_file(&self.path(number))?;
        let head = frames::head(&salt, self.closed.back().map_or(0, |before| before.end));
        file.write_all(&head)?;
        file.sync_all()?;
        folder::sync(&self.folder)?;
        let end = u64::try_from(head.len()).unwrap_or(u64::MAX);
        let open = OpenFile { number, file, salt, end, filled: end, used: Spans::default() };
        self.next = number.saturating_add(1);
        Ok(open)
    }

    /// Deletes the oldest file if its nonces have expired. Deletes one file at a time and syncs the folder, so that a
    /// crash never leaves a gap between files. If that fails, a later call tries again.
    fn delete_expired_file(&mut self) {
        let Some(number) = self.expired.take() else {
            return;
        };
        if self.is_deletion_unsynced && folder::sync(&self.folder).is_err() {
            return;
        }
        match files::remove_file(self.path(number)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => self.is_deletion_unsynced = false,
            _ => {
                self.closed.pop_front();
                self.is_deletion_unsynced = folder::sync(&self.folder).is_err();
            }
        }
    }

    fn path(&self, number: u64) -> PathBuf {
        self.folder.join(name(number))
    }
}

impl Work for Journal {
    type Put = Put;
    type Answer = ();

    /// A write to a fast disk takes about as long, and its system calls cost more CPU time than a token.
    const BATCH_DELAY: Duration = Duration::from_micros(200);

    fn write(&mut self, jobs: Vec<Job<Put, ()>>, times: Times) {
        let puts: Vec<_> = jobs.iter().map(|job| job.put).collect();
        let written = self.write(&puts, times).map_err(Unavailable::new);
        jobs.into_iter().for_each(|job| job.waiter.answer(written.clone()));
        self.delete_expired_file();
    }

    fn end(&mut self, Times { latest, .. }: Times) {
        let forgotten = self.forgotten.floor();
        let closing = self.open.take().map(|open| Closing { open, latest, forgotten });
        // Otherwise the database must not record where the journal ends: it would count as older when it is opened.
        if self.is_end_known {
            self.pairing.end_journal(closing);
        }
    }
}

/// Updates the timestamps of the nonces in each file. Adds used nonces to the last file. When the time is set, removes
/// later timestamps from all files. So each file is kept exactly as long as its nonces are needed.
fn note<'a>(entry: &Entry, files: impl Iterator<Item = &'a mut Spans>) {
    match entry {
        Entry::Used(nonces) => {
            if let Some(used) = files.last() {
                nonces.iter().for_each(|nonce| used.add(nonce.timestamp()));
            }
        }
        Entry::Time(now) => files.for_each(|used| used.cut(window_end(*now))),
        Entry::State { .. } => {}
    }
}

/// Converts writes to as few entries as possible.
fn entries(puts: &[Put]) -> Vec<Entry> {
    let mut entries = Vec::new();
    for put in puts {
        match (put, entries.last_mut()) {
            (Put::Nonce(nonce), Some(Entry::Used(nonces))) if nonces.len() < MAX_NONCES => nonces.push(*nonce),
            (Put::Nonce(nonce), _) => entries.push(Entry::Used(vec![*nonce])),
            (Put::Time(now), _) => entries.push(Entry::Time(*now)),
            (Put::Probe, _) => {}
        }
    }
    if entries.is_empty() {
        entries.push(Entry::Used(Vec::new()));
    }
    entries
}

#[cfg(test)]
mod tests;
