//! Rows of the result table, with targets and results.

use crate::clock::{self, Work};

/// A benchmark of this project's code, with others that do the same.
pub struct Row {
    pub work: &'static str,
    pub ours: Work,
    pub others: Vec<(Work, Reach)>,
}

/// The kind of comparison, with an optional target ratio.
#[derive(Clone, Copy)]
pub enum Reach {
    /// Our time must be at most this many times the floor's time.
    Floor(Option<f64>),
    /// The peer's time must be at least this many times our time.
    Peer(Option<f64>),
}

impl Reach {
    fn ratio(self, ours: f64, other: f64) -> f64 {
        match self {
            Self::Floor(_) => ours / other,
            Self::Peer(_) => other / ours,
        }
    }

    fn is_missed(self, ratio: f64) -> bool {
        match self {
            Self::Floor(limit) => limit.is_some_and(|limit| ratio > limit),
            Self::Peer(limit) => limit.is_some_and(|limit| ratio < limit),
        }
    }

    fn shown(self, ratio: f64) -> String {
        let verdict = if self.is_missed(ratio) { "missed" } else { "reached" };
        match self {
            Self::Floor(None) | Self::Peer(None) => "-".into(),
            Self::Floor(Some(limit)) => format!("<= {limit:.1} x  {verdict}"),
            Self::Peer(Some(limit)) => format!(">= {limit:.1} x  {verdict}"),
        }
    }
}

pub fn print_header() {
    println!("{:42} {:>8}   {:30} {:>8} {:>9}   reach", "work", "ours, ns", "floor or peer", "its, ns", "ratio");
}

impl Row {
    /// Measures and prints the row. Returns whether a target is missed.
    pub fn measure_and_print(self) -> bool {
        let (others, reaches): (Vec<Work>, Vec<Reach>) = self.others.into_iter().unzip();
        let mut works: Vec<Work> = [self.ours].into_iter().chain(others).collect();
        let times = clock::measure(&mut works);
        let mut is_missed = false;
        for (at, reach) in (1..).zip(reaches) {
            let (ours, other, name) = (times[0], times[at], works[at].name);
            let (work, shown) = if at == 1 { (self.work, format!("{ours:.1}")) } else { ("", String::new()) };
            let ratio = reach.ratio(ours, other);
            println!("{work:42} {shown:>8}   {name:30} {other:>8.1} {ratio:>7.2} x   {}", reach.shown(ratio));
            is_missed |= reach.is_missed(ratio);
        }
        is_missed
    }
}
