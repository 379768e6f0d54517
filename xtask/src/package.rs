//! What would be published: each crate's archive, and a program outside the workspace that is built from these alone.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::workspace::{Package, Workspace};
use crate::{Complaints, Result, command};

const DEPENDENT: &str = "tests/packaged/Cargo.toml";
const CLI: &str = "ably-auth-cli";

/// What each archive has; a reader of the registry, or of a copy of it, has nothing else.
const NEEDED: &[&str] = &["Cargo.toml", "LICENSE-APACHE", "LICENSE-MIT", "README.md", "src/"];
/// What it may have besides.
const ALLOWED: &[&str] = &["Cargo.lock", "Cargo.toml.orig", ".cargo_vcs_info.json", "examples/", "tests/"];

pub(crate) fn run(_: &[String]) -> Result {
    let workspace = Workspace::load()?;
    let published = workspace.published();
    // A developer's tree is seldom clean, and nothing is sent anywhere. What is packaged is built below.
    let mut package = command::cargo(["package", "--quiet", "--locked", "--no-verify", "--allow-dirty"]);
    command::run(package.args(published.iter().flat_map(|package| ["--package", package.name.as_str()])))?;

    let folder = workspace.target_directory.join("packaged");
    let archives = workspace.target_directory.join("package");
    let mut lent = Vec::new();
    let mut complaints = Vec::new();
    for package in published {
        let unpacked = unpack(package, &archives, &folder)?;
        complaints.extend(check(&package.name, &files(&unpacked, &unpacked)?));
        lent.push((package.name.as_str(), unpacked));
    }
    if !complaints.is_empty() {
        return Err(Complaints(complaints));
    }
    let lent: Vec<String> = lent.iter().flat_map(|(name, path)| lend(name, path)).collect();

    let target = &workspace.target_directory;
    for task in ["build", "run"] {
        let mut dependent = command::cargo([task, "--quiet", "--locked", "--manifest-path", DEPENDENT]);
        command::run(dependent.args(&lent).arg("--target-dir").arg(target))?;
    }
    // A program, on which no other can depend.
    let cli = folder.join(format!("{CLI}-{}", version(&workspace, CLI)?));
    let mut run = command::cargo(["run", "--quiet", "--manifest-path"]);
    command::run(run.arg(cli.join("Cargo.toml")).args(&lent).arg("--target-dir").arg(target).args(["--", "--version"]))
}

fn version<'w>(workspace: &'w Workspace, name: &str) -> Result<&'w str> {
    let package = workspace.packages.iter().find(|package| package.name == name);
    Ok(&package.ok_or_else(|| format!("there is no package `{name}`"))?.version)
}

fn unpack(package: &Package, archives: &Path, folder: &Path) -> Result<PathBuf> {
    let name = format!("{}-{}", package.name, package.version);
    let unpacked = folder.join(&name);
    let fault = |error| format!("cannot write `{}`: {error}", unpacked.display());
    if unpacked.exists() {
        fs::remove_dir_all(&unpacked).map_err(fault)?;
    }
    fs::create_dir_all(folder).map_err(fault)?;
    // With the time of now: the archive's own is always the same, and cargo would not see that a file has changed.
    let mut tar = Command::new("tar");
    tar.arg("--extract").arg("--gzip").arg("--touch").arg("--directory").arg(folder).arg("--file");
    command::output(tar.arg(archives.join(format!("{name}.crate"))))?;
    Ok(unpacked)
}

/// Puts an unpacked archive in the place of the registry's.
fn lend(name: &str, path: &Path) -> [String; 2] {
    ["--config".into(), format!("patch.crates-io.{name}.path='{}'", path.display())]
}

/// Every file below a folder, as it is named in the archive.
fn files(root: &Path, folder: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let fault = |error| format!("cannot read `{}`: {error}", folder.display());
    for entry in fs::read_dir(folder).map_err(fault)? {
        let path = entry.map_err(fault)?.path();
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
    let missing = missing.map(|rule| format!("the package of `{name}` has no `{rule}`; add it to the crate's folder"));
    let stray = stray
        .map(|file| format!("the package of `{name}` has `{file}`; leave it out with `exclude` in its Cargo.toml"));
    missing.chain(stray).collect()
}

#[cfg(test)]
mod tests {
    use super::check;

    fn complaints(files: &[&str]) -> Vec<String> {
        check("a", &files.iter().map(|file| (*file).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn a_package_has_what_it_needs_and_nothing_stray() {
        let whole = ["Cargo.toml", "Cargo.lock", "LICENSE-APACHE", "LICENSE-MIT", "README.md", "src/lib.rs"];
        assert_eq!(complaints(&whole), Vec::<String>::new());
        assert_eq!(
            complaints(&[&whole[..3], &whole[4..]].concat()),
            ["the package of `a` has no `LICENSE-MIT`; add it to the crate's folder"]
        );
        assert_eq!(
            complaints(&[&whole[..], &["notes.txt"]].concat()),
            ["the package of `a` has `notes.txt`; leave it out with `exclude` in its Cargo.toml"]
        );
    }
}
