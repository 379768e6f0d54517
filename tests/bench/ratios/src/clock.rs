//! Wall-clock times of alternating benchmarks.

#![allow(clippy::disallowed_methods, reason = "benchmarks measure time")]

use std::hint::black_box;
use std::time::{Duration, Instant};

/// Rounds are short, so that other programs on the machine disturb few of them.
const ROUND: Duration = Duration::from_micros(100);
const ROUNDS: usize = 2000;
const WARM_UP: Duration = Duration::from_millis(100);

/// A benchmark that runs its code a given number of times.
pub struct Work {
    pub name: &'static str,
    run: Box<dyn FnMut(u32)>,
    /// Number of answers that one run gives.
    answers: u32,
}

impl Work {
    pub fn new<T>(name: &'static str, mut work: impl FnMut() -> T + 'static) -> Self {
        let run = move |times| {
            for _ in 0..times {
                black_box(work());
            }
        };
        Self { name, run: Box::new(run), answers: 1 }
    }

    /// Creates a benchmark that runs the code once for each input.
    pub fn of_each<T: Copy + 'static, R>(
        name: &'static str,
        asked: &'static [T],
        mut work: impl FnMut(T) -> R + 'static,
    ) -> Self {
        let run = move |times| {
            for _ in 0..times {
                for one in asked {
                    black_box(work(black_box(*one)));
                }
            }
        };
        Self { name, run: Box::new(run), answers: asked.len() as u32 }
    }

    fn time(&mut self, times: u32) -> Duration {
        let start = Instant::now();
        (self.run)(times);
        start.elapsed()
    }

    /// Warms up, and returns the number of runs that fit into one round.
    fn times_a_round(&mut self) -> u32 {
        let start = Instant::now();
        let mut times = 0;
        while start.elapsed() < WARM_UP {
            (self.run)(8);
            times += 8;
        }
        let each = start.elapsed() / times;
        u32::try_from(ROUND.as_nanos() / each.as_nanos().max(1)).unwrap_or(u32::MAX).max(1)
    }
}

/// Measures the time of one answer of each benchmark, in ns: the median of rounds, in which the benchmarks alternate.
pub fn measure(works: &mut [Work]) -> Vec<f64> {
    let times: Vec<u32> = works.iter_mut().map(Work::times_a_round).collect();
    let mut rounds = vec![Vec::with_capacity(ROUNDS); works.len()];
    for _ in 0..ROUNDS {
        for ((work, times), rounds) in works.iter_mut().zip(&times).zip(&mut rounds) {
            rounds.push(work.time(*times).as_secs_f64() * 1e9 / f64::from(*times * work.answers));
        }
    }
    rounds.into_iter().map(median).collect()
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}
