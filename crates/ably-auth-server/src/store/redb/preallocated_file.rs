//! The database's file, which is extended with written zeros instead of a hole.

use std::io;

use redb::{DatabaseError, StorageBackend};

use super::files::{File, FileBackend};

/// The maximum number of zero bytes that are written at once, so that an extension is short. Later bytes are allocated
/// when they are used.
const MAX_PREALLOCATED_BYTES: u64 = 8 * 1024 * 1024;

/// The size of each write of zeros, in bytes.
const CHUNK_BYTES: usize = 256 * 1024;

/// A file without holes. The first write to a hole changes the file's metadata, which is one more disk write before a
/// request is answered.
#[derive(Debug)]
pub(super) struct PreallocatedFile(FileBackend);

impl PreallocatedFile {
    pub(super) fn new(file: File) -> Result<Self, DatabaseError> {
        FileBackend::new(file).map(Self)
    }

    fn fill(&self, mut at: u64, end: u64) -> io::Result<()> {
        let zeros = vec![0; CHUNK_BYTES];
        while at < end {
            let piece = usize::try_from(end.saturating_sub(at)).unwrap_or(CHUNK_BYTES).min(CHUNK_BYTES);
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
        let filled = self.fill(before, len.min(before.saturating_add(MAX_PREALLOCATED_BYTES)));
        if filled.is_err() {
            // The disk is full; redb continues with the old length.
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
