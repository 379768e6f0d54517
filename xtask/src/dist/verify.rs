//! A second build in another folder, compared byte for byte.

use std::collections::BTreeMap;
use std::env;
use std::path::Path;
use std::process::Command;

use super::target::Target;
use crate::files::{empty_folder, read, update_sources};
use crate::toolchain::Toolchain;
use crate::workspace::Workspace;
use crate::{Complaints, Result, command};

/// Copies the sources to another folder, builds there what is in `dist`, and compares the checksums.
pub(super) fn run(targets: &[&Target], workspace: &Workspace, toolchain: &Toolchain, epoch: u64) -> Result {
    // Its path has another length, which would move what follows it in a binary.
    let another = workspace.target_directory.join("dist-verify/another/folder");
    empty_folder(&another)?;
    update_sources(&["."], &another)?;
    // Git lists the files of packages. Without a repository of its own, the folder is one that git ignores.
    command::run(Command::new("git").args(["init", "--quiet"]).current_dir(&another))?;
    toolchain.copy_to(&another.join("target"))?;
    let program = env::current_exe().map_err(|error| format!("cannot find this program: {error}"))?;
    let mut again = Command::new(program);
    again.arg("dist").args(targets.iter().map(|target| target.triple));
    again.env("CARGO_MANIFEST_DIR", another.join("xtask")).env_remove("CARGO_TARGET_DIR");
    command::run(again.env("SOURCE_DATE_EPOCH", epoch.to_string()))?;
    let [first, second] =
        [&workspace.target_directory, &another.join("target")].map(|folder| sums(&folder.join("dist")));
    let complaints = compare(&first?, &second?);
    if complaints.is_empty() { Ok(()) } else { Err(Complaints(complaints)) }
}

/// Reads the checksums in a folder, by file.
fn sums(folder: &Path) -> Result<BTreeMap<String, String>> {
    let text = read(&folder.join(super::SUMS))?;
    let lines = text.lines().filter_map(|line| line.split_once("  "));
    Ok(lines.map(|(sum, name)| (name.to_owned(), sum.to_owned())).collect())
}

fn compare(first: &BTreeMap<String, String>, second: &BTreeMap<String, String>) -> Vec<String> {
    let names: std::collections::BTreeSet<&String> = first.keys().chain(second.keys()).collect();
    let differs = names.into_iter().filter(|name| first.get(*name) != second.get(*name));
    differs.map(|name| format!("`{name}` differs between two builds of the same sources")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_and_missing_files_are_reported() {
        let sums = |lines: &[(&str, &str)]| lines.iter().map(|(name, sum)| ((*name).into(), (*sum).into())).collect();
        let first = sums(&[("a", "1"), ("b", "2")]);
        assert_eq!(compare(&first, &first), [""; 0]);
        let complaints = compare(&first, &sums(&[("a", "3"), ("c", "4")]));
        assert_eq!(complaints.len(), 3);
        assert_eq!(complaints[0], "`a` differs between two builds of the same sources");
    }
}
