//! `ably-auth`: inspect, sign, check and exchange Ably credentials, and serve a token service, from a terminal.

mod args;
mod clock;
mod command;
mod describe;
mod draw;
mod hide;
mod input;
mod output;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let args = match args::Args::try_parse() {
        Ok(args) => args,
        Err(error) => return output::usage(&error),
    };
    let json = args.json;
    match command::run(args) {
        Ok(outcome) => outcome.show(json),
        Err(failure) => failure.show(json),
    }
}
