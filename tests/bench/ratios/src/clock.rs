//! Wall-clock time, of works that take turns.

#![allow(clippy::disallowed_methods, reason = "time is what is measured here")]

use std::hint::black_box;
use std::time::{Duration, Instant};

/// Rounds are short, so that what else runs on the machine spoils few of them.
const ROUND: Duration = Duration::from_micros(100);
const ROUNDS: usize = 2000;
const WARM_UP: Duration = Duration::from_millis(100);

/// Something to be timed: it does its work as many times as it is told.
pub struct Work {
    pub name: &'static str,
    run: Box<dyn FnMut(u32)>,
    /// How many answers one run of the work gives.
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

    /// Work that is asked several things in turn.
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

    /// Warms up, and finds how often it goes into a round.
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

/// The time of one answer of each work, in nanoseconds: the median of rounds in which they take turns.
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
