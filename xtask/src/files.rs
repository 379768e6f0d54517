//! Files and folders, with errors that name them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io, path};

use crate::{Result, command};

/// Reads a text file.
pub(crate) fn read(path: &Path) -> Result<String> {
    named("read", path, fs::read_to_string(path))
}

/// Reads a file of any content.
pub(crate) fn read_bytes(path: &Path) -> Result<Vec<u8>> {
    named("read", path, fs::read(path))
}

/// Writes a file, and creates its folder if it is missing.
pub(crate) fn write(path: &Path, content: impl AsRef<[u8]>) -> Result {
    named("write", path, create_parent(path).and_then(|()| fs::write(path, content)))
}

/// Copies a file, and creates the folder of the copy if it is missing.
pub(crate) fn copy(from: &Path, to: &Path) -> Result {
    let copied = create_parent(to).and_then(|()| fs::copy(from, to));
    copied.map(drop).map_err(|error| format!("cannot copy `{}` to `{}`: {error}", from.display(), to.display()).into())
}

/// Copies the files of a folder whose names end in `ending`, but no folders.
pub(crate) fn copy_files(from: &Path, ending: &str, to: &Path) -> Result {
    let is_copied = |path: &Path| path.is_file() && path.to_string_lossy().ends_with(ending);
    let files = paths(from)?.into_iter().filter(|path| is_copied(path));
    files.into_iter().try_for_each(|path| copy(&path, &to.join(path.file_name().unwrap_or_default())))
}

/// Copies what git does not ignore of some files and folders. A file that is the same keeps its time, so that nothing is built again
/// for it.
pub(crate) fn update_sources(from: &[&str], to: &Path) -> Result {
    let listed = command::output(
        Command::new("git").args(["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--"]).args(from),
    )?;
    for name in listed.split('\0').filter(|name| Path::new(name).is_file()) {
        let (source, target) = (Path::new(name), to.join(name));
        if fs::read(&target).ok() != Some(read_bytes(source)?) {
            copy(source, &target)?;
        }
    }
    Ok(())
}

/// Returns the paths of the files and folders in a folder, in order.
pub(crate) fn paths(folder: &Path) -> Result<Vec<PathBuf>> {
    let read = || fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>();
    let mut paths = named("read", folder, read())?;
    paths.sort();
    Ok(paths)
}

/// Creates a folder, with those above it.
pub(crate) fn create_folder(folder: &Path) -> Result {
    named("create", folder, fs::create_dir_all(folder))
}

/// Removes a folder with all that is in it, if it exists.
pub(crate) fn remove_folder(folder: &Path) -> Result {
    if folder.exists() { named("remove", folder, fs::remove_dir_all(folder)) } else { Ok(()) }
}

/// Creates a folder, and removes what an earlier run left in it.
pub(crate) fn empty_folder(folder: &Path) -> Result {
    remove_folder(folder)?;
    create_folder(folder)
}

/// Returns the path from the root folder.
pub(crate) fn absolute(path: &Path) -> Result<PathBuf> {
    named("resolve", path, path::absolute(path))
}

fn create_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)
}

fn named<T>(action: &str, path: &Path, result: io::Result<T>) -> Result<T> {
    result.map_err(|error| format!("cannot {action} `{}`: {error}", path.display()).into())
}
