//! The files of a simulated disk, with the interface of `std::fs`.

use std::cell::RefCell;
use std::fmt;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use redb::{DatabaseError, StorageBackend};

use super::threads;
use crate::sync::lock;

/// A simulated disk. Paths name files and folders; a number names an open file or folder.
pub trait Disk: Send + Sync {
    /// Opens a file or folder, and returns its number.
    fn open(&self, path: &Path, how: Opening) -> io::Result<u64>;
    /// Closes a file, and releases its lock.
    fn close(&self, file: u64);
    /// Returns the length in bytes and the permissions.
    fn status(&self, path: &Path) -> io::Result<Status>;
    /// Returns the status of an open file.
    fn status_of(&self, file: u64) -> io::Result<Status>;
    /// Reads at most as many bytes as the buffer holds, and returns their number.
    fn read(&self, file: u64, at: u64, buffer: &mut [u8]) -> io::Result<usize>;
    /// Writes all bytes. They survive a loss of power only after [`sync`](Self::sync).
    fn write(&self, file: u64, at: u64, bytes: &[u8]) -> io::Result<()>;
    /// Cuts or extends a file.
    fn set_len(&self, file: u64, length: u64) -> io::Result<()>;
    /// Makes the contents of a file durable, or the names in a folder.
    fn sync(&self, file: u64) -> io::Result<()>;
    /// Locks a file. Returns false if another open file has the lock.
    fn lock(&self, file: u64) -> io::Result<bool>;
    /// Returns the time that the next change takes.
    fn delay(&self) -> Duration;
    /// Creates a folder and those above it.
    fn create_folder(&self, path: &Path) -> io::Result<()>;
    /// Returns the names in a folder.
    fn names(&self, path: &Path) -> io::Result<Vec<PathBuf>>;
    /// Renames a file or folder; replaces a file.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Gives a file a second name.
    fn link(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes the name of a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Removes a folder and everything in it.
    fn remove_all(&self, path: &Path) -> io::Result<()>;
}

/// The options with which a file is opened.
#[derive(Clone, Copy, Debug, Default)]
pub struct Opening {
    /// The file is created if it does not exist.
    pub create: bool,
    /// The file is created, and must not exist.
    pub create_new: bool,
}

/// The status of a file or folder.
#[derive(Clone, Copy, Debug)]
pub struct Status {
    /// The length in bytes.
    pub length: u64,
    /// The permissions on Unix.
    pub mode: u32,
}

impl Status {
    pub(crate) const fn len(&self) -> u64 {
        self.length
    }
}

thread_local! {
    static DISK: RefCell<Option<Arc<dyn Disk>>> = const { RefCell::new(None) };
}

/// Sets the disk of this thread.
pub fn set_disk(disk: Option<Arc<dyn Disk>>) {
    DISK.set(disk);
}

fn disk() -> Option<Arc<dyn Disk>> {
    DISK.with_borrow(Clone::clone)
}

fn no_disk() -> io::Error {
    io::Error::other("this thread has no simulated disk")
}

fn on_disk<T>(act: impl FnOnce(&dyn Disk) -> io::Result<T>) -> io::Result<T> {
    act(&*disk().ok_or_else(no_disk)?)
}

/// Makes a change, which takes time on a simulated thread.
fn change<T>(act: impl FnOnce(&dyn Disk) -> io::Result<T>) -> io::Result<T> {
    on_disk(|disk| {
        threads::sleep(disk.delay());
        act(disk)
    })
}

pub(crate) fn exists(path: &Path) -> io::Result<bool> {
    match metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

pub(crate) fn metadata(path: &Path) -> io::Result<Status> {
    on_disk(|disk| disk.status(path))
}

pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

pub(crate) fn paths_in(path: &Path) -> io::Result<Vec<PathBuf>> {
    on_disk(|disk| disk.names(path))
}

pub(crate) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    change(|disk| disk.rename(from, to))
}

pub(crate) fn hard_link(from: &Path, to: &Path) -> io::Result<()> {
    change(|disk| disk.link(from, to))
}

pub(crate) fn remove_file(path: impl AsRef<Path>) -> io::Result<()> {
    change(|disk| disk.remove(path.as_ref()))
}

pub(crate) fn remove_dir_all(path: &Path) -> io::Result<()> {
    change(|disk| disk.remove_all(path))
}

pub(crate) fn create_private_folder(path: &Path) -> io::Result<()> {
    change(|disk| disk.create_folder(path))
}

pub(crate) fn create_private_file(path: &Path) -> io::Result<File> {
    File::open_with(path, Opening { create: false, create_new: true })
}

pub(crate) fn open_private_file(path: &Path) -> io::Result<File> {
    File::open_with(path, Opening { create: true, create_new: false })
}

pub(crate) fn open_to_write(path: &Path) -> io::Result<File> {
    File::open(path)
}

pub(crate) const fn mode_of(status: &Status) -> u32 {
    status.mode
}

/// An open file or folder.
pub(crate) struct File {
    disk: Arc<dyn Disk>,
    number: u64,
    position: u64,
}

impl File {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Self::open_with(path, Opening::default())
    }

    fn open_with(path: &Path, how: Opening) -> io::Result<Self> {
        let disk = disk().ok_or_else(no_disk)?;
        if how.create_new {
            threads::sleep(disk.delay());
        }
        let number = disk.open(path, how)?;
        Ok(Self { disk, number, position: 0 })
    }

    pub(crate) fn metadata(&self) -> io::Result<Status> {
        self.disk.status_of(self.number)
    }

    pub(crate) fn sync_all(&self) -> io::Result<()> {
        threads::sleep(self.disk.delay());
        self.disk.sync(self.number)
    }

    pub(crate) fn sync_data(&self) -> io::Result<()> {
        self.sync_all()
    }

    /// Writes at a position, which takes time on a simulated thread.
    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        threads::sleep(self.disk.delay());
        self.disk.write(self.number, at, bytes)
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File").field("number", &self.number).finish_non_exhaustive()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        self.disk.close(self.number);
    }
}

impl Read for File {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.disk.read(self.number, self.position, buffer)?;
        self.position = self.position.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
        Ok(read)
    }
}

impl Write for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_at(self.position, bytes)?;
        self.position = self.position.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for File {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let moved = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
            SeekFrom::End(by) => self.metadata()?.length.checked_add_signed(by),
        };
        self.position = moved.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

/// A locked file, as redb uses it.
pub(crate) struct FileBackend(Mutex<File>);

impl FileBackend {
    pub(crate) fn new(file: File) -> Result<Self, DatabaseError> {
        if file.disk.lock(file.number)? { Ok(Self(Mutex::new(file))) } else { Err(DatabaseError::DatabaseAlreadyOpen) }
    }
}

impl fmt::Debug for FileBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FileBackend")
    }
}

impl StorageBackend for FileBackend {
    fn len(&self) -> io::Result<u64> {
        Ok(lock(&self.0).metadata()?.length)
    }

    fn read(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; len];
        let file = lock(&self.0);
        if file.disk.read(file.number, offset, &mut bytes)? < len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(bytes)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let file = lock(&self.0);
        file.disk.set_len(file.number, len)
    }

    fn sync_data(&self, _: bool) -> io::Result<()> {
        lock(&self.0).sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        lock(&self.0).write_at(offset, data)
    }
}
