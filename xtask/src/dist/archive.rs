//! Archives that contain the same bytes whenever and wherever they are made.

use std::io::Write as _;

use flate2::{Compression, GzBuilder};

use super::contents::Contents;
use super::target::Target;
use crate::Result;

/// A file or a folder in an archive.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// The path without a leading `/`; that of a folder ends with `/`.
    pub path: String,
    pub mode: u32,
    /// The number of the user and of the group.
    pub owner: u64,
    pub bytes: Vec<u8>,
}

impl Entry {
    pub(super) fn file(path: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self { path: path.into(), mode: 0o644, owner: 0, bytes: bytes.into() }
    }

    pub(super) fn program(path: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self { mode: 0o755, ..Self::file(path, bytes) }
    }

    pub(super) fn folder(path: &str, owner: u64) -> Self {
        Self { path: format!("{path}/"), mode: 0o755, owner, bytes: Vec::new() }
    }
}

/// Returns the name of the archive for a target.
pub(super) fn name(target: &Target, version: &str) -> String {
    format!("{}.tar.gz", target.stem(version))
}

/// Packs the program, its manual pages, completions, README and licences.
pub(super) fn pack(contents: &Contents, target: &Target, version: &str, epoch: u64) -> Result<Vec<u8>> {
    let stem = target.stem(version);
    let mut entries = vec![Entry::program(format!("{stem}/{}", super::PROGRAM), contents.binary.clone())];
    let mut add = |folder: &str, files: &[(String, Vec<u8>)]| {
        entries.extend(files.iter().map(|(name, bytes)| Entry::file(format!("{stem}/{folder}{name}"), bytes.clone())));
    };
    add("", &contents.documents);
    add("man/", &contents.pages);
    add("completions/", &contents.completions);
    gzip(&tar(entries, epoch)?)
}

/// Writes entries to a tar file, sorted by path. `epoch` is the modification time of all.
pub(super) fn tar(mut entries: Vec<Entry>, epoch: u64) -> Result<Vec<u8>> {
    entries.sort_by(|one, other| one.path.cmp(&other.path));
    let mut builder = tar::Builder::new(Vec::new());
    for entry in &entries {
        let mut header = tar::Header::new_ustar();
        let is_folder = entry.path.ends_with('/');
        header.set_entry_type(if is_folder { tar::EntryType::Directory } else { tar::EntryType::Regular });
        header.set_mode(entry.mode);
        header.set_uid(entry.owner);
        header.set_gid(entry.owner);
        header.set_mtime(epoch);
        header.set_size(entry.bytes.len() as u64);
        let fault = |error| format!("cannot archive `{}`: {error}", entry.path);
        header.set_path(&entry.path).map_err(fault)?;
        header.set_cksum();
        builder.append(&header, entry.bytes.as_slice()).map_err(fault)?;
    }
    builder.into_inner().map_err(|error| format!("cannot archive: {error}").into())
}

/// Compresses without the time, the name and the operating system.
pub(super) fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut writer = GzBuilder::new().operating_system(255).write(Vec::new(), Compression::best());
    writer.write_all(bytes).and_then(|()| writer.finish()).map_err(|error| format!("cannot compress: {error}").into())
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn archive_depends_on_nothing_but_entries_and_epoch() {
        let [one, other] = [Entry::program("b/p", "1"), Entry::folder("a", 65532)];
        let packed = tar(vec![one.clone(), other.clone()], 1_700_000_000).unwrap();
        assert_eq!(packed, tar(vec![other, one], 1_700_000_000).unwrap());
        let mut archive = tar::Archive::new(packed.as_slice());
        let listed: Vec<_> = archive
            .entries()
            .unwrap()
            .map(|entry| {
                let header = entry.unwrap().header().clone();
                let path = header.path().unwrap().display().to_string();
                (path, header.mode().unwrap(), header.uid().unwrap(), header.gid().unwrap(), header.mtime().unwrap())
            })
            .collect();
        let wanted = [("a/", 65532), ("b/p", 0)].map(|(path, owner)| (path.into(), 0o755, owner, owner, 1_700_000_000));
        assert_eq!(listed, wanted);
    }

    #[test]
    fn compressed_file_has_no_time_and_no_system() {
        let packed = gzip(b"text").unwrap();
        assert_eq!((&packed[4..8], packed[9]), (&[0, 0, 0, 0][..], 255));
        let mut text = String::new();
        flate2::read::GzDecoder::new(packed.as_slice()).read_to_string(&mut text).unwrap();
        assert_eq!(text, "text");
    }

    #[test]
    fn path_that_is_too_long_is_an_error() {
        assert!(tar(vec![Entry::file("x".repeat(300), "")], 0).is_err());
    }
}
