//! The identity of a database and positions in the journal. With them, each file reveals the loss of the other.

/// A position in the journal: the number of a file, and the offset in bytes up to which it was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    pub(super) number: u64,
    pub(super) end: u64,
}

/// The identity of a database, as the journal records it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Identity {
    /// The random ID; 0 if the database has none yet.
    pub(super) database: u64,
    pub(super) commits: u64,
}

/// The state of the journal, as the database recorded it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Expected {
    /// The position up to which the journal was written at least.
    pub(super) position: Position,
    /// True if only the closing frame was written after `position`, because the service was stopped cleanly.
    pub(super) is_clean: bool,
}
