//! Core beside its peers and its floors: the same inputs, in one process, in turns.

mod asking;
mod clock;
#[allow(dead_code, reason = "some is for the counting of instructions only")]
#[path = "../../inputs.rs"]
mod inputs;
mod signing;
mod table;

use std::process::ExitCode;

fn main() -> ExitCode {
    let options: Vec<String> = std::env::args().skip(1).collect();
    if let Some(unknown) = options.iter().find(|option| *option != "--strict") {
        eprintln!("error: no option `{unknown}`; there is `--strict`, which fails where a reach is missed");
        return ExitCode::from(2);
    }
    let rows = [signing::sign(), signing::sign_params(), signing::mint(), signing::mint_params(), signing::verify()];
    table::print_header();
    let mut is_missed = false;
    for row in rows.into_iter().chain(asking::rows()) {
        is_missed |= row.measure_and_print();
    }
    println!("(medians of rounds in turns; how many times the floor we take, or the peer takes what we do)");
    if is_missed && !options.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
