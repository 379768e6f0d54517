//! Packages each crate, checks the files of the archives, and builds a program outside the workspace from them alone.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::files::{create_folder, paths, remove_folder};
use crate::workspace::{Package, Workspace};
use crate::{Complaints, Result, command};

const DEPENDENT: &str = "tests/packaged/Cargo.toml";
const CLI: &str = "ably-auth-cli";

/// Files that each archive must have.
const NEEDED: &[&str] = &["Cargo.toml", "LICENSE-APACHE", "LICENSE-MIT", "README.md", "src/"];
/// Files that an archive may have in addition.
const ALLOWED: &[&str] = &["console/", "Cargo.lock", "Cargo.toml.orig", ".cargo_vcs_info.json", "examples/"];

pub(crate) fn run(_: &[String]) -> Result {
    let workspace = Workspace::load()?;
    let published = workspace.published();
    // The working tree may have changes, since nothing is uploaded. `--no-verify`, since the packages are built below.
    let mut package = command::cargo(["package", "--quiet", "--locked", "--no-verify", "--allow-dirty"]);
    command::run(package.args(published.iter().flat_map(|package| ["--package", package.name.as_str()])))?;

    let folder = workspace.target_directory.join("packaged");
    let archives = workspace.target_directory.join("package");
    let mut patches = Vec::new();
    let mut complaints = Vec::new();
    for package in published {
        let unpacked = unpack(package, &archives, &folder)?;
        complaints.extend(check(&package.name, &files(&unpacked, &unpacked)?));
        patches.push((package.name.as_str(), unpacked));
    }
    if !complaints.is_empty() {
        return Err(Complaints(complaints));
    }
    let patches: Vec<String> = patches.iter().flat_map(|(name, path)| patch_options(name, path)).collect();

    let target = &workspace.target_directory;
    for task in ["build", "run"] {
        let mut dependent = command::cargo([task, "--quiet", "--locked", "--manifest-path", DEPENDENT]);
        command::run(dependent.args(&patches).arg("--target-dir").arg(target))?;
    }
    // The CLI is a program, which no other crate can depend on. It is only checked: the tests of the workspace run it.
    let cli = folder.join(format!("{CLI}-{}", workspace.version(CLI)?));
    let mut check = command::cargo(["check", "--quiet", "--manifest-path"]);
    command::run(check.arg(cli.join("Cargo.toml")).args(&patches).arg("--target-dir").arg(target))
}

fn unpack(package: &Package, archives: &Path, folder: &Path) -> Result<PathBuf> {
    let name = format!("{}-{}", package.name, package.version);
    let unpacked = folder.join(&name);
    remove_folder(&unpacked)?;
    create_folder(folder)?;
    // `--touch` sets the current time: all archives have the same time stamps, so cargo would not see changed files.
    let mut tar = Command::new("tar");
    tar.arg("--extract").arg("--gzip").arg("--touch").arg("--directory").arg(folder).arg("--file");
    command::output(tar.arg(archives.join(format!("{name}.crate"))))?;
    Ok(unpacked)
}

/// Returns the cargo options that replace a crate from the registry with an unpacked archive.
fn patch_options(name: &str, path: &Path) -> [String; 2] {
    ["--config".into(), format!("patch.crates-io.{name}.path='{}'", path.display())]
}

/// Lists every file below a folder, by its path in the archive.
fn files(root: &Path, folder: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for path in paths(folder)? {
        if path.is_dir() {
            found.extend(files(root, &path)?);
        } else {
            found.push(path.strip_prefix(root).unwrap_or(&path).display().to_string());
        }
    }
    Ok(found)
}

fn check(name: &str, files: &[String]) -> Vec<String> {
    let is = |file: &str, rule: &str| if rule.ends_with('/') { file.starts_with(rule) } else { file == rule };
    let missing = NEEDED.iter().filter(|rule| !files.iter().any(|file| is(file, rule)));
    let stray = files.iter().filter(|file| !NEEDED.iter().chain(ALLOWED).any(|rule| is(file, rule)));
    let missing = missing.map(|rule| format!("the package of `{name}` lacks `{rule}`; add it to the crate's folder"));
    let stray =
        stray.map(|file| format!("the package of `{name}` has `{file}`; exclude it with `exclude` in its Cargo.toml"));
    missing.chain(stray).collect()
}

#[cfg(test)]
mod tests {
    use super::check;

    fn complaints(files: &[&str]) -> Vec<String> {
        check("a", &files.iter().map(|file| (*file).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn missing_and_stray_files_are_reported() {
        let whole = ["Cargo.toml", "Cargo.lock", "LICENSE-APACHE", "LICENSE-MIT", "README.md", "src/lib.rs"];
        assert_eq!(complaints(&whole), Vec::<String>::new());
        assert_eq!(
            complaints(&[&whole[..3], &whole[4..]].concat()),
            ["the package of `a` lacks `LICENSE-MIT`; add it to the crate's folder"]
        );
        assert_eq!(
            complaints(&[&whole[..], &["notes.txt"]].concat()),
            ["the package of `a` has `notes.txt`; exclude it with `exclude` in its Cargo.toml"]
        );
    }
}
