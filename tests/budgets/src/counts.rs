//! Instruction counts of the benchmarks, and the committed baseline that they are compared with.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::{fs, io};

use serde::{Deserialize, Serialize};

use crate::Result;

/// Allowed growth over the baseline, in per cent. A different compiler version changes counts by as much.
const TOLERANCE: u64 = 5;

/// Instruction counts by benchmark name.
///
/// Instructions of SHA-256 itself are excluded: it is not our code, and valgrind does not support the SHA instructions
/// of processors, so the software fallback would dominate every count.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
#[serde(transparent)]
struct Counts(BTreeMap<String, u64>);

/// The committed baseline of the benchmarks of one part of the product.
struct Baseline {
    path: String,
    /// The command that saves new counts.
    save: String,
}

/// Compares the counts of gungraun's summaries for `part` with the part's baseline, or saves them as the baseline.
pub(crate) fn run(part: &str, save: bool) -> Result {
    let baseline = Baseline {
        path: format!("tests/bench/{part}-instructions/baseline.json"),
        save: format!("cargo xtask bench {part} --instructions --save"),
    };
    let summaries = io::read_to_string(io::stdin()).map_err(|error| vec![format!("cannot read the input: {error}")])?;
    let counts = Counts::read(&summaries)?;
    if save {
        baseline.write(&counts)?;
    }
    let complaints = counts.compare(&baseline.read()?, &baseline);
    if complaints.is_empty() { Ok(()) } else { Err(complaints) }
}

/// gungraun's summary of one benchmark.
#[derive(Deserialize)]
struct Summary {
    function_name: String,
    id: String,
    output_dir: PathBuf,
}

impl Baseline {
    fn read(&self) -> Result<Counts> {
        let Self { path, save } = self;
        let text = fs::read_to_string(path)
            .map_err(|error| vec![format!("cannot read `{path}`: {error}; create it with `{save}`")])?;
        serde_json::from_str(&text).map_err(|error| vec![format!("cannot parse `{path}`: {error}")])
    }

    fn write(&self, counts: &Counts) -> Result {
        let failed = |error: io::Error| vec![format!("cannot write `{}`: {error}", self.path)];
        let text = serde_json::to_string_pretty(counts).map_err(|error| failed(error.into()))?;
        fs::write(&self.path, text + "\n").map_err(failed)
    }
}

impl Counts {
    /// Reads gungraun's summaries, one JSON object a line, and the callgrind profile that each of them names.
    fn read(summaries: &str) -> Result<Self> {
        let mut counts = BTreeMap::new();
        for line in summaries.lines() {
            let summary: Summary = serde_json::from_str(line).map_err(|error| {
                vec![format!("cannot parse gungraun's output: {error}; check whether its format has changed")]
            })?;
            let name = format!("{}.{}", summary.function_name, summary.id);
            let profile = summary.output_dir.join(format!("callgrind.{name}.out"));
            counts.insert(name, count_in(&profile)?);
        }
        if counts.is_empty() {
            return Err(vec!["gungraun ran no benchmark; add one to `tests/bench`".into()]);
        }
        Ok(Self(counts))
    }

    /// Prints each count next to its baseline, and returns a complaint for each that exceeds the tolerance.
    fn compare(&self, baseline: &Self, Baseline { path, save }: &Baseline) -> Vec<String> {
        println!("\n{:36} {:>10} {:>10}   change", "instructions, without SHA-256", "baseline", "now");
        let names: BTreeSet<&String> = self.0.keys().chain(baseline.0.keys()).collect();
        let mut complaints = Vec::new();
        for name in names {
            let (Some(&was), Some(&is)) = (baseline.0.get(name), self.0.get(name)) else {
                complaints.push(format!(
                    "`{name}` is missing in the benchmarks or in `{path}`; update the baseline with `{save}`"
                ));
                continue;
            };
            println!("{name:36} {was:>10} {is:>10} {:>+8.2} %", (is as f64 / was as f64 - 1.0) * 100.0);
            if is * 100 > was * (100 + TOLERANCE) {
                complaints.push(format!(
                    "`{name}` takes {is} instructions, more than {TOLERANCE} % over its baseline of {was}; make it faster, or accept \
                     the new count with `{save}`"
                ));
            }
        }
        let shrunk = self.shrunk(baseline);
        if !shrunk.is_empty() {
            println!("\nfar below their baseline: `{}`; lower the baseline with `{save}`", shrunk.join("`, `"));
        }
        complaints
    }

    /// Returns the benchmarks so far below their baseline that it no longer detects a regression.
    fn shrunk(&self, baseline: &Self) -> Vec<&str> {
        let is_less =
            |(name, is): &(&String, &u64)| baseline.0.get(*name).is_some_and(|was| *is * 100 < was * (100 - TOLERANCE));
        self.0.iter().filter(is_less).map(|(name, _)| name.as_str()).collect()
    }
}

fn count_in(profile: &Path) -> Result<u64> {
    let text = fs::read_to_string(profile).unwrap_or_default();
    count(&text)
        .ok_or_else(|| vec![format!("`{}` is not a callgrind profile in the expected format", profile.display())])
}

/// Returns the total number of instructions in a profile, except those of SHA-256.
fn count(profile: &str) -> Option<u64> {
    // A call is written as `cfn=NAME`, `calls=…` and a line with the position and the instruction count.
    let mut of_sha_256 = 0;
    let mut lines = profile.lines();
    while let Some(line) = lines.next() {
        let is_sha_256 = |name: &str| name.contains("sha256") && name.contains("compress");
        if line.strip_prefix("cfn=").is_some_and(is_sha_256) {
            of_sha_256 += number(lines.nth(1)?)?;
        }
    }
    number(profile.lines().find(|line| line.starts_with("summary: "))?)?.checked_sub(of_sha_256)
}

fn number(line: &str) -> Option<u64> {
    line.split(' ').nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(count: u64) -> Counts {
        Counts([("sign".into(), count)].into())
    }

    fn complaints(counts: &Counts, saved: &Counts) -> Vec<String> {
        counts.compare(saved, &Baseline { path: "baseline.json".into(), save: "save".into() })
    }

    #[test]
    fn five_per_cent_over_is_the_limit() {
        assert_eq!(complaints(&counts(10_500), &counts(10_000)), [] as [&str; 0]);
        let complaints = complaints(&counts(10_501), &counts(10_000)).concat();
        assert!(
            complaints.starts_with("`sign` takes 10501 instructions, more than 5 % over its baseline"),
            "{complaints}"
        );
    }

    #[test]
    fn baseline_far_above_count_is_reported() {
        assert_eq!(counts(9_500).shrunk(&counts(10_000)), [] as [&str; 0]);
        assert_eq!(counts(9_499).shrunk(&counts(10_000)), ["sign"]);
        assert_eq!(complaints(&counts(9_499), &counts(10_000)), [] as [&str; 0]);
    }

    #[test]
    fn name_in_only_one_of_counts_and_baseline_is_reported() {
        let none = Counts(BTreeMap::new());
        assert_eq!(complaints(&counts(1), &none).len(), 1);
        assert_eq!(complaints(&none, &counts(1)).len(), 1);
    }

    #[test]
    fn sha_256_is_excluded_from_count() {
        let profile = "events: Ir Dr\nsummary: 100 7\n\nfn=sign\n12 8 1\ncfn=sha2::sha256::soft::compress\ncalls=2 9\n13 60 4\n\
                       cfn=memcpy\ncalls=1 0\n14 2 1\ncfn=sha2::sha256::soft::compress\ncalls=1 9\n15 30 2\n\
                       fn=sha2::sha256::soft::compress\n20 90 6\ntotals: 100 7\n";
        assert_eq!(count(profile), Some(10));
        assert_eq!(count("no profile"), None);
    }
}
