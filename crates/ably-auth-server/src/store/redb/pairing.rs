//! The data by which the database and the journal of nonces refer to each other, so that each reveals the loss of the
//! other.
//!
//! The database has a random ID and counts its commits. Each frame of the journal contains the latest count that it
//! knows. So a database from another folder or from an older backup is detected. In return, each commit records the
//! position up to which the journal was written. After a clean shutdown, only the closing frame follows this position.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::file::Closing;
use super::found::JournalState;
use super::identity::{Expected, Identity, Position};
use super::journal_files;
use crate::error::Error;
use crate::sync::lock;

/// The result of comparing the database with the journal.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fit {
    Sound,
    /// The database is a different or an older one than the journal was last written with. The text is the reason.
    Lost(&'static str),
}

/// Compares the database with the journal on opening. Fails if the end of the journal is missing.
pub(super) fn compare(
    folder: &Path,
    database: Identity,
    expected: Expected,
    journal: &JournalState,
) -> Result<Fit, Error> {
    if journal.identity.database != 0 && journal.identity.database != database.database {
        return Ok(Fit::Lost("it belongs to another folder"));
    }
    if database.commits < journal.identity.commits {
        return Ok(Fit::Lost("it is older than `nonces`"));
    }
    let Some(found) = journal.position else {
        // The journal was lost; `Redb::open_with` handles that.
        return Ok(Fit::Sound);
    };
    if found < expected.position {
        return Err(journal_files::end_is_missing(folder, found, expected.position));
    }
    let is_at_end = found == expected.position || journal.before_closing == Some(expected.position);
    if expected.is_clean && !is_at_end {
        return Ok(Fit::Lost("it is older than `nonces`"));
    }
    Ok(Fit::Sound)
}

/// The state that both threads share while the store is open.
#[derive(Debug)]
pub(super) struct Pairing {
    database: u64,
    commits: AtomicU64,
    position: Mutex<Position>,
    /// The closing frame, set when the thread of the journal ends. It is written last, after the database recorded a
    /// clean stop.
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

    /// Records that `commits` commits are on disk.
    pub(super) fn set_commits(&self, commits: u64) {
        self.commits.fetch_max(commits, Ordering::AcqRel);
    }

    pub(super) fn position(&self) -> Position {
        *lock(&self.position)
    }

    /// Records that the journal is on disk up to `position`.
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

    /// Writes the journal's closing frame if the database has recorded the stop.
    pub(super) fn close(&self) {
        let closing = lock(&self.closing).take();
        if let Some(closing) = closing.filter(|_| self.is_stop_recorded.load(Ordering::Acquire)) {
            closing.write(self.identity());
        }
    }
}
