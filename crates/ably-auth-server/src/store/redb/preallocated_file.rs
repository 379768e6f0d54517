//! The database's file, which grows by bytes that are written and not by a hole.

use std::fs::File;
use std::io;

use redb::backends::FileBackend;
use redb::{DatabaseError, StorageBackend};

/// The most that is filled at once, so that it ends soon: what is behind it, is filled as it is used.
const MAX_FILLED: u64 = 8 * 1024 * 1024;

const PIECE: usize = 256 * 1024;

/// The first write to a hole changes where the file is on the disk, and that is one more thing for the disk to write before a
/// request is answered.
#[derive(Debug)]
pub(super) struct PreallocatedFile(FileBackend);

impl PreallocatedFile {
    pub(super) fn new(file: File) -> Result<Self, DatabaseError> {
        FileBackend::new(file).map(Self)
    }

    fn fill(&self, mut at: u64, end: u64) -> io::Result<()> {
        let zeros = vec![0; PIECE];
        while at < end {
            let piece = usize::try_from(end.saturating_sub(at)).unwrap_or(PIECE).min(PIECE);
            self.0.write(at, zeros.get(..piece).unwrap_or(&zeros))?;
            at = at.saturating_add(u64::try_from(piece).unwrap_or(u64::MAX));
        }
        Ok(())
    }
}

impl StorageBackend for PreallocatedFile {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        self.0.read(offset, len)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let before = self.0.len()?;
        self.0.set_len(len)?;
        let filled = self.fill(before, len.min(before.saturating_add(MAX_FILLED)));
        if filled.is_err() {
            // There is no room, and whoever asked goes on with what there was.
            self.0.set_len(before)?;
        }
        filled
    }

    fn sync_data(&self, eventual: bool) -> io::Result<()> {
        self.0.sync_data(eventual)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write(offset, data)
    }
}
