//! Benchmarks: instruction counts of core and of the service against a committed baseline, and timings of core, the caches,
//! the service, its realtime connections and the build.

mod build;
mod tools;

use std::path::Path;

use crate::workspace::Workspace;
use crate::{Complaints, Result, command};

pub(crate) fn run(options: &[String]) -> Result {
    let has = |name: &str| options.iter().any(|option| option == name);
    let target = Workspace::load()?.target_directory;
    if has("build") {
        return build::measure(&target);
    }
    if has("auth") {
        return measure(&target, "auth", &[]);
    }
    if has("--instructions") && has("--strict") {
        return Err("`--strict` limits timings, which `--instructions` does not measure; give only one of them".into());
    }
    if has("service") && has("--instructions") {
        return count(&target, "service", has("--save"));
    }
    if has("service") || has("scale") {
        let options = [("scale", has("scale")), ("--strict", has("--strict"))];
        let options: Vec<&str> = options.into_iter().filter(|(_, is_set)| *is_set).map(|(option, _)| option).collect();
        return measure(&target, "service", &options);
    }
    if has("realtime") {
        return measure(&target, "realtime", if has("--strict") { &["--strict"] } else { &[] });
    }
    if !has("core") {
        return Err("no benchmark named; give `core`, `auth`, `service`, `scale`, `realtime` or `build`, for example \
            `cargo xtask bench core`"
            .into());
    }
    let counted = count(&target, "core", has("--save"));
    if has("--instructions") {
        return counted;
    }
    println!();
    // Times core, its peers and its lower bounds. Core that is too slow is an error only with `--strict`.
    let timed = measure(&target, "ratios", if has("--strict") { &["--strict"] } else { &[] });
    let complaints = [counted, timed].into_iter().filter_map(|outcome| outcome.err().map(|Complaints(all)| all));
    let complaints: Vec<String> = complaints.flatten().collect();
    if complaints.is_empty() { Ok(()) } else { Err(Complaints(complaints)) }
}

/// Runs a benchmark of `tests/bench`.
fn measure(target: &Path, name: &str, options: &[&str]) -> Result {
    let manifest = format!("tests/bench/{name}/Cargo.toml");
    let mut bench = command::cargo(["run", "--quiet", "--locked", "--release", "--manifest-path", &manifest]);
    command::run(bench.arg("--target-dir").arg(target.join("bench")).arg("--").args(options))
}

/// Counts the instructions of a part of the product, and compares the counts with the part's baseline.
fn count(target: &Path, part: &str, save: bool) -> Result {
    tools::install_valgrind()?;
    let runner = tools::runner(target)?;
    let manifest = format!("tests/bench/{part}-instructions/Cargo.toml");
    let mut bench = command::cargo(["bench", "--quiet", "--locked", "--manifest-path", &manifest]);
    bench.arg("--target-dir").arg(target.join("bench")).env("GUNGRAUN_RUNNER", runner);
    bench.env("GUNGRAUN_HOME", target.join("bench/gungraun"));
    let summaries = command::output(bench.args(["--", "--output-format=json"]))?;
    let mut budgets = command::cargo(["run", "--quiet", "--package", "budgets", "--", "counts", part]);
    command::feed(budgets.args(save.then_some("--save")), &summaries)
}
