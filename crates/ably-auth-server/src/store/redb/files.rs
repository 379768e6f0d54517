//! The files of the store: those of the system, or of a simulation.

#[cfg(simulation)]
pub(super) use simulated::*;
#[cfg(not(simulation))]
pub(super) use system::*;

#[cfg(not(simulation))]
mod system {
    use std::fs::{DirBuilder, Metadata, OpenOptions};
    pub(in crate::store::redb) use std::fs::{
        File, exists, hard_link, metadata, read, remove_dir_all, remove_file, rename,
    };
    use std::io;
    use std::path::{Path, PathBuf};

    pub(in crate::store::redb) use redb::backends::FileBackend;

    pub(in crate::store::redb) fn paths_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
        std::fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect()
    }

    /// Creates a folder and those above it, for their owner only.
    pub(in crate::store::redb) fn create_private_folder(folder: &Path) -> io::Result<()> {
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.recursive(true).create(folder)
    }

    /// Creates a file for its owner only. Fails if it exists.
    pub(in crate::store::redb) fn create_private_file(path: &Path) -> io::Result<File> {
        private().write(true).create_new(true).open(path)
    }

    /// Opens a file to write. Creates it, for its owner only, if it does not exist.
    pub(in crate::store::redb) fn open_private_file(path: &Path) -> io::Result<File> {
        private().write(true).create(true).truncate(false).open(path)
    }

    pub(in crate::store::redb) fn open_to_write(path: &Path) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).open(path)
    }

    /// Returns the permissions on Unix. Elsewhere, a file counts as private.
    pub(in crate::store::redb) fn mode_of(metadata: &Metadata) -> u32 {
        #[cfg(unix)]
        return std::os::unix::fs::PermissionsExt::mode(&metadata.permissions());
        #[cfg(not(unix))]
        {
            let _ = metadata;
            0
        }
    }

    fn private() -> OpenOptions {
        let mut options = OpenOptions::new();
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options
    }
}

#[cfg(simulation)]
mod simulated {
    pub(in crate::store::redb) use crate::simulation::files::{
        File, FileBackend, create_private_file, create_private_folder, exists, hard_link, metadata, mode_of,
        open_private_file, open_to_write, paths_in, read, remove_dir_all, remove_file, rename,
    };
}
