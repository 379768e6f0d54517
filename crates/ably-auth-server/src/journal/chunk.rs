//! A block of memory with several entries, one after the other. Entries are added and dropped without an allocation for
//! each of them.

use super::row::Entry;

/// The bytes that an entry uses in addition to its text.
const ENTRY_BYTES: usize = size_of::<u32>();

/// Entries with consecutive numbers.
#[derive(Clone, Debug, Default)]
pub(super) struct Chunk {
    /// The number of the first entry.
    first: u64,
    /// The end of each entry in the text.
    ends: Vec<u32>,
    text: Vec<u8>,
}

impl Chunk {
    /// Creates a chunk whose first entry will have the number `first`, with room for `bytes` bytes of text.
    pub(super) fn new(first: u64, bytes: usize) -> Self {
        Self { first, ends: Vec::new(), text: Vec::with_capacity(bytes) }
    }

    /// Adds an entry.
    pub(super) fn push(&mut self, entry: &Entry<'_>) {
        self.text.extend_from_slice(entry.text());
        // Chunks are far smaller than 4 GiB.
        self.ends.push(u32::try_from(self.text.len()).unwrap_or(u32::MAX));
    }

    /// Frees the room that is not used.
    pub(super) fn shrink(&mut self) {
        self.text.shrink_to_fit();
        self.ends.shrink_to_fit();
    }

    /// Returns the size of a chunk with only that entry, in bytes.
    pub(super) fn size_with(entry: &Entry<'_>) -> usize {
        entry.len().saturating_add(ENTRY_BYTES)
    }

    /// Returns the size, in bytes.
    pub(super) fn size(&self) -> usize {
        self.text.len().saturating_add(self.ends.len().saturating_mul(ENTRY_BYTES))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Returns the number of the first entry.
    pub(super) const fn first(&self) -> u64 {
        self.first
    }

    /// Returns the number of the last entry.
    pub(super) fn last(&self) -> Option<u64> {
        Some(self.first.saturating_add(u64::try_from(self.ends.len().checked_sub(1)?).ok()?))
    }

    /// Returns true if an entry may contain `text`. JSON escapes some characters, so only texts without them are found.
    pub(super) fn contains(&self, text: &str) -> bool {
        let is_escaped = |c: char| c == '"' || c == '\\' || c.is_control();
        text.contains(is_escaped) || std::str::from_utf8(&self.text).is_ok_and(|entries| entries.contains(text))
    }

    /// Returns the entries with their numbers.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (u64, Entry<'_>)> {
        (0..self.ends.len()).map(|index| {
            let end = |index: usize| self.ends.get(index).map_or(0, |end| *end as usize);
            let start = index.checked_sub(1).map_or(0, end);
            let text = self.text.get(start..end(index)).unwrap_or_default();
            (self.first.saturating_add(index as u64), Entry::of(text))
        })
    }
}
