//! A database whose writes fail from some moment on, as on a broken disk.
#![allow(clippy::arithmetic_side_effects, clippy::result_large_err, reason = "the test chooses the values")]

use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use redb::{StorageBackend, TableDefinition};

use super::disk;
use super::guard::guard;
use super::temp_dir::TempDir;

const TABLE: TableDefinition<'_, u64, u64> = TableDefinition::new("numbers");

/// A file in memory. After `left` changes, one of three changes fails.
#[derive(Clone, Debug)]
struct Failing {
    bytes: Arc<Mutex<Vec<u8>>>,
    left: Arc<AtomicU32>,
}

impl Failing {
    fn change(&self) -> io::Result<()> {
        let left = self.left.load(Ordering::SeqCst);
        self.left.store(if left == 0 { 2 } else { left - 1 }, Ordering::SeqCst);
        if left == 0 { Err(io::Error::other("broken")) } else { Ok(()) }
    }
}

impl StorageBackend for Failing {
    fn len(&self) -> io::Result<u64> {
        Ok(self.bytes.lock().unwrap().len() as u64)
    }

    fn read(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        Ok(self.bytes.lock().unwrap()[offset as usize..][..len].to_vec())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change()?;
        self.bytes.lock().unwrap().resize(len as usize, 0);
        Ok(())
    }

    fn sync_data(&self, _: bool) -> io::Result<()> {
        self.change()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.change()?;
        self.bytes.lock().unwrap()[offset as usize..][..data.len()].copy_from_slice(data);
        Ok(())
    }
}

#[test]
fn database_is_not_damaged_by_failed_writes() {
    let place = TempDir::new();
    let path = place.0.join("store.redb");
    let (mut failed, mut after_closing) = (0, 0);
    for left in (0..200).step_by(5) {
        let (bytes, failing) = (Arc::default(), Arc::new(AtomicU32::new(u32::MAX)));
        let file = Failing { bytes, left: failing };
        let database = disk::builder().create_with_backend(file.clone()).unwrap();
        file.left.store(left, Ordering::SeqCst);
        let written = guard(|| {
            for number in 0..4 {
                let write = database.begin_write()?;
                write.open_table(TABLE)?.insert(number, number)?;
                write.commit()?;
            }
            Ok(())
        });
        failed += u32::from(written.is_err());
        let _ = guard(|| {
            drop(database);
            Ok(())
        });
        after_closing += u32::from(file.bytes.lock().unwrap()[9] & 2 == 0);
        std::fs::write(&path, &*file.bytes.lock().unwrap()).unwrap();
        disk::check(&path).unwrap_or_else(|error| panic!("writes fail after {left} changes: {error}"));
    }
    assert!(failed > 2 && after_closing > 2, "{failed} failed, {after_closing} were closed");
}
