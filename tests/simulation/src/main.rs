//! Runs the service, its stores and its clients in one process, on virtual time, with faults that a seed chooses.
//!
//! - `simulation [COUNT] [FIRST]` runs COUNT seeds from FIRST on, on all processors.
//! - `simulation --replay SEED` runs one seed, and prints what happens.

mod clients;
mod connections;
mod disk;
mod entropy;
mod faults;
mod oracle;
mod plan;
mod redis;
mod response;
mod run;
mod trace;
mod world;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use run::{Outcome, run};

const DEFAULT_SEEDS: u64 = 2_000;

/// Every so many seeds, one runs twice, and both runs must be the same.
const TWICE: u64 = 50;

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let number = |nth: usize| args.get(nth).and_then(|text| text.parse().ok());
    if args.first().is_some_and(|first| first == "--replay") {
        let Some(seed) = number(1) else {
            eprintln!("give the seed to replay, such as `--replay 17`");
            return ExitCode::FAILURE;
        };
        tracing_subscriber::fmt().without_time().with_target(false).init();
        let outcome = run(seed, true);
        println!("\nseed {seed}: {}", outcome.failure.as_deref().unwrap_or("every promise was kept"));
        println!("digest {}", outcome.digest);
        return if outcome.failure.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
    }
    let (count, first) = (number(0).unwrap_or(DEFAULT_SEEDS), number(1).unwrap_or(1));
    run_all(first, count)
}

fn run_all(first: u64, count: u64) -> ExitCode {
    let start = Instant::now();
    let (next, has_failed) = (AtomicU64::new(first), AtomicBool::new(false));
    let totals: Mutex<(BTreeMap<String, u64>, u64)> = Mutex::default();
    let worker = || {
        loop {
            let seed = next.fetch_add(1, Ordering::SeqCst);
            if seed >= first + count || has_failed.load(Ordering::SeqCst) {
                break;
            }
            let outcome = run(seed, false);
            let differs = seed % TWICE == 0 && outcome.failure.is_none() && run(seed, false).digest != outcome.digest;
            let mut totals = totals.lock().unwrap();
            totals.1 += outcome.millis;
            for (what, count) in &outcome.counts {
                *totals.0.entry(what.clone()).or_default() += count;
            }
            if differs {
                println!("seed {seed}: two runs differ, so a failure could not be replayed");
            }
            if outcome.failure.is_some() {
                report(seed, &outcome);
            }
            if differs || outcome.failure.is_some() {
                has_failed.store(true, Ordering::SeqCst);
                println!("found after {} seeds and {:.1} s", seed - first + 1, start.elapsed().as_secs_f64());
            }
        }
    };
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| (0..workers).for_each(|_| drop(scope.spawn(worker))));
    let (counts, millis) = &*totals.lock().unwrap();
    if has_failed.load(Ordering::SeqCst) {
        return ExitCode::FAILURE;
    }
    for (what, count) in counts {
        println!("{count:>10}  {what}");
    }
    let hours = *millis as f64 / 3_600_000.0;
    println!(
        "{count} seeds, {hours:.1} hours of virtual time in {:.0} s: every promise was kept",
        start.elapsed().as_secs_f64()
    );
    ExitCode::SUCCESS
}

fn report(seed: u64, outcome: &Outcome) {
    println!("{:?}", outcome.plan);
    outcome.last.iter().for_each(|line| println!("{line}"));
    println!("seed {seed}: {}", outcome.failure.as_deref().unwrap_or_default());
    println!("replay it: cargo xtask simulate --replay {seed}");
}
