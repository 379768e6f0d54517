//! The time to build the program from nothing, and the crates that take the most of it.

use std::path::Path;

use serde::Deserialize;

use crate::files::{empty_folder, paths, read};
use crate::report::Stopwatch;
use crate::{Result, command};

/// The number of crates that are printed.
const HEAVIEST: usize = 5;

/// A unit of a build, as cargo's report has it.
#[derive(Debug, Deserialize, PartialEq)]
struct Unit {
    name: String,
    version: String,
    /// The seconds of the unit.
    duration: f64,
}

/// Builds the program as the README's first command does, in an empty folder. Prints the time and the heaviest crates.
pub(super) fn measure(target: &Path) -> Result {
    let folder = target.join("bench/build");
    empty_folder(&folder)?;
    let mut watch = Stopwatch::start();
    let mut build =
        command::cargo(["build", "--quiet", "--release", "--locked", "--timings", "--package", "ably-auth-cli"]);
    command::run(build.arg("--target-dir").arg(&folder))?;
    println!("\n{:.0} s from nothing to the program", watch.lap());
    let reports = paths(&folder.join("cargo-timings"))?;
    let report = reports.first().ok_or("cargo wrote no report of timings; check whether its format has changed")?;
    let mut units = units(&read(report)?)
        .ok_or_else(|| format!("cannot read `{}`; check whether cargo's format has changed", report.display()))?;
    units.sort_by(|a, b| b.duration.total_cmp(&a.duration));
    for Unit { name, version, duration } in units.iter().take(HEAVIEST) {
        println!("{duration:>6.1} s  {name} {version}");
    }
    Ok(())
}

/// Reads the units from cargo's report, a page with a script.
fn units(page: &str) -> Option<Vec<Unit>> {
    let (_, from) = page.split_once("const UNIT_DATA = ")?;
    let units = serde_json::Deserializer::from_str(from).into_iter().next()?;
    units.ok()
}

#[cfg(test)]
mod tests {
    use super::{Unit, units};

    #[test]
    fn units_are_read_from_report() {
        let page = "<script>\nDURATION = 3;\nconst UNIT_DATA = [\n  {\"i\": 0, \"name\": \"ring\", \"version\": \"0.17.14\", \
                    \"mode\": \"todo\", \"duration\": 2.5}\n];\nconst CONCURRENCY_DATA = [];</script>";
        let ring = Unit { name: "ring".into(), version: "0.17.14".into(), duration: 2.5 };
        assert_eq!(units(page), Some(vec![ring]));
        assert_eq!(units("<script></script>"), None);
    }
}
