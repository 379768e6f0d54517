//! Rows, what they are to reach, and what they did.

use crate::clock::{self, Work};

/// One work of ours, beside others that do the same.
pub struct Row {
    pub work: &'static str,
    pub ours: Work,
    pub others: Vec<(Work, Reach)>,
}

#[derive(Clone, Copy)]
pub enum Reach {
    /// We take no more than so many times its time.
    Within(f64),
    /// It takes at least so many times our time.
    Beyond(f64),
    /// Only to be seen.
    None,
}

impl Reach {
    fn ratio(self, ours: f64, other: f64) -> f64 {
        match self {
            Self::Within(_) => ours / other,
            Self::Beyond(_) | Self::None => other / ours,
        }
    }

    fn is_missed(self, ratio: f64) -> bool {
        match self {
            Self::Within(limit) => ratio > limit,
            Self::Beyond(limit) => ratio < limit,
            Self::None => false,
        }
    }

    fn shown(self, ratio: f64) -> String {
        let verdict = if self.is_missed(ratio) { "missed" } else { "reached" };
        match self {
            Self::Within(limit) => format!("<= {limit:.1} x  {verdict}"),
            Self::Beyond(limit) => format!(">= {limit:.1} x  {verdict}"),
            Self::None => "-".into(),
        }
    }
}

pub fn print_header() {
    println!("{:42} {:>8}   {:30} {:>8} {:>9}   reach", "work", "ours, ns", "floor or peer", "its, ns", "ratio");
}

impl Row {
    /// Whether a reach is missed.
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
