//! The cases of Ably's universal test suite that concern authentication, with both clients, over real sockets.
//!
//! A case's name is its id in `tests/spec-ids.txt`, and which client it is run with. Beside them stand scenarios of our own.

mod cases;
mod harness;
mod scenarios;
#[path = "../clients/support.rs"]
mod service;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

fn main() -> ExitCode {
    let trials: Vec<Trial> = cases::all().into_iter().chain(scenarios::all()).collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
