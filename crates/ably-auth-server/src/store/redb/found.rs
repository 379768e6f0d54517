//! The state that is read from the journal on opening.

use std::collections::BTreeSet;

use ably_auth_core::Timestamp;

use super::frames::{Entry, Frame};
use super::identity::{Identity, Position};
use crate::store::Fingerprint;
use crate::store::nonces::window_end;
use crate::store::spans::Spans;

/// The state that the journal holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct JournalState {
    pub(super) nonces: BTreeSet<Fingerprint>,
    pub(super) forgotten: Spans,
    pub(super) latest: Option<Timestamp>,
    /// The number of the oldest file that is needed; 0 if it is not recorded.
    pub(super) oldest: u64,
    /// The identity of the database that the journal was written with.
    pub(super) identity: Identity,
    /// The end of the journal; `None` if the journal is missing or empty.
    pub(super) position: Option<Position>,
    /// The end of the journal before its last frame, if that frame may be the closing frame.
    pub(super) before_closing: Option<Position>,
}

impl JournalState {
    pub(super) fn add(&mut self, frame: Frame) {
        let Identity { database, commits } = frame.identity();
        if database != 0 {
            self.identity.database = database;
        }
        self.identity.commits = self.identity.commits.max(commits);
        let Frame { latest, forgotten, entry, .. } = frame;
        self.latest = self.latest.max(Some(latest));
        match entry {
            Entry::Used(nonces) => self.nonces.extend(nonces),
            Entry::Time(now) => {
                let end = window_end(now);
                self.nonces.retain(|nonce| nonce.timestamp() <= end);
                self.latest = Some(now);
                self.forgotten.lower(end);
            }
            Entry::State { oldest, dropped, .. } => {
                self.oldest = oldest;
                self.forgotten = Spans::restored(forgotten, dropped);
            }
        }
        if self.forgotten.floor() != forgotten {
            self.forgotten = Spans::restored(forgotten, self.forgotten.spans().iter().copied());
        }
    }
}
