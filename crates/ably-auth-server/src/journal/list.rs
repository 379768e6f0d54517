//! The list of entries, limited in bytes.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use ably_auth_core::Timestamp;

use super::admission::Admission;
use super::chunk::Chunk;
use super::filter::Filter;
use super::row::{Details, Entry, JsonRow, Row};
use crate::sync::lock;

/// The size of a chunk of the list, in bytes: the oldest entries are dropped in chunks. A longer entry has its own chunk.
const CHUNK_BYTES: usize = 64 * 1024;

/// The minimum number of chunks, so that a small journal does not lose a large share of its entries at once.
const MIN_CHUNKS: usize = 16;

/// The entries of a service.
#[derive(Debug)]
pub(crate) struct Journal {
    entries: Mutex<Entries>,
    pub(crate) admission: Admission,
    chunk_bytes: usize,
    max_bytes: usize,
}

#[derive(Debug, Default)]
struct Entries {
    /// The chunks that are full.
    full: VecDeque<Arc<Chunk>>,
    /// The chunk to which entries are added.
    last: Chunk,
    /// The size of the full chunks, in bytes.
    bytes: usize,
    position: Position,
}

/// The place where the journal ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Position {
    /// The number of the newest entry; 0 before the first one.
    pub(crate) last: u64,
    /// The number of times that the journal was cleared.
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
        let chunk_bytes = CHUNK_BYTES.min(max_bytes / MIN_CHUNKS);
        Self { entries: Mutex::default(), admission: Admission::new(), chunk_bytes, max_bytes }
    }

    /// Adds an entry. Drops it if it alone is larger than the journal.
    pub(crate) fn push(&self, row: &Row<'_>, details: &Details<'_>) {
        let text = row.encode(details);
        let entry = Entry::of(&text);
        let size = Chunk::size_with(&entry);
        if size > self.max_bytes {
            return;
        }
        let mut dropped = Vec::new();
        let mut entries = lock(&self.entries);
        if !entries.last.is_empty() && entries.last.size().saturating_add(size) > self.chunk_bytes {
            let mut full = std::mem::take(&mut entries.last);
            full.shrink();
            entries.bytes = entries.bytes.saturating_add(full.size());
            entries.full.push_back(Arc::new(full));
        }
        entries.position.last = entries.position.last.saturating_add(1);
        if entries.last.is_empty() {
            let room = self.chunk_bytes.max(size);
            entries.last = Chunk::new(entries.position.last, room);
            while entries.bytes.saturating_add(room) > self.max_bytes {
                let Some(oldest) = entries.full.pop_front() else { break };
                entries.bytes = entries.bytes.saturating_sub(oldest.size());
                dropped.push(oldest);
            }
        }
        entries.last.push(&entry);
        // Free the memory without holding the lock.
        drop(entries);
        drop(dropped);
    }

    /// Forgets all entries. The numbers of later ones go on.
    pub(crate) fn clear(&self) {
        let mut entries = lock(&self.entries);
        let Position { last, cleared } = entries.position;
        let position = Position { last, cleared: cleared.saturating_add(1) };
        let before = std::mem::replace(&mut *entries, Entries { position, ..Entries::default() });
        drop(entries);
        drop(before);
    }

    /// Returns the number of entries and their size in bytes.
    pub(crate) fn usage(&self) -> (u64, usize) {
        let entries = lock(&self.entries);
        let count = entries.held().map_or(0, |(first, last)| last.saturating_sub(first).saturating_add(1));
        (count, entries.bytes.saturating_add(entries.last.size()))
    }

    /// Returns the maximum size of all entries, in bytes.
    pub(crate) const fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    /// Returns the place where the journal ends.
    pub(crate) fn position(&self) -> Position {
        lock(&self.entries).position
    }

    /// Returns at most `limit` rows that match the filter.
    pub(crate) fn page(&self, filter: &Filter, range: Range, limit: usize) -> Page {
        let (chunks, held) = {
            let entries = lock(&self.entries);
            let after = if let Range::After(after) = range { after } else { 0 };
            (entries.chunks_after(after), entries.held())
        };
        let entries = chunks.iter().flat_map(|chunk| chunk.iter());
        let is_wanted = |(_, entry): &(u64, Entry<'_>)| filter.matches(entry);
        let most = limit.saturating_add(1);
        let found: Vec<_> = match range {
            Range::Newest { before } => {
                let before = before.unwrap_or(u64::MAX);
                entries.rev().filter(|(seq, _)| *seq < before).filter(is_wanted).take(most).collect()
            }
            Range::After(after) => entries.filter(|(seq, _)| *seq > after).filter(is_wanted).take(most).collect(),
        };
        let has_more = found.len() > limit;
        let mut rows: Vec<_> = found.into_iter().take(limit).map(|(seq, entry)| entry.row(seq)).collect();
        if matches!(range, Range::Newest { .. }) {
            rows.reverse();
        }
        Page { rows, held, has_more }
    }

    /// Returns the newest matching rows after the one of this number, at most `limit`.
    pub(crate) fn tail(&self, filter: &Filter, after: u64, limit: usize) -> Tail {
        let (chunks, position) = {
            let entries = lock(&self.entries);
            (entries.chunks_after(after), entries.position)
        };
        let entries = chunks.iter().flat_map(|chunk| chunk.iter()).rev().take_while(|(seq, _)| *seq > after);
        let mut matching = entries.filter(|(_, entry)| filter.matches(entry));
        let mut rows: Vec<_> = matching.by_ref().take(limit).map(|(seq, entry)| entry.row(seq)).collect();
        rows.reverse();
        Tail { rows, skipped: matching.count(), position }
    }

    /// Calls `read` with the entry of that number, if the journal still has it.
    pub(crate) fn read<T>(&self, seq: u64, read: impl FnOnce(&Entry<'_>) -> T) -> Option<T> {
        let chunks = lock(&self.entries).chunks_after(seq.checked_sub(1)?);
        chunks.first()?.iter().find(|(number, _)| *number == seq).map(|(_, entry)| read(&entry))
    }

    /// Returns the time and the number of the first entry that used the nonce of the key, if the journal still has it.
    pub(crate) fn first_use(&self, key: &str, nonce: &str) -> Option<(Timestamp, u64)> {
        let chunks = lock(&self.entries).chunks_after(0);
        let mut entries = chunks.iter().filter(|chunk| chunk.contains(nonce)).flat_map(|chunk| chunk.iter());
        entries.find_map(|(seq, entry)| {
            let row = entry.fields().filter(|row| row.key.as_deref() == Some(key))?;
            let is_of_nonce = entry.details().nonce.as_deref() == Some(nonce);
            is_of_nonce.then_some((row.at, seq))
        })
    }
}

impl Entries {
    /// Returns the numbers of the oldest and the newest entry.
    fn held(&self) -> Option<(u64, u64)> {
        let first = self.full.front().map_or(&self.last, |oldest| oldest);
        (!first.is_empty()).then(|| (first.first(), self.position.last))
    }

    /// Returns the chunks with entries after the one of this number.
    fn chunks_after(&self, after: u64) -> Vec<Arc<Chunk>> {
        let newer = |chunk: &Chunk| chunk.last().is_some_and(|last| last > after);
        let full = self.full.iter().rev().take_while(|chunk| newer(chunk)).cloned();
        let mut chunks: Vec<_> = full.collect();
        chunks.reverse();
        chunks.extend(newer(&self.last).then(|| Arc::new(self.last.clone())));
        chunks
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::row::{Kind, Outcome};

    fn push(journal: &Journal, reason: &str) {
        let row = Row::new(Timestamp::from_millis(1), Kind::Request, "time", Outcome::Granted);
        journal.push(&Row { reason: Some(reason.into()), ..row }, &Details::default());
    }

    fn numbers(page: &Page) -> Vec<u64> {
        let seq =
            |row: &JsonRow| serde_json::from_str::<serde_json::Value>(row.get()).unwrap()["seq"].as_u64().unwrap();
        page.rows.iter().map(seq).collect()
    }

    fn page(journal: &Journal, range: Range, limit: usize) -> Page {
        journal.page(&Filter::default(), range, limit)
    }

    #[test]
    fn oldest_entries_make_room() {
        let journal = Journal::new(64 * 1024);
        (0..2_000).for_each(|_| push(&journal, "a"));
        let (count, bytes) = journal.usage();
        assert!(bytes <= 64 * 1024 && bytes > 56 * 1024, "{bytes}");
        let newest = page(&journal, Range::Newest { before: None }, 10_000);
        assert_eq!(newest.held, Some((2_001 - count, 2_000)));
        assert_eq!(numbers(&newest), (2_001 - count..=2_000).collect::<Vec<_>>());
        assert_eq!(journal.read(2_000, |entry| entry.len() > 10), Some(true));
        assert!(journal.read(1, |_| ()).is_none() && journal.read(2_001, |_| ()).is_none());
        push(&journal, &"x".repeat(70_000));
        assert_eq!(journal.position().last, 2_000, "an entry larger than the journal is dropped");
        push(&journal, &"x".repeat(60_000));
        assert!(journal.usage().1 <= 64 * 1024 && journal.position().last == 2_001, "a large entry fits");
    }

    #[test]
    fn pages_have_both_directions() {
        let journal = Journal::new(1 << 20);
        (0..10).for_each(|_| push(&journal, "a"));
        assert_eq!(numbers(&page(&journal, Range::Newest { before: None }, 3)), [8, 9, 10]);
        assert_eq!(numbers(&page(&journal, Range::Newest { before: Some(8) }, 3)), [5, 6, 7]);
        assert_eq!(numbers(&page(&journal, Range::After(8), 3)), [9, 10]);
        let has_more = |after| page(&journal, Range::After(after), 3).has_more;
        assert!(has_more(3) && !has_more(7));
        assert_eq!(numbers(&page(&journal, Range::After(u64::MAX), 3)), [0_u64; 0]);
        journal.clear();
        assert_eq!((page(&journal, Range::After(0), 3).held, journal.usage()), (None, (0, 0)));
        push(&journal, "a");
        let position = Position { last: 11, cleared: 1 };
        assert_eq!((numbers(&page(&journal, Range::After(0), 3)), journal.position()), (vec![11], position));
    }

    #[test]
    fn tail_has_newest_rows_and_counts_the_others() {
        let journal = Journal::new(1 << 20);
        (0..10).for_each(|_| push(&journal, "a"));
        let tail = journal.tail(&Filter::default(), 2, 3);
        let last = tail.rows.last().unwrap().get().to_owned();
        assert_eq!((tail.rows.len(), tail.skipped, tail.position.last), (3, 5, 10));
        assert!(last.starts_with(r#"{"seq":10,"at":1,"#), "{last}");
        assert_eq!(journal.tail(&Filter::default(), 10, 3).rows.len(), 0);
    }
}
