//! The accepted survivors, and their comparison with the outcome of a run.

use std::collections::BTreeMap;

use super::KNOWN;
use crate::Result;

/// Numbers of mutants by name. Changes of the same kind in one function share a name, which has no line number, so that
/// it stays the same while other code changes.
type Counts = BTreeMap<String, usize>;

/// The lists of mutants that cargo-mutants writes.
#[derive(Clone, Copy)]
pub(super) enum List {
    All,
    Caught,
    Timeout,
    Unviable,
    Survived,
}

impl List {
    /// The lists of a run, in files of its folder.
    pub(super) const RESULTS: [(Self, &str); 4] = [
        (Self::Caught, "caught.txt"),
        (Self::Timeout, "timeout.txt"),
        (Self::Unviable, "unviable.txt"),
        (Self::Survived, "missed.txt"),
    ];
}

/// The mutants of a run by name.
#[derive(Default)]
pub(super) struct Outcome {
    /// All mutants of all suites, also those that a file, a diff or a shard leaves out.
    listed: Counts,
    caught: Counts,
    timeout: Counts,
    unviable: Counts,
    survived: Counts,
}

impl Outcome {
    /// Adds a list that cargo-mutants wrote.
    pub(super) fn add(&mut self, list: List, lines: &str) {
        let counts = match list {
            List::All => &mut self.listed,
            List::Caught => &mut self.caught,
            List::Timeout => &mut self.timeout,
            List::Unviable => &mut self.unviable,
            List::Survived => &mut self.survived,
        };
        for line in lines.lines() {
            *counts.entry(stable_name(line)).or_default() += 1;
        }
    }

    /// Returns a line with the number of mutants for each outcome.
    pub(super) fn summary(&self) -> String {
        let sum = |counts: &Counts| counts.values().sum::<usize>();
        let [caught, timeout, unviable, survived] =
            [&self.caught, &self.timeout, &self.unviable, &self.survived].map(sum);
        format!(
            "{} of {} mutants: {caught} caught, {timeout} timed out, {unviable} did not compile, {survived} survived",
            caught + timeout + unviable + survived,
            sum(&self.listed)
        )
    }

    /// Returns whether all mutants of this name were tested.
    fn is_complete(&self, name: &str) -> bool {
        let lists = [&self.caught, &self.timeout, &self.unviable, &self.survived];
        lists.into_iter().map(|counts| count(counts, name)).sum::<usize>() == count(&self.listed, name)
    }
}

fn count(counts: &Counts, name: &str) -> usize {
    counts.get(name).copied().unwrap_or_default()
}

/// Removes line and column: `a.rs:12:5: replace …` becomes `a.rs: replace …`.
fn stable_name(line: &str) -> String {
    let Some((place, change)) = line.split_once(": ") else { return line.to_owned() };
    let file = place.trim_end_matches(|character: char| character.is_ascii_digit() || character == ':');
    format!("{file}: {change}")
}

/// The accepted survivors. A name that is listed twice permits two survivors.
#[derive(Debug)]
pub(super) struct Known(Counts);

impl Known {
    /// Parses names, one a line, each group with an indented reason below it. Lines with `#` are comments.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let mut known = Counts::new();
        let mut pending = None;
        let mut previous_is_reason = false;
        for line in text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
            let is_reason = line.starts_with(' ');
            if is_reason {
                if pending.take().is_none() && !previous_is_reason {
                    return Err(format!("`{KNOWN}` begins with a reason; put the mutant's name above it").into());
                }
            } else {
                *known.entry(line.to_owned()).or_default() += 1;
                pending = Some(line);
            }
            previous_is_reason = is_reason;
        }
        match pending {
            None => Ok(Self(known)),
            Some(name) => Err(format!("`{KNOWN}` has no reason for `{name}`; write it below, indented").into()),
        }
    }

    /// Compares the survivors with the accepted ones. Returns a complaint for each difference.
    pub(super) fn compare(&self, outcome: &Outcome) -> Vec<String> {
        let mut complaints = Vec::new();
        for (name, &survived) in &outcome.survived {
            let accepted = count(&self.0, name);
            if survived > accepted {
                complaints.push(format!(
                    "no test notices this change: {name} ({survived} survived, {accepted} accepted); add a test that fails \
                     with it, or add the line to `{KNOWN}` with the reason why no test can"
                ));
            }
        }
        for (name, &accepted) in &self.0 {
            let survived = count(&outcome.survived, name);
            if count(&outcome.listed, name) == 0 {
                complaints.push(format!("this change no longer exists: {name}; remove it from `{KNOWN}`"));
            } else if outcome.is_complete(name) && survived < accepted {
                complaints.push(format!(
                    "tests notice this change: {name} ({survived} survived, {accepted} accepted); remove it from `{KNOWN}`"
                ));
            }
        }
        complaints
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWICE: &str = "src/a.rs: delete ! in f";
    const ONCE: &str = "src/a.rs: replace g -> Map<K, V> with Default::default()";

    /// Returns the complaints of a run over the two changes of `TWICE` and the one of `ONCE`.
    fn complaints(known: &str, caught: &str, survived: &str) -> Vec<String> {
        let mut outcome = Outcome::default();
        outcome.add(List::All, &format!("{TWICE}\n{TWICE}\n{ONCE}\n"));
        outcome.add(List::Caught, caught);
        outcome.add(List::Survived, survived);
        Known::parse(known).unwrap().compare(&outcome)
    }

    #[test]
    fn line_and_column_are_no_part_of_name() {
        assert_eq!(stable_name("src/v2.rs:12:34: replace g -> u8 with 1"), "src/v2.rs: replace g -> u8 with 1");
        assert_eq!(
            stable_name("src/v2.rs: replace > with == in <impl A for b::C>::d"),
            "src/v2.rs: replace > with == in <impl A for b::C>::d"
        );
    }

    #[test]
    fn new_survivor_is_reported_with_advice() {
        let survived = "src/a.rs:7:9: delete ! in f\nsrc/a.rs:8:9: delete ! in f\n";
        let [complaint] = &complaints(&format!("{TWICE}\n  reason\n"), "", survived)[..] else { panic!("not one") };
        assert!(complaint.contains("delete ! in f (2 survived, 1 accepted); add a test"), "{complaint}");
        assert_eq!(complaints(&format!("{TWICE}\n{TWICE}\n  reason\n"), "", survived), [""; 0]);
    }

    #[test]
    fn accepted_change_that_tests_notice_is_reported() {
        let known = format!("# heading\n\n{TWICE}\n  a reason\n  of two lines\n");
        let caught = "src/a.rs:7:9: delete ! in f\nsrc/a.rs:8:9: delete ! in f\n";
        let [complaint] = &complaints(&known, caught, "")[..] else { panic!("not one") };
        assert!(complaint.starts_with("tests notice this change: src/a.rs: delete ! in f"), "{complaint}");
        // The other change of this name may be the one that survives.
        assert_eq!(complaints(&known, "src/a.rs:7:9: delete ! in f\n", ""), [""; 0]);
        assert_eq!(complaints(&known, "", ""), [""; 0]);
    }

    #[test]
    fn accepted_change_that_no_longer_exists_is_reported() {
        let [complaint] = &complaints("src/b.rs: delete - in h\n  reason\n", "", "")[..] else { panic!("not one") };
        assert!(complaint.starts_with("this change no longer exists: src/b.rs: delete - in h"), "{complaint}");
    }

    #[test]
    fn name_without_reason_is_rejected() {
        assert!(Known::parse(&format!("{TWICE}\n{ONCE}\n  reason of both\n")).is_ok());
        for text in [format!("{TWICE}\n  reason\n{ONCE}\n"), "  reason\n".into()] {
            assert!(Known::parse(&text).is_err(), "{text}");
        }
    }

    #[test]
    fn summary_counts_each_outcome() {
        let mut outcome = Outcome::default();
        outcome.add(List::All, &format!("{TWICE}\n{TWICE}\n{ONCE}\n"));
        outcome.add(List::Caught, TWICE);
        outcome.add(List::Unviable, ONCE);
        let summary = "2 of 3 mutants: 1 caught, 0 timed out, 1 did not compile, 0 survived";
        assert_eq!(outcome.summary(), summary);
    }
}
