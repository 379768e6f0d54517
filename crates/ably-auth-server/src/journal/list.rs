//! The list of entries, limited in bytes.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tokio::sync::watch;

use super::filter::Filter;
use super::row::{Entry, Row};
use crate::store::Fingerprint;
use crate::sync::lock;

/// The entries of a service.
#[derive(Debug)]
pub(crate) struct Journal {
    entries: Mutex<Entries>,
    position: watch::Sender<Position>,
    max_bytes: usize,
}

#[derive(Debug, Default)]
struct Entries {
    list: VecDeque<Arc<Entry>>,
    bytes: usize,
    position: Position,
}

/// The place where the journal ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Position {
    /// The number of the newest entry; 0 before the first one.
    pub(crate) last: u64,
    /// How often the journal was cleared.
    pub(crate) cleared: u64,
}

/// The part of the journal to read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Range {
    /// The newest rows before the one of this number, if it is set.
    Newest { before: Option<u64> },
    /// The oldest rows after the one of this number.
    After(u64),
}

/// Rows of the journal, from the oldest to the newest.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) rows: Vec<Row>,
    /// The numbers of the oldest and the newest entry in the journal.
    pub(crate) held: Option<(u64, u64)>,
    /// True if more rows of the range match.
    pub(crate) has_more: bool,
    pub(crate) position: Position,
}

/// The newest rows, from the oldest to the newest.
#[derive(Debug)]
pub(crate) struct Tail {
    pub(crate) rows: Vec<Row>,
    /// The number of older rows that match too.
    pub(crate) skipped: usize,
    pub(crate) position: Position,
}

impl Journal {
    /// Creates a journal whose entries use at most `max_bytes` bytes.
    pub(crate) fn new(max_bytes: usize) -> Self {
        Self { entries: Mutex::default(), position: watch::Sender::default(), max_bytes }
    }

    /// Adds an entry. Drops it if it alone is larger than the journal.
    pub(crate) fn push(&self, mut entry: Entry) {
        let size = entry.size();
        let mut dropped = Vec::new();
        let position = {
            let mut entries = lock(&self.entries);
            if size > self.max_bytes {
                return;
            }
            entries.position.last = entries.position.last.saturating_add(1);
            entry.row.seq = entries.position.last;
            entries.bytes = entries.bytes.saturating_add(size);
            entries.list.push_back(Arc::new(entry));
            while entries.bytes > self.max_bytes {
                let Some(oldest) = entries.list.pop_front() else { break };
                entries.bytes = entries.bytes.saturating_sub(oldest.size());
                dropped.push(oldest);
            }
            entries.position
        };
        // Free the memory without holding the lock.
        drop(dropped);
        self.announce(position);
    }

    /// Forgets all entries. The numbers of later ones go on.
    pub(crate) fn clear(&self) {
        let (dropped, position) = {
            let mut entries = lock(&self.entries);
            entries.bytes = 0;
            entries.position.cleared = entries.position.cleared.saturating_add(1);
            (std::mem::take(&mut entries.list), entries.position)
        };
        drop(dropped);
        self.announce(position);
    }

    fn announce(&self, position: Position) {
        if self.position.receiver_count() > 0 {
            // Entries are announced in any order, and the newest counts.
            self.position.send_if_modified(|known| {
                let is_newer = position.last > known.last || position.cleared > known.cleared;
                *known = Position { last: position.last.max(known.last), cleared: position.cleared.max(known.cleared) };
                is_newer
            });
        }
    }

    /// Returns a receiver that is notified of each new entry. Subscribe first, and then read the entries that exist.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Position> {
        self.position.subscribe()
    }

    /// Returns the number of entries and their size in bytes.
    pub(crate) fn usage(&self) -> (usize, usize) {
        let entries = lock(&self.entries);
        (entries.list.len(), entries.bytes)
    }

    /// Returns the maximum size of all entries, in bytes.
    pub(crate) const fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    /// Returns at most `limit` rows that match the filter.
    pub(crate) fn page(&self, filter: &Filter, range: Range, limit: usize) -> Page {
        let (found, held, position) = {
            let entries = lock(&self.entries);
            let held = entries.list.front().zip(entries.list.back()).map(|(first, last)| (first.row.seq, last.row.seq));
            let is_wanted = |entry: &&Arc<Entry>| filter.matches(&entry.row);
            let most = limit.saturating_add(1);
            let found: Vec<Arc<Entry>> = match range {
                Range::Newest { before } => {
                    let end = before.map_or(entries.list.len(), |before| entries.index_of(before));
                    entries.list.range(..end).rev().filter(is_wanted).take(most).cloned().collect()
                }
                Range::After(after) => {
                    let start = entries.index_of(after.saturating_add(1));
                    entries.list.range(start..).filter(is_wanted).take(most).cloned().collect()
                }
            };
            (found, held, entries.position)
        };
        let has_more = found.len() > limit;
        let mut rows: Vec<Row> = found.into_iter().take(limit).map(|entry| entry.row.clone()).collect();
        if matches!(range, Range::Newest { .. }) {
            rows.reverse();
        }
        Page { rows, held, has_more, position }
    }

    /// Returns the place where the journal ends.
    pub(crate) fn position(&self) -> Position {
        lock(&self.entries).position
    }

    /// Returns the newest matching rows after the one of this number, at most `limit`.
    pub(crate) fn tail(&self, filter: &Filter, after: u64, limit: usize) -> Tail {
        let (found, skipped, position) = {
            let entries = lock(&self.entries);
            let start = entries.index_of(after.saturating_add(1));
            let mut matching = entries.list.range(start..).rev().filter(|entry| filter.matches(&entry.row));
            let found: Vec<Arc<Entry>> = matching.by_ref().take(limit).cloned().collect();
            (found, matching.count(), entries.position)
        };
        Tail { rows: found.iter().rev().map(|entry| entry.row.clone()).collect(), skipped, position }
    }

    /// Returns the entry with that number, if the journal still has it.
    pub(crate) fn entry(&self, seq: u64) -> Option<Arc<Entry>> {
        let entries = lock(&self.entries);
        entries.list.get(entries.index_of(seq)).filter(|entry| entry.row.seq == seq).cloned()
    }

    /// Returns the first entry that used the nonce, if the journal still has it.
    pub(crate) fn first_use(&self, nonce: Fingerprint) -> Option<Arc<Entry>> {
        lock(&self.entries).list.iter().find(|entry| entry.nonce == Some(nonce)).cloned()
    }
}

impl Entries {
    /// Returns the index of the first entry whose number is not less than `seq`. The numbers have no gaps.
    fn index_of(&self, seq: u64) -> usize {
        let first = self.list.front().map_or(seq, |entry| entry.row.seq);
        usize::try_from(seq.saturating_sub(first)).unwrap_or(usize::MAX).min(self.list.len())
    }
}

#[cfg(test)]
mod tests {
    use ably_auth_core::Timestamp;

    use super::*;
    use crate::journal::row::{Kind, Outcome};

    fn entry(action: &'static str) -> Entry {
        Entry::new(Row::new(Timestamp::from_millis(1), Kind::Request, action, Outcome::Granted), Box::default())
    }

    fn numbers(page: &Page) -> Vec<u64> {
        page.rows.iter().map(|row| row.seq).collect()
    }

    #[test]
    fn oldest_entries_make_room() {
        let size = entry("time").size();
        let journal = Journal::new(size * 3);
        (0..5).for_each(|_| journal.push(entry("time")));
        let page = journal.page(&Filter::default(), Range::Newest { before: None }, 10);
        assert_eq!((numbers(&page), page.held, page.has_more), (vec![3, 4, 5], Some((3, 5)), false));
        assert_eq!(journal.usage(), (3, size * 3));
        assert!(journal.entry(2).is_none() && journal.entry(3).is_some() && journal.entry(6).is_none());
        let large = Entry { evidence: Some("x".repeat(size * 3).into()), ..entry("time") };
        journal.push(large);
        assert_eq!(journal.usage().0, 3, "an entry larger than the journal is dropped");
    }

    #[test]
    fn pages_have_both_directions() {
        let journal = Journal::new(1 << 20);
        (0..10).for_each(|nth| journal.push(entry(if nth % 2 == 0 { "time" } else { "publish" })));
        let all = Filter::default();
        let page = |range, limit| journal.page(&all, range, limit);
        assert_eq!(numbers(&page(Range::Newest { before: None }, 3)), [8, 9, 10]);
        assert_eq!(numbers(&page(Range::Newest { before: Some(8) }, 3)), [5, 6, 7]);
        assert_eq!(numbers(&page(Range::After(8), 3)), [9, 10]);
        assert!(page(Range::After(3), 3).has_more && !page(Range::After(7), 3).has_more);
        assert_eq!(numbers(&page(Range::After(u64::MAX), 3)), [0_u64; 0]);
        journal.clear();
        journal.push(entry("time"));
        let page = journal.page(&all, Range::After(0), 3);
        assert_eq!((numbers(&page), page.position), (vec![11], Position { last: 11, cleared: 1 }));
    }

    #[tokio::test]
    async fn readers_are_notified() {
        let journal = Journal::new(1 << 20);
        let mut positions = journal.subscribe();
        journal.push(entry("time"));
        positions.changed().await.unwrap();
        assert_eq!(positions.borrow_and_update().last, 1);
        journal.clear();
        positions.changed().await.unwrap();
        assert_eq!(positions.borrow_and_update().cleared, 1);
    }
}
