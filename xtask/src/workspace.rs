//! The workspace's packages, from cargo.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::{Result, command};

#[derive(Deserialize)]
pub(crate) struct Workspace {
    pub packages: Vec<Package>,
    pub target_directory: PathBuf,
    pub workspace_root: PathBuf,
}

#[derive(Default, Deserialize)]
pub(crate) struct Package {
    pub name: String,
    pub version: String,
    pub manifest_path: PathBuf,
    pub features: BTreeMap<String, Vec<String>>,
    pub rust_version: Option<String>,
    pub targets: Vec<Target>,
}

/// A library, a program, a test or an example.
#[derive(Deserialize)]
pub(crate) struct Target {
    pub kind: Vec<String>,
    pub src_path: PathBuf,
}

impl Package {
    pub(crate) fn has_library(&self) -> bool {
        self.targets.iter().any(|target| target.is("lib"))
    }
}

impl Target {
    fn is(&self, kind: &str) -> bool {
        self.kind.iter().any(|own| own == kind)
    }
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

    /// Returns the version of a package.
    pub(crate) fn version(&self, name: &str) -> Result<&str> {
        let package = self.packages.iter().find(|package| package.name == name);
        Ok(&package.ok_or_else(|| format!("unknown package `{name}`"))?.version)
    }

    /// Returns the sources of all examples.
    pub(crate) fn examples(&self) -> impl Iterator<Item = &Path> {
        let targets = self.packages.iter().flat_map(|package| &package.targets).filter(|target| target.is("example"));
        targets.map(|target| target.src_path.as_path()).filter(|path| path.iter().any(|folder| folder == "examples"))
    }
}
