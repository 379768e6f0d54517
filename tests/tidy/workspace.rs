//! The workspace's packages, from cargo, and its files, from git.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

#[derive(Deserialize)]
struct Workspace {
    packages: Vec<Package>,
}

#[derive(Default, Deserialize)]
pub(crate) struct Package {
    pub name: String,
    pub description: Option<String>,
    pub documentation: Option<String>,
    pub keywords: Vec<String>,
    pub categories: Vec<String>,
    pub manifest_path: PathBuf,
    pub dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
pub(crate) struct Dependency {
    pub name: String,
    /// `dev`, `build`, or nothing for a normal one.
    pub kind: Option<String>,
}

/// Reads the manifests; nothing is resolved or downloaded.
pub(crate) fn packages() -> Vec<Package> {
    let json = cargo(&["metadata", "--format-version", "1", "--no-deps"]);
    serde_json::from_str::<Workspace>(&json).unwrap().packages
}

/// Returns the published crates, without tests and tools.
pub(crate) fn published() -> Vec<Package> {
    let is_published = |package: &Package| {
        package
            .manifest_path
            .parent()
            .is_some_and(|folder| folder.parent().is_some_and(|parent| parent.ends_with("crates")))
    };
    packages().into_iter().filter(is_published).collect()
}

/// Runs cargo and returns its output.
pub(crate) fn cargo(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO")).args(args).output().unwrap();
    assert!(output.status.success(), "cargo {}: {}", args.join(" "), String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Lists the project's files: those of git, or, in a tree without git, all except build output.
pub(crate) fn files() -> Vec<PathBuf> {
    let git = Command::new("git").args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).output();
    match git {
        Ok(git) if git.status.success() => {
            String::from_utf8_lossy(&git.stdout).split_terminator('\0').map(PathBuf::from).collect()
        }
        // Without `./`, as in git's list.
        _ => walk(Path::new(".")).iter().map(|path| path.strip_prefix(".").unwrap_or(path).to_owned()).collect(),
    }
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let all = entries.flat_map(|entry| match entry.file_type().unwrap().is_dir() {
        false => vec![entry.path()],
        true if entry.file_name() == "target" || entry.file_name() == ".git" => Vec::new(),
        true => walk(&entry.path()),
    });
    all.collect()
}
