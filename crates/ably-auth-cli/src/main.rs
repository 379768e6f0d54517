//! `ably-auth`: inspects, signs, verifies and exchanges Ably credentials, and serves a token service.

mod args;
mod clock;
mod command;
mod config;
mod credential;
mod describe;
mod draw;
mod hide;
mod input;
mod launcher;
mod manual;
mod output;
mod progress;
mod prompt;
mod terminal;
mod verdict;

use std::process::ExitCode;

use clap::FromArgMatches as _;

/// With musl's allocator, the service handles half as many requests.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let given: Vec<_> = std::env::args_os().collect();
    let wants_json = given.iter().any(|word| word == "--json");
    let words = match config::words(given) {
        Ok(words) => words,
        Err(failure) => return failure.show(wants_json),
    };
    let matches = match config::without_empty_variables(manual::program()).try_get_matches_from(&words.words) {
        Ok(matches) => matches,
        Err(error) => return output::usage(&error, config::variable_of(&error, &words.words).as_deref()),
    };
    let args = match args::Args::from_arg_matches(&matches) {
        Ok(args) => args,
        Err(error) => return output::usage(&error, None),
    };
    let effective =
        matches.subcommand().map(|(_, matches)| config::describe(matches, &words.from_file)).unwrap_or_default();
    let json = args.json;
    match command::run(args, &effective) {
        Ok(outcome) => outcome.show(json),
        Err(failure) => failure.show(json),
    }
}
