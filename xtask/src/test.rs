//! All tests of the workspace.

use std::process::Command;

use crate::report::{Report, Tally};
use crate::{Result, command, suites};

/// Options of each `cargo test` run. Core runs again in each of its feature tiers.
const SUITES: &[&[&str]] = &[
    &["--workspace", "--all-features"],
    &["-p", "ably-auth-core", "--no-default-features"],
    &["-p", "ably-auth-core", "--no-default-features", "--features", "alloc"],
    &["-p", "ably-auth-core", "--no-default-features", "--features", "serde"],
    // Without the tests in its `tests/`: the first suite runs them, with the same features.
    &["-p", "ably-auth-core", "--lib"],
    &["-p", "ably-auth-core", "--doc"],
];

pub(crate) fn run(_: &[String]) -> Result {
    let mut report = Report::default();
    for suite in SUITES {
        report.counted(&format!("cargo test {}", suite.join(" ")), |tally| {
            count_into(tally, command::cargo(["test", "--no-fail-fast"]).args(*suite))
        });
    }
    report.step("probe", || suites::probe(&[]));

    let (Tally { passed, failed, skipped }, outcome) = report.finish();
    println!("{passed} passed, {failed} failed, {skipped} skipped");
    outcome
}

/// Runs tests and counts them, even if some fail.
pub(crate) fn count_into(tally: &mut Tally, tests: &mut Command) -> Result {
    command::watch(tests, |line| {
        *tally += count(line).unwrap_or_default();
    })?;
    if tally.passed + tally.failed == 0 {
        return Err("no test ran; add tests to the suite, or remove it from SUITES".into());
    }
    Ok(())
}

/// Parses a line such as `test result: ok. 5 passed; 0 failed; 1 ignored; …`.
fn count(line: &str) -> Option<Tally> {
    let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let number = |what| counts.split("; ").find_map(|part| part.strip_suffix(what)?.trim().parse().ok());
    Some(Tally { passed: number("passed")?, failed: number("failed")?, skipped: number("ignored")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn harness_totals_are_parsed() {
        let line = "test result: FAILED. 12 passed; 3 failed; 1 ignored; 0 measured; 7 filtered out; finished in 0.01s";
        assert_eq!(count(line), Some(Tally { passed: 12, failed: 3, skipped: 1 }));
        assert_eq!(count("test cache::renewal ... ok"), None);
    }
}
