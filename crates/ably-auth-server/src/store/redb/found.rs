//! What was found in the journal on opening.

use std::collections::BTreeSet;

use ably_auth_core::Timestamp;

use super::frames::{Entry, Frame};
use super::pairing::{Identity, Position};
use crate::store::Fingerprint;
use crate::store::nonces::window_end;
use crate::store::spans::Spans;

/// What was written before.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) nonces: BTreeSet<Fingerprint>,
    pub(super) forgotten: Spans,
    pub(super) latest: Option<Timestamp>,
    /// The database that it was written beside.
    pub(super) identity: Identity,
    /// Where it ends; none if there was none, or nothing in it.
    pub(super) position: Option<Position>,
    /// Where it ended before the last frame, if that frame may have closed it.
    pub(super) before_closing: Option<Position>,
}

impl Found {
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
            Entry::State { dropped, .. } => self.forgotten = Spans::restored(forgotten, dropped),
        }
        if self.forgotten.floor() != forgotten {
            self.forgotten = Spans::restored(forgotten, self.forgotten.spans().iter().copied());
        }
    }
}
