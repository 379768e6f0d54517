//! The folder and its files: permissions, the lock, and complete writes.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use redb::DatabaseError;
use zeroize::Zeroizing;

use super::files::{self, File, FileBackend};
use crate::error::{Error, ErrorKind};
use crate::random;

const DATABASE: &str = "store.redb";
const NEW_DATABASE: &str = "store.redb.new";
const SECRET: &str = "secret";
const NEW_SECRET: &str = "secret.new";
const LOCK: &str = "lock";

/// Creates the folder, if it does not exist, for its owner only.
pub(super) fn create(folder: &Path) -> Result<(), Error> {
    let create = || {
        let missing: Vec<_> = folder.ancestors().take_while(|folder| !files::exists(folder).unwrap_or(false)).collect();
        files::create_private_folder(folder)?;
        missing
            .into_iter()
            .filter_map(Path::parent)
            .try_for_each(|parent| sync(if parent.as_os_str().is_empty() { Path::new(".") } else { parent }))
    };
    create().map_err(|error| io_error(folder, "cannot be created", error))?;
    check_not_writable_by_others(folder)
}

/// The lock of the folder. It keeps other processes out until it is dropped, even if other files are deleted or
/// replaced.
#[derive(Debug)]
pub(super) struct FolderLock(#[expect(dead_code, reason = "dropping it releases the lock")] FileBackend);

pub(super) fn acquire(folder: &Path) -> Result<FolderLock, Error> {
    let path = folder.join(LOCK);
    let file = files::open_private_file(&path);
    let file = file.map_err(|error| io_error(&path, "cannot be written", error))?;
    FileBackend::new(file).map(FolderLock).map_err(|error| match error {
        DatabaseError::DatabaseAlreadyOpen => already_open(folder),
        error => io_error(&path, "cannot be locked", io::Error::other(error)),
    })
}

pub(super) fn already_open(folder: &Path) -> Error {
    let message = format!("another process has the folder `{}` open; end it, or use another folder", folder.display());
    Error::new(ErrorKind::Store, message)
}

/// Refuses a folder in which other users could replace the files.
fn check_not_writable_by_others(folder: &Path) -> Result<(), Error> {
    let metadata = files::metadata(folder).map_err(|error| io_error(folder, "cannot be read", error))?;
    if files::mode_of(&metadata) & 0o022 != 0 {
        let message = format!(
            "insecure folder `{}`: other users may replace its files; run `chmod go-w` on it, or name a new folder \
             inside it",
            folder.display()
        );
        return Err(Error::new(ErrorKind::Store, message));
    }
    Ok(())
}

/// Creates the database if it does not exist. `make` writes it under a temporary name, so that an unfinished one is
/// never used after a crash or on a full disk.
pub(super) fn create_database(folder: &Path, make: impl FnOnce(&Path) -> Result<(), Error>) -> Result<(), Error> {
    let (path, new) = (folder.join(DATABASE), folder.join(NEW_DATABASE));
    if let Ok(metadata) = files::metadata(&path) {
        // It would be opened as a new database without revocations.
        if metadata.len() == 0 {
            let message = format!(
                "`{}` is empty, so its data is lost; restore a copy of the whole folder, or delete this file: then keys and \
                 revocations that were made at run time are lost, and earlier revocable tokens are refused",
                path.display()
            );
            return Err(Error::new(ErrorKind::Store, message));
        }
        return Ok(());
    }
    drop(create_file(&new).map_err(|error| io_error(&new, "cannot be written", error))?);
    make(&new)?;
    let finish = || {
        // Another process may have created a database meanwhile, which must not be replaced.
        match files::hard_link(&new, &path) {
            Ok(()) => files::remove_file(&new)?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => files::remove_file(&new)?,
            // The file system has no hard links.
            Err(_) => files::rename(&new, &path)?,
        }
        sync(folder)
    };
    finish().map_err(|error| io_error(&path, "cannot be written", error))
}

/// Creates a new file. Deletes an old one instead of writing to it, since an interrupted process or another user may
/// have created it.
pub(super) fn create_file(new: &Path) -> io::Result<File> {
    match files::remove_file(new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    files::create_private_file(new)
}

pub(super) fn database_path(folder: &Path) -> PathBuf {
    folder.join(DATABASE)
}

/// Returns true if `secret` or `nonces` exists, which shows that the folder held a store before. An unfinished new
/// folder contains at most `lock`, since the database is created before them.
pub(super) fn was_used(folder: &Path) -> Result<bool, Error> {
    for name in [SECRET, super::journal_files::FOLDER] {
        let path = folder.join(name);
        if files::exists(&path).map_err(|error| io_error(&path, "cannot be read", error))? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns the path of the database file. Refuses it if others than its owner may read it.
pub(super) fn database(folder: &Path) -> Result<PathBuf, Error> {
    let path = folder.join(DATABASE);
    let file = files::open_to_write(&path);
    check_private(&path, &file.map_err(|error| io_error(&path, "cannot be written", error))?)?;
    Ok(path)
}

/// Returns the secret that seals tokens, and creates it if it is missing. `was_made` is true if the folder had one
/// before.
pub(super) fn secret(folder: &Path, was_made: bool) -> Result<Zeroizing<[u8; 32]>, Error> {
    let path = folder.join(SECRET);
    match File::open(&path) {
        Ok(file) => check_private(&path, &file)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if was_made {
                tracing::warn!(
                    folder = %folder.display(),
                    "`secret` is missing; creating a new one; tokens that the old one sealed are refused (40143)"
                );
            }
            make_secret(folder, &path)?;
        }
        Err(error) => return Err(io_error(&path, "cannot be read", error)),
    }
    let text = Zeroizing::new(files::read(&path).map_err(|error| io_error(&path, "cannot be read", error))?);
    let bytes = URL_SAFE_NO_PAD.decode(text.trim_ascii()).ok().map(Zeroizing::new);
    let secret = bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes.as_slice()).ok().map(Zeroizing::new));
    secret.ok_or_else(|| {
        let message = format!(
            "invalid secret in `{}`: not 32 bytes in URL-safe base64; restore it, or delete it, which invalidates all \
             tokens",
            path.display()
        );
        Error::new(ErrorKind::Store, message)
    })
}

/// Creates the secret file atomically, even if the power fails.
fn make_secret(folder: &Path, path: &Path) -> Result<(), Error> {
    let text = Zeroizing::new(URL_SAFE_NO_PAD.encode(*Zeroizing::new(random::bytes::<32>()?)));
    let new = folder.join(NEW_SECRET);
    let write = || {
        let mut file = create_file(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        files::rename(&new, path)?;
        sync(folder)
    };
    write().map_err(|error| io_error(path, "cannot be written", error))
}

/// Makes the names in a folder durable. Only Unix needs this, and only there a folder can be opened as a file.
pub(super) fn sync(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// Refuses a file with secrets that others may read.
fn check_private(path: &Path, file: &File) -> Result<(), Error> {
    let metadata = file.metadata().map_err(|error| io_error(path, "cannot be read", error))?;
    if files::mode_of(&metadata) & 0o077 != 0 {
        let message = format!(
            "insecure file `{}`: it holds secrets and others may read it; run `chmod 600` on it",
            path.display()
        );
        return Err(Error::new(ErrorKind::Store, message));
    }
    Ok(())
}

pub(super) fn io_error(path: &Path, what: &str, error: io::Error) -> Error {
    let path = path.display();
    let message = format!("`{path}` {what}: {error}; check its permissions and the free disk space");
    Error::new(ErrorKind::Store, message).because(error)
}

#[cfg(test)]
mod tests {
    use super::super::temp_dir::TempDir;
    use super::*;

    #[test]
    fn folder_lock_excludes_others_until_dropped() {
        let place = TempDir::new();
        let folder = place.0.join("of/several");
        create(&folder).unwrap();
        let lock = acquire(&folder).unwrap();
        let error = acquire(&folder).unwrap_err();
        assert!(error.to_string().contains("another process has the folder"), "{error}");
        drop(lock);
        acquire(&folder).unwrap();
    }
}
