//! The list of entries, limited in bytes.

use std::collections::VecDeque;
use std::sync::Mutex;

use serde_json::{Map, Value};
use tokio::sync::watch;

use super::filter::Filter;
use super::row::Entry;
use crate::sync::lock;
use ably_auth_core::KeyName;

/// The entries of a service.
#[derive(Debug)]
pub(crate) struct Journal {
    entries: Mutex<Entries>,
    position: watch::Sender<Position>,
    max_bytes: usize,
}

/// The bytes that an entry uses in addition to its texts: its place in the list, and the overhead of its allocation.
const ENTRY_BYTES: usize = 48;

#[derive(Debug, Default)]
struct Entries {
    /// The entries. Their numbers have no gaps.
    list: VecDeque<Entry>,
    bytes: usize,
    position: Position,
}

/// A row as JSON.
pub(crate) type JsonRow = Map<String, Value>;

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
    pub(crate) rows: Vec<JsonRow>,
    /// The numbers of the oldest and the newest entry in the journal.
    pub(crate) held: Option<(u64, u64)>,
    /// True if more rows of the range match.
    pub(crate) has_more: bool,
}

/// The newest rows, from the oldest to the newest.
#[derive(Debug)]
pub(crate) struct Tail {
    pub(crate) rows: Vec<JsonRow>,
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
    pub(crate) fn push(&self, entry: Entry) {
        let size = size(&entry);
        if size > self.max_bytes {
            return;
        }
        let mut dropped = Vec::new();
        let position = {
            let mut entries = lock(&self.entries);
            entries.position.last = entries.position.last.saturating_add(1);
            entries.bytes = entries.bytes.saturating_add(size);
            entries.list.push_back(entry);
            while entries.bytes > self.max_bytes {
                let Some(oldest) = entries.list.pop_front() else { break };
                entries.bytes = entries.bytes.saturating_sub(self::size(&oldest));
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
        let (entries, held) = {
            let entries = lock(&self.entries);
            let held = entries.first().map(|first| (first, entries.position.last));
            let entries = match range {
                Range::Newest { before } => {
                    let end = before.map_or(entries.list.len(), |before| entries.index_of(before));
                    entries.numbered(0, end)
                }
                Range::After(after) => entries.numbered(entries.index_of(after.saturating_add(1)), entries.list.len()),
            };
            (entries, held)
        };
        let is_wanted = |(_, entry): &&(u64, Entry)| filter.matches(entry);
        let most = limit.saturating_add(1);
        let found: Vec<_> = match range {
            Range::Newest { .. } => entries.iter().rev().filter(is_wanted).take(most).collect(),
            Range::After(_) => entries.iter().filter(is_wanted).take(most).collect(),
        };
        let has_more = found.len() > limit;
        let mut rows: Vec<_> = found.into_iter().take(limit).map(|(seq, entry)| entry.row(*seq)).collect();
        if matches!(range, Range::Newest { .. }) {
            rows.reverse();
        }
        Page { rows, held, has_more }
    }

    /// Returns the place where the journal ends.
    pub(crate) fn position(&self) -> Position {
        lock(&self.entries).position
    }

    /// Returns the newest matching rows after the one of this number, at most `limit`.
    pub(crate) fn tail(&self, filter: &Filter, after: u64, limit: usize) -> Tail {
        let (entries, position) = {
            let entries = lock(&self.entries);
            let start = entries.index_of(after.saturating_add(1));
            (entries.numbered(start, entries.list.len()), entries.position)
        };
        let mut matching = entries.iter().rev().filter(|(_, entry)| filter.matches(entry));
        let mut rows: Vec<_> = matching.by_ref().take(limit).map(|(seq, entry)| entry.row(*seq)).collect();
        rows.reverse();
        Tail { rows, skipped: matching.count(), position }
    }

    /// Returns the entry with that number, if the journal still has it.
    pub(crate) fn entry(&self, seq: u64) -> Option<Entry> {
        let entries = lock(&self.entries);
        let index = usize::try_from(seq.checked_sub(entries.first()?)?).ok()?;
        entries.list.get(index).cloned()
    }

    /// Returns the first row that used the nonce of the key, if the journal still has it.
    pub(crate) fn first_use(&self, key: &KeyName, nonce: &str) -> Option<JsonRow> {
        let entries = {
            let entries = lock(&self.entries);
            entries.numbered(0, entries.list.len())
        };
        let is_first = |entry: &Entry| {
            entry.details().nonce.as_deref() == Some(nonce)
                && entry.fields().and_then(|row| row.key).as_deref() == Some(key.as_str())
        };
        entries.iter().find(|(_, entry)| is_first(entry)).map(|(seq, entry)| entry.row(*seq))
    }
}

fn size(entry: &Entry) -> usize {
    entry.len().saturating_add(ENTRY_BYTES)
}

impl Entries {
    /// Returns the number of the oldest entry.
    fn first(&self) -> Option<u64> {
        let before = u64::try_from(self.list.len().checked_sub(1)?).ok()?;
        Some(self.position.last.saturating_sub(before))
    }

    /// Returns the index of the first entry whose number is not less than `seq`.
    fn index_of(&self, seq: u64) -> usize {
        let first = self.first().unwrap_or(seq);
        usize::try_from(seq.saturating_sub(first)).unwrap_or(usize::MAX).min(self.list.len())
    }

    /// Returns the entries of a range of indexes, with their numbers.
    fn numbered(&self, start: usize, end: usize) -> Vec<(u64, Entry)> {
        let first = self.first().unwrap_or_default();
        let entries = self.list.iter().enumerate().take(end).skip(start);
        entries.map(|(index, entry)| (first.saturating_add(index as u64), entry.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use ably_auth_core::Timestamp;

    use super::*;
    use crate::journal::row::{Details, Kind, Outcome, Row};

    fn entry(action: &'static str) -> Entry {
        let row = Row::new(Timestamp::from_millis(1), Kind::Request, action, Outcome::Granted);
        Entry::new(&row, &Details::default())
    }

    fn numbers(page: &Page) -> Vec<u64> {
        page.rows.iter().map(|row| row["seq"].as_u64().unwrap()).collect()
    }

    #[test]
    fn oldest_entries_make_room() {
        let size = size(&entry("time"));
        let journal = Journal::new(size * 3);
        (0..5).for_each(|_| journal.push(entry("time")));
        let page = journal.page(&Filter::default(), Range::Newest { before: None }, 10);
        assert_eq!((numbers(&page), page.held, page.has_more), (vec![3, 4, 5], Some((3, 5)), false));
        assert_eq!(journal.usage(), (3, size * 3));
        assert!(journal.entry(2).is_none() && journal.entry(3).is_some() && journal.entry(6).is_none());
        let (row, long) =
            (Row::new(Timestamp::from_millis(1), Kind::Message, "x", Outcome::Granted), "x".repeat(size * 3));
        journal.push(Entry::new(&Row { reason: Some(&long), ..row }, &Details::default()));
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
        assert_eq!((numbers(&page), journal.position()), (vec![11], Position { last: 11, cleared: 1 }));
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
