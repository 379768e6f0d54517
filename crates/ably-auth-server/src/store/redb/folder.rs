//! The folder and the files in it: who may read them, and that they are whole.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use redb::DatabaseError;
use redb::backends::FileBackend;
use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind};
use crate::random;

const DATABASE: &str = "store.redb";
const NEW_DATABASE: &str = "store.redb.new";
const SECRET: &str = "secret";
const NEW_SECRET: &str = "secret.new";
const LOCK: &str = "lock";

/// Makes the folder, if it is not there, for its owner only.
pub(super) fn prepare(folder: &Path) -> Result<(), Error> {
    let made = || {
        let missing: Vec<_> = folder.ancestors().take_while(|folder| !folder.exists()).collect();
        private_folder().recursive(true).create(folder)?;
        missing
            .into_iter()
            .filter_map(Path::parent)
            .try_for_each(|parent| sync(if parent.as_os_str().is_empty() { Path::new(".") } else { parent }))
    };
    made().map_err(|error| failed(folder, "cannot be made", error))?;
    check_own(folder)
}

/// Keeps all others out of the folder for as long as it lives, whatever becomes of the files in it.
#[derive(Debug)]
pub(super) struct Held(#[expect(dead_code, reason = "it is there to be dropped")] FileBackend);

pub(super) fn hold(folder: &Path) -> Result<Held, Error> {
    let path = folder.join(LOCK);
    let file = private().write(true).create(true).truncate(false).open(&path);
    let file = file.map_err(|error| failed(&path, "cannot be written", error))?;
    FileBackend::new(file).map(Held).map_err(|error| match error {
        DatabaseError::DatabaseAlreadyOpen => held_by_another(folder),
        error => failed(&path, "cannot be locked", io::Error::other(error)),
    })
}

pub(super) fn held_by_another(folder: &Path) -> Error {
    let message = format!(
        "another process has the folder `{}` open; end it, or give this one a folder of its own",
        folder.display()
    );
    Error::new(ErrorKind::Store, message)
}

/// Refuses a folder in which others may put files in the place of these.
fn check_own(folder: &Path) -> Result<(), Error> {
    #[cfg(unix)]
    {
        let metadata = fs::metadata(folder).map_err(|error| failed(folder, "cannot be read", error))?;
        if std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o022 != 0 {
            let message = format!(
                "others may write to `{}`, and so replace what is kept there; `chmod go-w` it, or give a folder in it that is \
                 not there yet",
                folder.display()
            );
            return Err(Error::new(ErrorKind::Store, message));
        }
    }
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

/// Sees to it that there is a database: it is made by `make` under another name, so that one that was not finished, since the
/// process ended or the disk was full, is never taken for one.
pub(super) fn make_database(folder: &Path, make: impl FnOnce(&Path) -> Result<(), Error>) -> Result<(), Error> {
    let (path, new) = (folder.join(DATABASE), folder.join(NEW_DATABASE));
    if let Ok(metadata) = fs::metadata(&path) {
        // It would pass for a new one, in which nothing is revoked.
        if metadata.len() == 0 {
            let message = format!(
                "`{}` is empty, and what it held is lost; put back a copy of the whole folder, or delete this file: then keys and \
                 revocations that were made at run time are lost, and tokens of before that can be revoked are refused",
                path.display()
            );
            return Err(Error::new(ErrorKind::Store, message));
        }
        return Ok(());
    }
    drop(begin(&new).map_err(|error| failed(&new, "cannot be written", error))?);
    make(&new)?;
    let finish = || {
        // Another process may have been faster, and its database is not to be replaced.
        match fs::hard_link(&new, &path) {
            Ok(()) => fs::remove_file(&new)?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => fs::remove_file(&new)?,
            // Where files have one name only.
            Err(_) => fs::rename(&new, &path)?,
        }
        sync(folder)
    };
    finish().map_err(|error| failed(&path, "cannot be written", error))
}

/// A file that is nobody else's yet: what a process has left there that was ended, or somebody else has put there, is not
/// written to.
pub(super) fn begin(new: &Path) -> io::Result<File> {
    match fs::remove_file(new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    private().write(true).create_new(true).open(new)
}

pub(super) fn database_path(folder: &Path) -> PathBuf {
    folder.join(DATABASE)
}

/// Returns true if `secret` or `nonces` exists, which shows that the folder held a store before. An unfinished new
/// folder contains at most `lock`, since the database is created before them.
pub(super) fn was_used(folder: &Path) -> Result<bool, Error> {
    for name in [SECRET, super::journal_files::FOLDER] {
        let path = folder.join(name);
        if path.try_exists().map_err(|error| failed(&path, "cannot be read", error))? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The database's file, which its owner alone may read.
pub(super) fn database(folder: &Path) -> Result<PathBuf, Error> {
    let path = folder.join(DATABASE);
    let file = OpenOptions::new().read(true).write(true).open(&path);
    check_private(&path, &file.map_err(|error| failed(&path, "cannot be written", error))?)?;
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
        Err(error) => return Err(failed(&path, "cannot be read", error)),
    }
    let text = Zeroizing::new(fs::read(&path).map_err(|error| failed(&path, "cannot be read", error))?);
    let bytes = URL_SAFE_NO_PAD.decode(text.trim_ascii()).ok().map(Zeroizing::new);
    let secret = bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes.as_slice()).ok().map(Zeroizing::new));
    secret.ok_or_else(|| {
        let message = format!(
            "`{}` is no secret of 32 bytes in URL-safe base64; put it back, or delete it, and every token with it",
            path.display()
        );
        Error::new(ErrorKind::Store, message)
    })
}

/// Whole or not at all, also if the power fails meanwhile.
fn make_secret(folder: &Path, path: &Path) -> Result<(), Error> {
    let text = Zeroizing::new(URL_SAFE_NO_PAD.encode(*Zeroizing::new(random::bytes::<32>()?)));
    let new = folder.join(NEW_SECRET);
    let write = || {
        let mut file = begin(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        sync(folder)
    };
    write().map_err(|error| failed(path, "cannot be written", error))
}

/// So that names last. Elsewhere than on Unix a folder is no file, and keeps its names by itself.
pub(super) fn sync(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

pub(super) fn private_folder() -> DirBuilder {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Refuses a file of secrets that others may read.
fn check_private(path: &Path, file: &File) -> Result<(), Error> {
    #[cfg(unix)]
    {
        let metadata = file.metadata().map_err(|error| failed(path, "cannot be read", error))?;
        if std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o077 != 0 {
            let message = format!("`{}` holds secrets and others may read it; `chmod 600` it", path.display());
            return Err(Error::new(ErrorKind::Store, message));
        }
    }
    #[cfg(not(unix))]
    let _ = (path, file);
    Ok(())
}

pub(super) fn failed(path: &Path, what: &str, error: io::Error) -> Error {
    let path = path.display();
    let message = format!("`{path}` {what}: {error}; see that it may be written and that the disk has room");
    Error::new(ErrorKind::Store, message).because(error)
}

#[cfg(test)]
mod tests {
    use super::super::temp_dir::TempDir;
    use super::*;

    #[test]
    fn a_folder_is_held_by_one_until_it_is_let_go() {
        let place = TempDir::new();
        let folder = place.0.join("of/several");
        prepare(&folder).unwrap();
        let held = hold(&folder).unwrap();
        let error = hold(&folder).unwrap_err();
        assert!(error.to_string().contains("another process has the folder"), "{error}");
        drop(held);
        hold(&folder).unwrap();
    }
}
