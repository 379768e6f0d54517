//! The two programs that count instructions: valgrind, and gungraun's runner, which starts valgrind.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::files::read;
use crate::{Complaints, Result, command};

const LOCK: &str = "tests/bench/Cargo.lock";

/// Installs valgrind from Debian's packages if it is missing and this process runs as root.
pub(super) fn install_valgrind() -> Result {
    let is_here = |program: &str| Command::new(program).arg("--version").stdout(Stdio::null()).status().is_ok();
    if is_here("valgrind") {
        return Ok(());
    }
    let is_root = || command::output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    if !is_here("apt-get") || !is_root() {
        return Err("valgrind is not installed; on Debian, run `apt-get install valgrind` as root".into());
    }
    for words in [&["update", "-qq"][..], &["install", "-qqy", "--no-install-recommends", "valgrind"]] {
        command::run(
            Command::new("apt-get").args(words).env("DEBIAN_FRONTEND", "noninteractive").stdout(Stdio::null()),
        )?;
    }
    Ok(())
}

/// Returns the runner in the version of the benchmarks' lock file; builds it on the first call.
pub(super) fn runner(target: &Path) -> Result<PathBuf> {
    let lock = read(LOCK.as_ref())?;
    let Some(version) = locked("gungraun-runner", &lock) else {
        return Err(format!("`{LOCK}` lacks gungraun-runner; update it with `cargo update`").into());
    };
    let root = target.join("tools");
    // A debug build takes half the time, and in a benchmark run valgrind takes most of the time anyway.
    let mut install = command::cargo(["install", "--quiet", "--locked", "--debug", "gungraun-runner"]);
    install.arg("--version").arg(format!("={version}")).arg("--root").arg(&root);
    // Without the variable, cargo builds in a temporary directory and deletes it.
    command::run(install.env_remove("CARGO_TARGET_DIR")).map_err(|Complaints(mut complaints)| {
        complaints.push("gungraun-runner is built from crates.io; check the network connection".into());
        Complaints(complaints)
    })?;
    Ok(root.join("bin/gungraun-runner"))
}

/// Returns the version of a package in a lock file.
fn locked<'a>(name: &str, lock: &'a str) -> Option<&'a str> {
    let (_, package) = lock.split_once(&format!("\nname = \"{name}\"\nversion = \""))?;
    package.split('"').next()
}

#[cfg(test)]
mod tests {
    use super::locked;

    #[test]
    fn version_is_read_from_lock_file() {
        let lock = "version = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\n\n[[package]]\nname = \"a-b\"\nversion = \"2.0.1\"\n";
        assert_eq!(locked("a", lock), Some("1.0.0"));
        assert_eq!(locked("a-b", lock), Some("2.0.1"));
        assert_eq!(locked("b", lock), None);
    }
}
