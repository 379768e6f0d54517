//! Core, its peers and its lower bounds, with the same inputs, in one process, in alternating rounds.

mod asking;
mod clock;
#[allow(dead_code, reason = "the instruction counts use the rest")]
#[path = "../../inputs.rs"]
mod inputs;
mod signing;
mod table;

use std::process::ExitCode;

fn main() -> ExitCode {
    let options: Vec<String> = std::env::args().skip(1).collect();
    if let Some(unknown) = options.iter().find(|option| *option != "--strict") {
        eprintln!(
            "error: unknown option `{unknown}`; the only option is `--strict`, which fails if a target is missed"
        );
        return ExitCode::from(2);
    }
    let rows = [
        signing::sign(),
        signing::sign_params(),
        signing::sign_params_with_serde(),
        signing::mint(),
        signing::mint_params(),
        signing::verify(),
    ];
    table::print_header();
    let mut is_missed = false;
    for row in rows.into_iter().chain(asking::rows()) {
        is_missed |= row.measure_and_print();
    }
    println!("(medians of alternating rounds; the ratio is our time to the floor, or the peer's time to ours)");
    if is_missed && !options.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
