//! The workspace's packages, from cargo, and its files, from git.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

use serde::Deserialize;

use crate::{Result, command};

#[derive(Deserialize)]
pub(crate) struct Workspace {
    pub packages: Vec<Package>,
    pub target_directory: PathBuf,
}

#[derive(Default, Deserialize)]
pub(crate) struct Package {
    pub name: String,
    pub version: String,
    pub description: Option<String>,
    pub documentation: Option<String>,
    pub keywords: Vec<String>,
    pub categories: Vec<String>,
    pub manifest_path: PathBuf,
    pub dependencies: Vec<Dependency>,
    pub features: BTreeMap<String, Vec<String>>,
    pub rust_version: Option<String>,
    pub targets: Vec<Target>,
}

/// A library, a program, a test or an example.
#[derive(Deserialize)]
pub(crate) struct Target {
    pub kind: Vec<String>,
}

impl Package {
    pub(crate) fn has_library(&self) -> bool {
        self.targets.iter().any(|target| target.kind.iter().any(|kind| kind == "lib"))
    }
}

#[derive(Deserialize)]
pub(crate) struct Dependency {
    pub name: String,
    /// `dev`, `build`, or nothing for a normal one.
    pub kind: Option<String>,
}

impl Workspace {
    /// Reads the manifests; nothing is resolved or downloaded.
    pub(crate) fn load() -> Result<Self> {
        let json = command::output(&mut command::cargo(["metadata", "--format-version", "1", "--no-deps"]))?;
        serde_json::from_str(&json).map_err(|error| format!("cannot read what `cargo metadata` wrote: {error}").into())
    }

    /// Returns the published crates, without tests and tools.
    pub(crate) fn published(&self) -> Vec<&Package> {
        self.packages
            .iter()
            .filter(|package| package.manifest_path.iter().rev().nth(2).is_some_and(|folder| folder == "crates"))
            .collect()
    }
}

/// Lists the project's files: those of git, or, in a tree without git, all except build output.
pub(crate) fn files() -> Result<Vec<PathBuf>> {
    let git = Command::new("git").args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).output();
    match git {
        Ok(git) if git.status.success() => {
            Ok(String::from_utf8_lossy(&git.stdout).split_terminator('\0').map(PathBuf::from).collect())
        }
        _ => {
            let mut files = Vec::new();
            walk(Path::new("."), &mut files).map_err(|error| format!("cannot list the project's files: {error}"))?;
            // Without `./`, as in git's list.
            Ok(files.iter().map(|path| path.strip_prefix(".").unwrap_or(path).to_owned()).collect())
        }
    }
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if !entry.file_type()?.is_dir() {
            files.push(entry.path());
        } else if entry.file_name() != "target" && entry.file_name() != ".git" {
            walk(&entry.path(), files)?;
        }
    }
    Ok(())
}
