//! Benchmarks: core's instruction counts against a committed baseline, and timings of core, the caches and the service.

mod counts;
mod tools;

use std::path::Path;

use crate::workspace::Workspace;
use crate::{Complaints, Result, command};
use counts::Counts;

const RATIOS: &str = "tests/bench/ratios/Cargo.toml";
const AUTH: &str = "tests/bench/auth/Cargo.toml";
const SERVICE: &str = "tests/bench/service/Cargo.toml";
const INSTRUCTIONS: &str = "tests/bench/instructions/Cargo.toml";

pub(crate) fn run(options: &[String]) -> Result {
    let has = |name: &str| options.iter().any(|option| option == name);
    if has("auth") {
        let mut ratios = command::cargo(["run", "--quiet", "--locked", "--release", "--manifest-path", AUTH]);
        return command::run(ratios.arg("--target-dir").arg(Workspace::load()?.target_directory.join("bench")));
    }
    if has("service") || has("scale") {
        let mut ratios = command::cargo(["run", "--quiet", "--locked", "--release", "--manifest-path", SERVICE]);
        ratios.arg("--target-dir").arg(Workspace::load()?.target_directory.join("bench")).arg("--");
        return command::run(ratios.args(has("scale").then_some("scale")).args(has("--strict").then_some("--strict")));
    }
    if !has("core") {
        return Err(
            "no benchmark named; give `core`, `auth`, `service` or `scale`, for example `cargo xtask bench core`"
                .into(),
        );
    }
    if has("--instructions") && has("--strict") {
        return Err("`--strict` limits timings, which `--instructions` does not measure; give only one of them".into());
    }
    let target = Workspace::load()?.target_directory;
    let counted = count(&target, has("--save"));
    if has("--instructions") {
        return counted;
    }
    let timed = time(&target, has("--strict"));
    let complaints = [counted, timed].into_iter().filter_map(|outcome| outcome.err().map(|Complaints(all)| all));
    let complaints: Vec<String> = complaints.flatten().collect();
    if complaints.is_empty() { Ok(()) } else { Err(Complaints(complaints)) }
}

/// Counts instructions, and compares the counts with the baseline.
fn count(target: &Path, save: bool) -> Result {
    tools::install_valgrind()?;
    let runner = tools::runner(target)?;
    let mut bench = command::cargo(["bench", "--quiet", "--locked", "--manifest-path", INSTRUCTIONS]);
    bench.arg("--target-dir").arg(target.join("bench")).env("GUNGRAUN_RUNNER", runner);
    bench.env("GUNGRAUN_HOME", target.join("bench/gungraun"));
    let counts = Counts::read(&command::output(bench.args(["--", "--output-format=json"]))?)?;
    if save {
        counts.save()?;
    }
    let complaints = counts.compare(&Counts::saved()?);
    if complaints.is_empty() { Ok(()) } else { Err(Complaints(complaints)) }
}

/// Times core, its peers and its lower bounds. Core that is too slow is an error only if `strict` is set.
fn time(target: &Path, strict: bool) -> Result {
    println!();
    let mut ratios = command::cargo(["run", "--quiet", "--locked", "--release", "--manifest-path", RATIOS]);
    ratios.arg("--target-dir").arg(target.join("bench")).arg("--").args(strict.then_some("--strict"));
    command::run(&mut ratios)
}
