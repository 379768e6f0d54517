//! What the database and the journal of nonces record of each other, so that the loss of one is seen in the other.
//!
//! The database counts its commits and has a random id, and each frame of the journal repeats the count that it knows of. So a database
//! of another folder, or from an older backup, is noticed. In return, each commit records how far the journal was written.
//! After a clean stop that is exactly where it ends.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::file::Closing;
use super::found::Found;
use super::journal;
use crate::error::Error;
use crate::store::lock;

/// A place in the journal: a file's number, and how far it was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    pub(super) number: u64,
    pub(super) end: u64,
}

/// The database, as far as the journal is concerned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Identity {
    /// The random id; 0 if it has none yet.
    pub(super) database: u64,
    pub(super) commits: u64,
}

/// What the database says of the journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Expected {
    /// How far the journal was written at least.
    pub(super) position: Position,
    /// Whether nothing was written after that, since the service was stopped cleanly.
    pub(super) is_clean: bool,
}

/// How the database and the journal fit together.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fit {
    Sound,
    /// The database is not the one beside which the journal was written last, for that reason.
    Lost(&'static str),
}

/// Compares what was found on opening.
pub(super) fn compare(folder: &Path, database: Identity, expected: Expected, journal: &Found) -> Result<Fit, Error> {
    if journal.identity.database != 0 && journal.identity.database != database.database {
        return Ok(Fit::Lost("it belongs to another folder"));
    }
    if database.commits < journal.identity.commits {
        return Ok(Fit::Lost("it is older than `nonces`"));
    }
    let Some(found) = journal.position else {
        // The journal was lost, which is noticed elsewhere.
        return Ok(Fit::Sound);
    };
    if found < expected.position {
        return Err(journal::end_is_missing(folder, found, expected.position));
    }
    let is_at_end = found == expected.position || journal.before_closing == Some(expected.position);
    if expected.is_clean && !is_at_end {
        return Ok(Fit::Lost("it is older than `nonces`"));
    }
    Ok(Fit::Sound)
}

/// What both threads share while the store is open.
#[derive(Debug)]
pub(super) struct Pairing {
    database: u64,
    commits: AtomicU64,
    position: Mutex<Position>,
    /// The end of the journal, once its thread has ended. Written last, when the database has recorded a clean stop.
    closing: Mutex<Option<Closing>>,
    has_journal_ended: AtomicBool,
    is_stop_recorded: AtomicBool,
}

impl Pairing {
    pub(super) fn new(identity: Identity, position: Position) -> Self {
        Self {
            database: identity.database,
            commits: AtomicU64::new(identity.commits),
            position: Mutex::new(position),
            closing: Mutex::default(),
            has_journal_ended: AtomicBool::new(false),
            is_stop_recorded: AtomicBool::new(false),
        }
    }

    pub(super) fn identity(&self) -> Identity {
        Identity { database: self.database, commits: self.commits.load(Ordering::Acquire) }
    }

    /// Notes that so many commits are on the disk.
    pub(super) fn set_commits(&self, commits: u64) {
        self.commits.fetch_max(commits, Ordering::AcqRel);
    }

    pub(super) fn position(&self) -> Position {
        *lock(&self.position)
    }

    /// Notes that the journal is on the disk up to there.
    pub(super) fn set_position(&self, position: Position) {
        *lock(&self.position) = position;
    }

    pub(super) fn end_journal(&self, closing: Option<Closing>) {
        *lock(&self.closing) = closing;
        self.has_journal_ended.store(true, Ordering::Release);
    }

    pub(super) fn has_journal_ended(&self) -> bool {
        self.has_journal_ended.load(Ordering::Acquire)
    }

    pub(super) fn record_stop(&self) {
        self.is_stop_recorded.store(true, Ordering::Release);
    }

    /// Writes the journal's closing frame, if the database has recorded the stop.
    pub(super) fn close(&self) {
        let closing = lock(&self.closing).take();
        if let Some(closing) = closing.filter(|_| self.is_stop_recorded.load(Ordering::Acquire)) {
            closing.write(self.identity());
        }
    }
}
