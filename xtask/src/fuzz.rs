//! Fuzzing: the targets of `tests/fuzz`, each for some seconds, on all processors.
//!
//! This drives libFuzzer itself. cargo-fuzz would do the same, but asks for a nightly toolchain: its flags for sanitizers
//! are unstable. The coverage that libFuzzer needs is a pass of LLVM, which stable flags select. A sanitizer would find
//! little, since the crates have no unsafe code.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::files::{copy_files, create_folder, empty_folder, paths};
use crate::workspace::Workspace;
use crate::{Complaints, Result, command};

const MANIFEST: &str = "tests/fuzz/Cargo.toml";
/// One folder for each target, with the inputs that are committed.
const CORPORA: &str = "tests/fuzz/corpus";

const DEFAULT_SECONDS: u64 = 60;

/// The time that one input may take, in seconds. The slowest target needs a third of a second on a busy machine.
const INPUT_TIMEOUT: u32 = 30;

/// The compiler's flags for the doors that `cfg(fuzzing)` opens.
const DOORS: &str = "--cfg fuzzing";
/// The compiler's flags for coverage, as `cargo fuzz` sets them without a sanitizer.
const COVERAGE: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares";

pub(crate) fn run(options: &[String]) -> Result {
    let is_number = |option: &&String| option.bytes().all(|byte| byte.is_ascii_digit());
    let merges = options.iter().any(|option| option == "--merge");
    let seconds = match options.iter().find(is_number) {
        Some(seconds) => seconds.parse().map_err(|_| format!("`{seconds}` is too many seconds; give fewer"))?,
        None => DEFAULT_SECONDS,
    };
    let named: Vec<&String> = options.iter().filter(|option| !is_number(option) && !option.starts_with("--")).collect();
    let all = targets()?;
    if let Some(unknown) = named.iter().find(|name| !all.contains(name)) {
        return Err(format!("unknown target `{unknown}`; the targets are {}", all.join(", ")).into());
    }
    let chosen: Vec<String> = if named.is_empty() { all } else { named.into_iter().cloned().collect() };
    let folder = Workspace::load()?.target_directory.join("fuzz");
    if seconds == 0 {
        return replay(&folder);
    }
    let fuzzer = Fuzzer { program: build(&folder)?, folder, seconds };
    if merges {
        return chosen.iter().try_for_each(|target| fuzzer.merge(target));
    }
    fuzzer.run_all(chosen)
}

/// Returns the names of the targets. Each has a folder with inputs.
fn targets() -> Result<Vec<String>> {
    Ok(paths(CORPORA.as_ref())?.iter().map(|path| name(path)).collect())
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Runs the committed inputs as a test, without libFuzzer.
fn replay(folder: &Path) -> Result {
    let mut test = command::cargo(["test", "--quiet", "--locked", "--manifest-path", MANIFEST, "--target-dir"]);
    command::run(test.arg(folder.join("replay")).env("RUSTFLAGS", DOORS))
}

/// Builds the targets for libFuzzer. With a named target, cargo passes the flags neither to build scripts nor to macros.
fn build(folder: &Path) -> Result<PathBuf> {
    if Command::new("c++").arg("--version").output().is_err() {
        return Err("c++ is not installed, and libFuzzer is written in C++; run `apt-get install g++`".into());
    }
    let version = command::output(Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).ok_or("rustc names no host")?;
    let mut build = command::cargo(["build", "--release", "--locked", "--features", "libfuzzer", "--target", host]);
    build.args(["--manifest-path", MANIFEST, "--target-dir"]).arg(folder);
    command::run(build.env("RUSTFLAGS", format!("{DOORS} {COVERAGE}")))?;
    Ok(folder.join(host).join("release/fuzz"))
}

struct Fuzzer {
    program: PathBuf,
    folder: PathBuf,
    seconds: u64,
}

impl Fuzzer {
    /// Runs as many targets at the same time as there are processors.
    fn run_all(&self, targets: Vec<String>) -> Result {
        let pending = Mutex::new(VecDeque::from(targets));
        let complaints = Mutex::new(Vec::new());
        let next = || pending.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        thread::scope(|scope| {
            for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
                scope.spawn(|| {
                    while let Some(target) = next() {
                        match self.run_one(&target) {
                            Ok(line) => println!("{line}"),
                            Err(Complaints(all)) => {
                                complaints.lock().unwrap_or_else(PoisonError::into_inner).extend(all);
                            }
                        }
                    }
                });
            }
        });
        let complaints = complaints.into_inner().unwrap_or_else(PoisonError::into_inner);
        if complaints.is_empty() { Ok(()) } else { Err(Complaints(complaints)) }
    }

    fn command(&self, target: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.env("FUZZ_TARGET", target).env("RUST_BACKTRACE", "1");
        command
    }

    /// Returns the folder of the inputs that were found here, which are not committed.
    fn found(&self, target: &str) -> Result<PathBuf> {
        let found = self.folder.join("corpus").join(target);
        create_folder(&found)?;
        Ok(found)
    }

    /// Runs one target, and returns a line about it. A failing input is saved among the committed ones.
    fn run_one(&self, target: &str) -> Result<String> {
        let path = self.folder.join(format!("{target}.log"));
        let cannot_write = |error| format!("cannot write `{}`: {error}", path.display());
        let log = File::create(&path).map_err(cannot_write)?;
        let mut fuzzer = self.command(target);
        fuzzer.arg(format!("-max_total_time={}", self.seconds)).arg(format!("-timeout={INPUT_TIMEOUT}"));
        fuzzer.arg(format!("-artifact_prefix={CORPORA}/{target}/regression-")).arg("-print_final_stats=1");
        // Inputs of a folder are longer than what is tried first.
        fuzzer.arg(format!("-max_len={}", self.max_len(target)?));
        fuzzer.arg(self.found(target)?).arg(format!("{CORPORA}/{target}"));
        let status = fuzzer.stdout(log.try_clone().map_err(cannot_write)?).stderr(log).status();
        let status = status.map_err(|error| format!("{target} did not start: {error}"))?;
        let log = fs::read(&path).map_err(cannot_write)?;
        let log = String::from_utf8_lossy(&log);
        if status.success() {
            return Ok(summary(target, &log));
        }
        let lines: Vec<_> = log.lines().filter(|line| !line.starts_with('#')).collect();
        let last = lines.get(lines.len().saturating_sub(60)..).unwrap_or_default().join("\n");
        Err(format!(
            "{last}\n{target} failed ({status}); its input is saved as `{CORPORA}/{target}/regression-…`: fix the fault and \
             commit the input, which then is a test"
        )
        .into())
    }

    /// Returns the longest input that the target takes.
    fn max_len(&self, target: &str) -> Result<String> {
        Ok(command::output(self.command(target).env("FUZZ_MAX_LEN", "1"))?.trim().to_owned())
    }

    /// Replaces the committed inputs of a target by the fewest that cover as much, together with the inputs that were
    /// found here. Inputs of faults stay.
    fn merge(&self, target: &str) -> Result {
        let committed = PathBuf::from(CORPORA).join(target);
        let merged = self.folder.join("merged").join(target);
        empty_folder(&merged)?;
        let mut merge = self.command(target);
        merge.args(["-set_cover_merge=1", "-verbosity=0"]).arg(format!("-max_len={}", self.max_len(target)?));
        command::run(merge.arg(&merged).arg(&committed).arg(self.found(target)?))?;
        for path in paths(&committed)?.iter().filter(|path| !name(path).starts_with("regression-")) {
            fs::remove_file(path).map_err(|error| format!("cannot remove `{}`: {error}", path.display()))?;
        }
        copy_files(&merged, "", &committed)
    }
}

/// Returns a line with the executions, their rate, and the coverage that the log of libFuzzer ends with.
fn summary(target: &str, log: &str) -> String {
    let number = |name: &str| {
        let line = log.lines().rev().find(|line| line.contains(name))?;
        line.split_once(name)?.1.split_whitespace().next()
    };
    let number = |name| number(name).unwrap_or("?");
    format!(
        "ok     {target:18} {:>10} inputs {:>7}/s, {:>6} edges, {:>5} new inputs",
        number("stat::number_of_executed_units:"),
        number("stat::average_exec_per_sec:"),
        number(" cov: "),
        number("stat::new_units_added:")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_numbers_of_log_are_shown() {
        let log = "#2\tINITED cov: 10 ft: 11\n#9\tDONE   cov: 123 ft: 456\nstat::number_of_executed_units: 789\n";
        let line = summary("jwt", log);
        assert!(line.contains(" 789 inputs") && line.contains(" 123 edges") && line.contains("? new"), "{line}");
    }
}
