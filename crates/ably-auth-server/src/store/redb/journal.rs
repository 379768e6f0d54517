//! Used nonces, in files that only grow: to use one is to write a few bytes and to see them on the disk.
//!
//! A database would do that too, and keep a tree in order, page by page, for what is never looked up there and goes as a whole.
//! A file is closed once it is large, and deleted once all in it is over.

use std::collections::VecDeque;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ably_auth_core::Timestamp;

use super::file::{Closing, Open};
use super::folder;
use super::found::Found;
use super::frames::{self, Contents, Damaged, Entry, Frame, MAX_NONCES};
use super::identity::{Identity, Position};
use super::journal_files::{FOLDER, NEW_FOLDER, damaged, name, number};
use super::pairing::Pairing;
use super::writer::{Job, Times, Work};
use crate::error::Error;
use crate::random;
use crate::store::Fingerprint;
use crate::store::Unavailable;
use crate::store::nonces::{is_over, window_end};
use crate::store::spans::Spans;

/// A file that has got so large is closed.
const LARGE: u64 = if cfg!(test) { 1024 } else { 4 * 1024 * 1024 };

#[derive(Clone, Copy, Debug)]
pub(super) enum Put {
    Nonce(Fingerprint),
    /// The time is that, though a later one was known.
    Time(Timestamp),
    /// Nothing, and yet onto the disk: whoever asks wants to know whether that works.
    Probe,
}

pub(super) struct Journal {
    folder: PathBuf,
    open: Option<Open>,
    closed: VecDeque<Closed>,
    next: u64,
    /// The timestamps of dropped nonces.
    forgotten: Spans,
    /// True if `forgotten` has changed since it was last written.
    is_forgotten_new: bool,
    pairing: Arc<Pairing>,
    /// The oldest file, once all in it is over and that is on the disk.
    over: Option<u64>,
    /// Whether it is not known that the last one that was deleted will not come back.
    is_unsure: bool,
}

/// A file that is not written any more, and the timestamps of the nonces in it.
struct Closed {
    number: u64,
    end: u64,
    used: Spans,
}

impl Journal {
    /// What is in the folder. If there never was anything, what may have been used up to that moment is not known.
    ///
    /// `pairing` is called with the state that was read, before anything is written.
    pub(super) fn open(
        folder: &Path,
        unknown_until: Timestamp,
        pairing: impl FnOnce(&Found) -> Result<Arc<Pairing>, Error>,
    ) -> Result<(Self, Found), Error> {
        let inner = folder.join(FOLDER);
        let failed = |error| folder::failed(&inner, "cannot be used", error);
        if !inner.try_exists().map_err(failed)? {
            let found = Found { forgotten: Spans::up_to(unknown_until), ..Found::default() };
            let pairing = pairing(&found)?;
            return Self::begin(folder, unknown_until, pairing).map(|journal| (journal, found)).map_err(failed);
        }
        let mut numbers = Vec::new();
        for entry in fs::read_dir(&inner).map_err(failed)? {
            numbers.extend(number(&entry.map_err(failed)?.path()));
        }
        numbers.sort_unstable();
        let mut files = VecDeque::<Closed>::new();
        let mut found = Found::default();
        for number in numbers {
            let path = inner.join(name(number));
            if files.back().is_some_and(|before| number != before.number.saturating_add(1)) {
                return Err(damaged(&path, "the file before it is missing"));
            }
            let contents = frames::read(&fs::read(&path).map_err(failed)?);
            let problem = |found: Damaged| format!("what begins at byte {} has changed since it was written", found.at);
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
        if found.latest.is_none() {
            // There always is a frame, from the beginning on.
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
            over: None,
            is_unsure: false,
        }
    }

    /// Whole or not at all: once the folder is there, it says all that is not known.
    fn begin(folder: &Path, unknown_until: Timestamp, pairing: Arc<Pairing>) -> io::Result<Self> {
        let (inner, new) = (folder.join(FOLDER), folder.join(NEW_FOLDER));
        match fs::remove_dir_all(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => folder::private_folder().create(&new)?,
        }
        let mut journal = Self::of(new, Spans::up_to(unknown_until), pairing);
        let nothing = Timestamp::from_millis(0);
        journal.write(&[Put::Probe], Times { now: nothing, latest: nothing })?;
        fs::rename(&journal.folder, &inner)?;
        folder::sync(folder)?;
        journal.folder = inner;
        Ok(journal)
    }

    /// Writes all of it, and returns once it is on the disk.
    pub(super) fn write(&mut self, puts: &[Put], Times { now, latest }: Times) -> io::Result<()> {
        let is_over = |file: &&Closed| file.used.latest().is_none_or(|last| is_over(last, now));
        let over = self.closed.front().filter(is_over).map(|file| file.number);
        if let Some(file) = self.closed.front().filter(is_over) {
            let before = self.forgotten.clone();
            self.forgotten.add_all(&file.used);
            self.is_forgotten_new |= before != self.forgotten;
        }
        let is_begun = self.open.is_some();
        let mut open = match self.open.take() {
            Some(open) => open,
            None => self.begin_file()?,
        };
        let Identity { database, commits } = self.pairing.identity();
        let state = Entry::State { database, dropped: self.forgotten.spans().to_vec() };
        let state = (!is_begun || self.is_forgotten_new).then_some(state);
        // One after the other, since of what is not finished nothing may stand behind.
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
        if written.is_ok() && open.end < LARGE {
            self.open = Some(open);
        } else {
            // After an error too: what has become of the file cannot be known, so that the next begins another.
            self.closed.push_back(Closed { number, end, used: open.used });
        }
        written?;
        self.pairing.set_position(Position { number, end });
        self.is_forgotten_new = false;
        // Only now it is on the disk that this is forgotten.
        self.over = over;
        Ok(())
    }

    fn begin_file(&mut self) -> io::Result<Open> {
        let (number, salt) = (self.next, random::bytes().map_err(io::Error::other)?);
        let mut file = folder::begin(&self.path(number))?;
        let head = frames::head(&salt, self.closed.back().map_or(0, |before| before.end));
        file.write_all(&head)?;
        file.sync_all()?;
        folder::sync(&self.folder)?;
        let end = u64::try_from(head.len()).unwrap_or(u64::MAX);
        let open = Open { number, file, salt, end, filled: end, used: Spans::default() };
        self.next = number.saturating_add(1);
        Ok(open)
    }

    /// Deletes the oldest file, if nobody needs it. What cannot be deleted now may go later: one at a time and for good, so that
    /// none is ever missing between others.
    fn tidy(&mut self) {
        let Some(number) = self.over.take() else {
            return;
        };
        if self.is_unsure && folder::sync(&self.folder).is_err() {
            return;
        }
        match fs::remove_file(self.path(number)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => self.is_unsure = false,
            _ => {
                self.closed.pop_front();
                self.is_unsure = folder::sync(&self.folder).is_err();
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

    /// To see something on a fast disk takes about as long, and costs the processor more than a token does.
    const GATHERING: Duration = Duration::from_micros(200);

    fn write(&mut self, jobs: Vec<Job<Put, ()>>, times: Times) {
        let puts: Vec<_> = jobs.iter().map(|job| job.put).collect();
        let written = self.write(&puts, times).map_err(Unavailable::new);
        jobs.into_iter().for_each(|job| job.waiter.answer(written.clone()));
        self.tidy();
    }

    fn end(&mut self, Times { latest, .. }: Times) {
        let forgotten = self.forgotten.floor();
        let closing = self.open.take().map(|open| Closing { open, latest, forgotten });
        self.pairing.end_journal(closing);
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

/// What is to be said, in as few words as it takes.
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
