//! A byte buffer that grows without moving.

use std::io::{self, Read, Write};

/// The bytes of a length that is written after its list or object.
pub(super) const LENGTH_BYTES: usize = 4;

/// A byte buffer in pieces. Every piece except the last has [`Self::FULL`] bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pieces(pub(super) Vec<Vec<u8>>);

impl Pieces {
    const FULL: usize = 8 * 1024;

    pub(super) fn len(&self) -> usize {
        let full = self.0.len().saturating_sub(1).saturating_mul(Self::FULL);
        full.saturating_add(self.0.last().map_or(0, Vec::len))
    }

    /// Returns how many bytes of memory the pieces use.
    pub(super) fn size(&self) -> usize {
        let pieces = self.0.iter().map(|piece| piece.capacity().saturating_add(size_of::<Vec<u8>>()));
        pieces.fold(0, usize::saturating_add)
    }

    pub(super) fn first(&self) -> Option<u8> {
        self.0.first()?.first().copied()
    }

    pub(super) fn append(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.0.last().is_none_or(|last| last.len() >= Self::FULL) {
                self.0.push(Vec::new());
            }
            let Some(last) = self.0.last_mut() else { return };
            let (now, later) = bytes.split_at(bytes.len().min(Self::FULL.saturating_sub(last.len())));
            last.extend_from_slice(now);
            bytes = later;
        }
    }

    /// Overwrites the bytes from offset `at`; ignores those beyond the end.
    pub(super) fn replace(&mut self, at: usize, bytes: [u8; LENGTH_BYTES]) {
        for (at, byte) in (at..).zip(bytes) {
            let piece = self.0.get_mut(at / Self::FULL);
            if let Some(place) = piece.and_then(|piece| piece.get_mut(at % Self::FULL)) {
                *place = byte;
            }
        }
    }

    pub(super) fn finish(mut self) -> Self {
        self.0.shrink_to_fit();
        self.0.last_mut().map(Vec::shrink_to_fit);
        self
    }

    pub(super) fn reader(&self) -> Reader<'_> {
        Reader { pieces: &self.0, at: 0 }
    }
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.append(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A reader of the pieces, one after the other.
pub(super) struct Reader<'a> {
    pieces: &'a [Vec<u8>],
    /// The number of bytes of the first piece that have been read.
    at: usize,
}

impl Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some((first, others)) = self.pieces.split_first() else {
            return Ok(0);
        };
        let read = first.get(self.at..).unwrap_or_default().read(buffer)?;
        self.at = self.at.saturating_add(read);
        if self.at >= first.len() {
            (self.pieces, self.at) = (others, 0);
        }
        Ok(read)
    }
}
