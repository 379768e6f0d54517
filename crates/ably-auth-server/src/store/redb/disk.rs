//! The database: its format, and what one commit writes.
#![allow(clippy::result_large_err, reason = "`redb::Error` is large, but these functions are not hot")]

use std::io;
use std::path::Path;

use ably_auth_core::Timestamp;
use redb::{Builder, Database, ReadableTable as _, TableDefinition};

use super::files::{self, File};
use super::folder::{self, already_open};
use super::guard::{Fault, guard};
use super::header;
use super::identity::{Expected, Identity, Position};
use super::overlay::Overlay;
use super::preallocated_file::PreallocatedFile;
use super::put::Put;
use super::tables::{self, NEVER, StoredReference};
use super::writer::Times;
use crate::error::{Error, ErrorKind};
use crate::store::Record;

/// The format version. A newer format is refused, because rewriting it would lose unknown data.
const FORMAT: u64 = 3;

/// The previous format, without the data that links the database and the journal. It is updated on opening.
const PREVIOUS_FORMAT: u64 = 2;

const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
const FORMAT_NAME: &str = "format";
const LATEST: &str = "latest";
const KNOWN_FROM: &str = "known from";
/// Set from the detection of a loss until [`KNOWN_FROM`] is written.
const IS_LOST: &str = "lost";
const ID: &str = "id";
const COMMITS: &str = "commits";
const JOURNAL_FILE: &str = "journal file";
const JOURNAL_END: &str = "journal end";
/// Set by the last commit of a clean shutdown.
const IS_CLEAN: &str = "clean";

/// The size of redb's cache, in bytes.
const CACHE_BYTES: usize = 64 * 1024 * 1024;

/// The maximum number of expired entries that a commit drops, in addition to twice as many as it writes, so that
/// commits stay short.
const MAX_DROPPED: usize = 256;

pub(super) struct Disk {
    /// The open database; `None` only while it is being dropped.
    database: Option<Database>,
    identity: Identity,
    /// The earliest expiry of an entry. Before this time, commits need not look for expired entries.
    expired_due: u64,
}

/// The state that is read from the database on opening.
pub(super) struct DatabaseState {
    pub(super) records: Vec<Record>,
    pub(super) references: Vec<StoredReference>,
    pub(super) latest: Timestamp,
    pub(super) known_from: Timestamp,
    /// True if a loss was detected, and the time from which all data is known is not written yet.
    pub(super) is_lost: bool,
    pub(super) journal: Expected,
}

impl Disk {
    /// Creates a database in an empty file. `is_lost` is true if an earlier database was lost; the new one records
    /// that.
    pub(super) fn create(database: &Path, folder: &Path, is_lost: bool) -> Result<(), Error> {
        let mut disk = Self::open_or_create(database, folder)?;
        let marked = if is_lost { disk.mark(Identity::default(), Position::default(), true) } else { Ok(()) };
        marked.map_err(|error| open_error(folder, error))
    }

    /// Verifies a database and opens it. Does not write to a damaged one.
    pub(super) fn open(database: &Path, folder: &Path) -> Result<Self, Error> {
        check(database).map_err(|error| match error {
            Fault::DatabaseAlreadyOpen => already_open(folder),
            error => open_error(folder, error),
        })?;
        Self::open_or_create(database, folder)
    }

    fn open_or_create(database: &Path, folder: &Path) -> Result<Self, Error> {
        let file = files::open_to_write(database);
        let file = file.map_err(|error| open_error(folder, error.into()))?;
        let opened = guard(|| {
            let database = PreallocatedFile::new(file).and_then(|file| builder().create_with_backend(file))?;
            let mut disk = Self { database: Some(database), identity: Identity::default(), expired_due: 0 };
            let format = disk.format()?;
            disk.identity = disk.read_identity()?;
            Ok((disk, format))
        });
        let (disk, format) = match opened {
            Ok(opened) => opened,
            Err(Fault::DatabaseAlreadyOpen) => return Err(already_open(folder)),
            Err(error) => return Err(open_error(folder, error)),
        };
        if format != FORMAT && format != PREVIOUS_FORMAT {
            let message = format!(
                "the folder `{}` has format {format}, but this version supports {FORMAT}; use the version that wrote it",
                folder.display()
            );
            return Err(Error::new(ErrorKind::Store, message));
        }
        Ok(disk)
    }

    fn database(&self) -> Result<&Database, Fault> {
        self.database.as_ref().ok_or(Fault::PreviousIo)
    }

    /// Returns the format of the database. Initializes an empty database with the current one.
    fn format(&self) -> Result<u64, Fault> {
        let write = self.database()?.begin_write()?;
        let known = write.open_table(META)?.get(FORMAT_NAME)?.map(|format| format.value());
        if let Some(format) = known {
            write.abort()?;
            return Ok(format);
        }
        write.open_table(META)?.insert(FORMAT_NAME, FORMAT)?;
        tables::create(&write)?;
        write.commit()?;
        Ok(FORMAT)
    }

    fn read_identity(&self) -> Result<Identity, Fault> {
        let meta = self.database()?.begin_read()?.open_table(META)?;
        let number = |name| Ok::<_, Fault>(meta.get(name)?.map_or(0, |number| number.value()));
        Ok(Identity { database: number(ID)?, commits: number(COMMITS)? })
    }

    /// Returns the database's ID, and the number of commits on disk.
    pub(super) const fn identity(&self) -> Identity {
        self.identity
    }

    /// Writes `identity` and the position of the journal on opening. If `is_lost` is true, also records that data was
    /// lost.
    pub(super) fn mark(&mut self, identity: Identity, journal: Position, is_lost: bool) -> Result<(), Fault> {
        guard(|| {
            let write = self.database()?.begin_write()?;
            {
                let mut meta = write.open_table(META)?;
                meta.insert(FORMAT_NAME, FORMAT)?;
                meta.insert(ID, identity.database)?;
                meta.insert(COMMITS, identity.commits)?;
                meta.insert(JOURNAL_FILE, journal.number)?;
                meta.insert(JOURNAL_END, journal.end)?;
                meta.remove(IS_CLEAN)?;
                if is_lost {
                    meta.insert(IS_LOST, 1)?;
                }
            }
            Ok(write.commit()?)
        })?;
        self.identity = identity;
        Ok(())
    }

    pub(super) fn load(&self) -> Result<DatabaseState, Fault> {
        guard(|| self.read())
    }

    fn read(&self) -> Result<DatabaseState, Fault> {
        let read = self.database()?.begin_read()?;
        let meta = read.open_table(META)?;
        let number = |name| Ok::<_, Fault>(meta.get(name)?.map_or(0, |number| number.value()));
        Ok(DatabaseState {
            records: tables::read_records(&read)?,
            references: tables::read_references(&read)?,
            latest: Timestamp::from_millis(number(LATEST)?),
            known_from: Timestamp::from_millis(number(KNOWN_FROM)?),
            is_lost: number(IS_LOST)? != 0,
            journal: Expected {
                position: Position { number: number(JOURNAL_FILE)?, end: number(JOURNAL_END)? },
                is_clean: number(IS_CLEAN)? != 0,
            },
        })
    }

    /// Returns all records. Apps come before their keys.
    pub(super) fn records(&self) -> Result<Vec<Record>, Fault> {
        guard(|| tables::read_records(&self.database()?.begin_read()?))
    }

    /// Writes `puts` in one commit, and returns once it is on disk. `journal` is the position up to which the journal
    /// is on disk.
    pub(super) fn commit(&mut self, puts: &[&Put], times: Times, journal: Position) -> Result<(), Fault> {
        guard(|| self.write(puts, times, journal))
    }

    fn write(&mut self, puts: &[&Put], times: Times, journal: Position) -> Result<(), Fault> {
        let write = self.database()?.begin_write()?;
        for put in puts {
            match put {
                Put::Records(records, _) => {
                    records.iter().try_for_each(|record| tables::put_record(&write, record))?;
                    let expires = records.iter().filter_map(|record| record.expires).map(Timestamp::as_millis).min();
                    self.expired_due = self.expired_due.min(expires.unwrap_or(NEVER));
                }
                Put::Reference(reference, claims) => {
                    tables::put_reference(&write, reference, claims)?;
                    self.expired_due = self.expired_due.min(reference.expires.as_millis());
                }
                Put::Moment => {}
                Put::Time(moment) | Put::KnownFrom(moment) => {
                    let mut meta = write.open_table(META)?;
                    meta.insert(KNOWN_FROM, moment.as_millis())?;
                    meta.remove(IS_LOST)?;
                }
                Put::Stop => {
                    write.open_table(META)?.insert(IS_CLEAN, 1)?;
                }
                #[cfg(test)]
                Put::Panic => std::panic::panic_any("a test makes the library panic"),
            }
        }
        let max = puts.len().saturating_mul(2).saturating_add(MAX_DROPPED);
        if self.expired_due <= times.latest.as_millis() {
            self.expired_due = tables::drop_expired(&write, max, times.latest)?;
        }
        let commits = self.identity.commits.saturating_add(1);
        {
            let mut meta = write.open_table(META)?;
            meta.insert(LATEST, times.latest.as_millis())?;
            meta.insert(COMMITS, commits)?;
            meta.insert(JOURNAL_FILE, journal.number)?;
            meta.insert(JOURNAL_END, journal.end)?;
        }
        write.commit()?;
        self.identity.commits = commits;
        Ok(())
    }
}

/// Drops the database inside [`guard`], since redb writes when it is dropped, and may panic then.
impl Drop for Disk {
    fn drop(&mut self) {
        let database = self.database.take();
        let _ = guard(|| {
            drop(database);
            Ok(())
        });
    }
}

pub(super) fn builder() -> Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES).create_with_file_format_v3(true);
    builder
}

/// Verifies the header and the checksum of each page, without changing the file. redb would repair damage by going back
/// to the previous commit, and leave no trace of it.
pub(super) fn check(path: &Path) -> Result<(), Fault> {
    let mut file = File::open(path)?;
    let flags = header::check(&mut file)?;
    guard(|| {
        let overlay = Overlay::new(file)?;
        let last_commit = header::last_commit(&overlay)?;
        header::demand_recovery(&overlay, flags)?;
        let mut database = builder().create_with_backend(overlay.clone())?;
        if header::has_gone_back(&overlay, flags, last_commit)? || !database.check_integrity()? {
            return Err(Fault::Corrupted("a checksum does not match".into()));
        }
        Ok(())
    })
}

pub(super) fn open_error(folder: &Path, error: Fault) -> Error {
    let path = folder::database_path(folder);
    let path = path.display();
    let message = match error {
        // An error of the operating system is not damage.
        Fault::Io(ref io) if !matches!(io.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) => {
            format!("`{path}` cannot be opened: {error}; check that it is writable and that the disk has free space")
        }
        _ => format!(
            "`{path}` is damaged: {error}; restore a copy of the whole folder, or delete this file: then keys and revocations \
             that were made at run time are lost, and earlier revocable tokens are refused"
        ),
    };
    Error::new(ErrorKind::Store, message).because(error)
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::super::temp_dir::TempDir;
    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn with_disk(test: impl FnOnce(&Path, Disk)) {
        let place = TempDir::new();
        let path = place.0.join("store.redb");
        File::create(&path).unwrap();
        test(&path, Disk::open_or_create(&path, &place.0).unwrap());
    }

    fn commit(disk: &mut Disk, puts: &[Put], now: u64) {
        let times = Times { now: at(now), latest: at(now) };
        disk.commit(&puts.iter().collect::<Vec<_>>(), times, Position::default()).unwrap();
    }

    fn record(name: &str, expires: u64) -> Put {
        let value = Some(Zeroizing::new(vec![1]));
        Put::Records(vec![Record { name: name.into(), value, expires: Some(at(expires)) }], 0)
    }

    #[test]
    fn expired_records_are_dropped_a_few_at_a_time() {
        with_disk(|_, mut disk| {
            let puts: Vec<_> = (0..1_000).map(|nth| record(&nth.to_string(), nth + 1)).collect();
            commit(&mut disk, &puts, 0);
            assert_eq!(disk.records().unwrap().len(), 1_000);
            commit(&mut disk, &[record("later", 2_000)], 1_000);
            assert_eq!(disk.records().unwrap().len(), 1_001 - (MAX_DROPPED + 2));
            (0..3).for_each(|_| commit(&mut disk, &[], 1_000));
            assert_eq!(disk.records().unwrap().len(), 1);
        });
    }

    #[test]
    fn rewritten_record_uses_its_new_expiry() {
        with_disk(|_, mut disk| {
            commit(&mut disk, &[record("revoked", 10)], 0);
            commit(&mut disk, &[record("revoked", 20)], 5);
            commit(&mut disk, &[], 19);
            assert_eq!(disk.records().unwrap().len(), 1);
            commit(&mut disk, &[], 20);
            assert_eq!(disk.records().unwrap().len(), 0);
        });
    }

    #[test]
    fn newer_format_is_refused() {
        with_disk(|path, disk| {
            let write = disk.database().unwrap().begin_write().unwrap();
            write.open_table(META).unwrap().insert(FORMAT_NAME, FORMAT + 1).unwrap();
            write.commit().unwrap();
            drop(disk);
            let error = Disk::open(path, Path::new("there")).map(drop).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Store);
            assert!(error.to_string().contains("has format 4, but this version supports 3"), "{error}");
        });
    }

    #[test]
    fn format_2_is_opened_and_updated() {
        with_disk(|path, mut disk| {
            commit(&mut disk, &[record("revoked", 10)], 5);
            let write = disk.database().unwrap().begin_write().unwrap();
            {
                let mut meta = write.open_table(META).unwrap();
                meta.insert(FORMAT_NAME, PREVIOUS_FORMAT).unwrap();
                for name in [ID, COMMITS, JOURNAL_FILE, JOURNAL_END] {
                    meta.remove(name).unwrap();
                }
            }
            write.commit().unwrap();
            drop(disk);
            let mut disk = Disk::open(path, Path::new("there")).unwrap();
            let found = disk.load().unwrap();
            assert_eq!((disk.identity(), found.journal), (Identity::default(), Expected::default()));
            assert_eq!((found.records.len(), found.latest, found.is_lost), (1, at(5), false));
            let identity = Identity { database: 3, commits: 1 };
            disk.mark(identity, Position::default(), false).unwrap();
            assert_eq!((disk.format().unwrap(), disk.read_identity().unwrap()), (FORMAT, identity));
        });
    }
}
