//! A read-only view of a database file. The writes of redb when it verifies or repairs the file stay in memory.

use std::collections::HashMap;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::sync::{Arc, Mutex};

use redb::StorageBackend;

use super::files::File;
use crate::sync::lock;

const BLOCK: usize = 4096;
const BLOCK_LENGTH: u64 = 4096;

#[derive(Clone, Debug)]
pub(super) struct Overlay(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    file: File,
    /// The length in bytes of the part of the file that is still visible below the written blocks.
    file_length: u64,
    length: u64,
    written: HashMap<u64, Vec<u8>>,
}

impl Overlay {
    pub(super) fn new(file: File) -> io::Result<Self> {
        let length = file.metadata()?.len();
        Ok(Self(Arc::new(Mutex::new(Inner { file, file_length: length, length, written: HashMap::new() }))))
    }
}

impl Inner {
    fn block(&mut self, number: u64) -> io::Result<Vec<u8>> {
        if let Some(block) = self.written.get(&number) {
            return Ok(block.clone());
        }
        let mut block = Vec::with_capacity(BLOCK);
        let start = number.saturating_mul(BLOCK_LENGTH);
        let there = self.file_length.saturating_sub(start).min(BLOCK_LENGTH);
        self.file.seek(SeekFrom::Start(start))?;
        self.file.by_ref().take(there).read_to_end(&mut block)?;
        block.resize(BLOCK, 0);
        Ok(block)
    }

    /// Returns the end of a range, or an error if the range exceeds the file.
    fn check(&self, offset: u64, length: usize) -> io::Result<u64> {
        let end = offset.checked_add(u64::try_from(length).unwrap_or(u64::MAX));
        end.filter(|end| *end <= self.length).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

impl StorageBackend for Overlay {
    fn len(&self) -> io::Result<u64> {
        Ok(lock(&self.0).length)
    }

    fn read(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let mut inner = lock(&self.0);
        let end = inner.check(offset, len)?;
        let first = offset.checked_div(BLOCK_LENGTH).unwrap_or(0);
        let mut bytes = Vec::with_capacity(len.saturating_add(BLOCK));
        let mut skip = usize::try_from(offset.checked_rem(BLOCK_LENGTH).unwrap_or(0)).unwrap_or(0);
        for number in first..end.div_ceil(BLOCK_LENGTH) {
            bytes.extend(inner.block(number)?.into_iter().skip(skip));
            skip = 0;
        }
        bytes.truncate(len);
        Ok(bytes)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut inner = lock(&self.0);
        if len < inner.length {
            let last = len.checked_div(BLOCK_LENGTH).unwrap_or(0);
            let mut kept = inner.block(last)?;
            let end = usize::try_from(len.checked_rem(BLOCK_LENGTH).unwrap_or(0)).unwrap_or(0);
            kept.truncate(end);
            kept.resize(BLOCK, 0);
            inner.written.retain(|number, _| *number < last);
            inner.written.insert(last, kept);
            inner.file_length = inner.file_length.min(last.saturating_mul(BLOCK_LENGTH));
        }
        inner.length = len;
        Ok(())
    }

    fn sync_data(&self, _: bool) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut inner = lock(&self.0);
        inner.check(offset, data.len())?;
        let mut number = offset.checked_div(BLOCK_LENGTH).unwrap_or(0);
        let mut skip = usize::try_from(offset.checked_rem(BLOCK_LENGTH).unwrap_or(0)).unwrap_or(0);
        let mut rest = data;
        while !rest.is_empty() {
            let mut block = inner.block(number)?;
            let (part, others) = rest.split_at(rest.len().min(BLOCK.saturating_sub(skip)));
            block.iter_mut().skip(skip).zip(part).for_each(|(to, from)| *to = *from);
            inner.written.insert(number, block);
            (rest, skip, number) = (others, 0, number.saturating_add(1));
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "the test chooses the values")]
mod tests {
    use proptest::prelude::*;

    use super::super::temp_dir::TempDir;
    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Write(prop::sample::Index, Vec<u8>),
        Length(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (any::<prop::sample::Index>(), prop::collection::vec(any::<u8>(), 1..9_000))
                .prop_map(|(at, bytes)| Step::Write(at, bytes)),
            (1_u64..40_000).prop_map(Step::Length),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn overlay_reads_its_writes_and_keeps_the_file(
            bytes in prop::collection::vec(any::<u8>(), 1..20_000),
            steps in prop::collection::vec(step(), 0..12),
        ) {
            let place = TempDir::new();
            let path = place.0.join("file");
            std::fs::write(&path, &bytes).unwrap();
            let overlay = Overlay::new(File::open(&path).unwrap()).unwrap();
            let mut model = bytes.clone();
            for step in steps {
                match step {
                    Step::Write(at, data) => {
                        let at = at.index(model.len());
                        let fits = at + data.len() <= model.len();
                        prop_assert_eq!(overlay.write(at as u64, &data).is_ok(), fits);
                        if fits {
                            model[at..at + data.len()].copy_from_slice(&data);
                        }
                    }
                    Step::Length(length) => {
                        overlay.set_len(length).unwrap();
                        model.resize(length as usize, 0);
                    }
                }
                prop_assert_eq!(&overlay.read(0, model.len()).unwrap(), &model);
                let middle = model.len() / 3;
                prop_assert_eq!(overlay.read(middle as u64, model.len() / 2).unwrap(), &model[middle..middle + model.len() / 2]);
                prop_assert!(overlay.read(middle as u64 + 1, model.len()).is_err());
            }
            prop_assert_eq!(std::fs::read(&path).unwrap(), bytes);
        }
    }
}
