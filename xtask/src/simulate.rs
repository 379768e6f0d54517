//! The simulation of services, stores and clients from a seed, and the bugs that it must find.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::files::{absolute, paths, update_sources};
use crate::workspace::Workspace;
use crate::{Complaints, Result, command};

/// Replaces the files, threads, clocks and connections of the product. `getrandom` then calls the function of the C
/// library, which the simulation replaces.
const FLAGS: &str = "--cfg simulation --cfg tokio_unstable --cfg getrandom_backend=\"linux_getrandom\"";

const PACKAGE: &str = "tests/simulation";

/// The number of seeds within which each bug must be found.
const SEEDS_PER_BUG: &str = "10000";

/// Runs seeds, one seed again, or seeds against each known bug.
pub(crate) fn run(options: &[String]) -> Result {
    let target = Workspace::load()?.target_directory.join("simulation");
    if options.first().is_some_and(|option| option == "--bugs") {
        return find_bugs(&target, options.get(1).map(String::as_str));
    }
    let mut run = command::cargo(["run", "--release", "--locked", "--manifest-path"]);
    run.arg(Path::new(PACKAGE).join("Cargo.toml")).arg("--target-dir").arg(target).arg("--").args(options);
    command::run(run.env("RUSTFLAGS", FLAGS))
}

/// Puts each bug into a copy of the sources, and runs seeds until one fails.
fn find_bugs(target: &Path, only: Option<&str>) -> Result {
    let copy = target.join("bugs");
    let mut missed = Vec::new();
    let bugs: Vec<_> = bugs()?.into_iter().filter(|bug| only.is_none_or(|only| name(bug) == only)).collect();
    for bug in &bugs {
        update_sources(&["Cargo.toml", "crates", PACKAGE], &copy)?;
        command::run(
            Command::new("git")
                .arg("apply")
                .arg(absolute(bug)?)
                .current_dir(&copy)
                .env("GIT_CEILING_DIRECTORIES", target),
        )?;
        let mut build = command::cargo(["build", "--release", "--locked", "--manifest-path"]);
        build.arg(copy.join(PACKAGE).join("Cargo.toml")).arg("--target-dir").arg(target);
        command::run(build.env("RUSTFLAGS", FLAGS))?;
        println!("\n{}", name(bug));
        let found = Command::new(target.join("release/simulation")).arg(SEEDS_PER_BUG).status();
        if found.map_err(|error| format!("cannot run the simulation: {error}"))?.success() {
            missed.push(format!("`{}` was not found in {SEEDS_PER_BUG} seeds", bug.display()));
        }
    }
    if missed.is_empty() {
        println!("\nall {} bugs were found", bugs.len());
        Ok(())
    } else {
        Err(Complaints(missed))
    }
}

fn name(bug: &Path) -> String {
    bug.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// Returns the patches, each of which puts one bug into the product.
fn bugs() -> Result<Vec<PathBuf>> {
    let mut bugs = paths(&Path::new(PACKAGE).join("bugs"))?;
    bugs.retain(|path| path.extension().is_some_and(|extension| extension == "patch"));
    Ok(bugs)
}
