//! The cases of Ably's universal test suite that concern authentication, with both clients, over real sockets.
//!
//! The name of a trial is the case's id in `tests/spec-ids.txt` and the client. The project's own scenarios are run
//! too.

#[path = "../case_ids.rs"]
mod case_ids;
mod cases;
mod coverage;
mod harness;
mod scenarios;
#[path = "../clients/support.rs"]
mod service;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

fn main() -> ExitCode {
    let mut trials: Vec<Trial> = cases::all().into_iter().chain(scenarios::all()).collect();
    trials.extend(coverage::all(&trials));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
