//! Compares what was measured with the committed budgets, in the root of the project.
//!
//! `budgets counts PART [--save]` reads gungraun's output for a part of the product from standard input.
//! `budgets sizes [--accept] NAME=IMAGE[=STACK]...` measures linked images; `STACK` is the peak stack of the run.

mod counts;
mod image;
mod sizes;

use std::process::ExitCode;

/// Error messages.
type Result<T = ()> = std::result::Result<T, Vec<String>>;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (options, values): (Vec<&str>, Vec<&str>) =
        args.iter().skip(1).map(String::as_str).partition(|arg| arg.starts_with("--"));
    let done = match (args.first().map(String::as_str), options.as_slice(), values.as_slice()) {
        (Some("counts"), [] | ["--save"], [part]) => counts::run(part, !options.is_empty()),
        (Some("sizes"), [] | ["--accept"], images) => sizes::run(!options.is_empty(), images),
        _ => Err(vec!["invalid arguments; see the start of `tests/budgets/src/main.rs`".into()]),
    };
    let Err(complaints) = done else { return ExitCode::SUCCESS };
    complaints.iter().for_each(|complaint| eprintln!("error: {complaint}"));
    ExitCode::FAILURE
}
