//! A report of steps that all run, even after one has failed, and a clock for tables.

use std::ops::AddAssign;
use std::time::Instant;

use crate::{Complaints, Result};

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Tally {
    pub passed: usize,
    pub failed: usize,
    pub skipped: usize,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

#[derive(Default)]
pub(crate) struct Report {
    summary: Vec<String>,
    total: Tally,
    failed: bool,
}

impl Report {
    pub(crate) fn step(&mut self, name: &str, work: impl FnOnce() -> Result) {
        self.counted(name, |_| work());
    }

    /// Runs a step that counts its tests; the counts are kept even if the step fails.
    pub(crate) fn counted(&mut self, name: &str, work: impl FnOnce(&mut Tally) -> Result) {
        println!("\n== {name}");
        let mut tally = Tally::default();
        let outcome = work(&mut tally);
        let Tally { passed, failed, .. } = tally;
        let counts = if passed + failed > 0 { format!(": {passed} passed, {failed} failed") } else { String::new() };
        if let Err(complaints) = &outcome {
            eprint!("{complaints}");
            self.failed = true;
            // A step that fails before its tests counts as one failure, so that the totals never show 0.
            tally.failed = failed.max(1);
        }
        self.summary.push(format!("{} {name}{counts}", if outcome.is_ok() { "ok    " } else { "FAILED" }));
        self.total += tally;
    }

    /// Prints one line for each step, and returns the totals.
    pub(crate) fn finish(self) -> (Tally, Result) {
        println!("\n{}", self.summary.join("\n"));
        // Each step has printed its complaints already.
        (self.total, if self.failed { Err(Complaints(Vec::new())) } else { Ok(()) })
    }
}

/// A clock for tables that show the seconds of each part.
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "a table shows the time that each part took")]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Returns the seconds since the start or the last call.
    pub(crate) fn lap(&mut self) -> f64 {
        let seconds = self.0.elapsed().as_secs_f64();
        *self = Self::start();
        seconds
    }
}
