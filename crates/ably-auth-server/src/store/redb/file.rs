//! The journal file that is currently written.

use std::fmt;
use std::io::{self, Seek as _, SeekFrom, Write as _};

use ably_auth_core::Timestamp;

use super::files::File;
use super::frames::{Entry, Frame, SALT_BYTES};
use super::identity::{Identity, Position};
use crate::store::spans::Spans;

/// The number of zero bytes by which a file is extended. A write into allocated bytes causes less disk I/O than one
/// that extends the file.
const EXTENSION_BYTES: usize = 128 * 1024;

/// The file that is currently written. The bytes after `end` are zeros.
pub(super) struct OpenFile {
    pub(super) number: u64,
    pub(super) file: File,
    pub(super) salt: [u8; SALT_BYTES],
    pub(super) end: u64,
    pub(super) filled: u64,
    /// The timestamps of the nonces in the file.
    pub(super) used: Spans,
}

impl OpenFile {
    pub(super) const fn position(&self) -> Position {
        Position { number: self.number, end: self.end }
    }

    pub(super) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let end = self.end.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        self.file.write_all(bytes)?;
        if end > self.filled {
            self.file.write_all(&vec![0; EXTENSION_BYTES])?;
            self.filled = self.file.stream_position()?;
            self.file.seek(SeekFrom::Start(end))?;
        }
        self.file.sync_data()?;
        self.end = end;
        Ok(())
    }
}

/// The last frame of the journal after a clean shutdown. It holds no nonces, so damage to it loses none. With it, each
/// frame with nonces is followed by another frame, so damage to such a frame is detected.
pub(super) struct Closing {
    pub(super) open: OpenFile,
    pub(super) latest: Timestamp,
    pub(super) forgotten: Option<Timestamp>,
}

impl Closing {
    pub(super) fn write(self, Identity { commits, .. }: Identity) {
        let Self { mut open, latest, forgotten } = self;
        let frame = Frame { latest, forgotten, commits, entry: Entry::NOTHING };
        // Ignore a failed write: the database also records where the journal ends.
        let _ = open.append(&frame.to_bytes(&open.salt, open.end));
    }
}

impl fmt::Debug for Closing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Closing")
    }
}
