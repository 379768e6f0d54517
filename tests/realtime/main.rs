//! The cases of Ably's universal test suite that concern the authentication of a realtime connection, and the project's
//! own scenarios, as data on virtual time.
//!
//! `scenario.rs` has the form of the data. The name of a trial is the case's id in `tests/realtime-ids.txt`, or the
//! scenario's file and text, and then the face of the connection that plays it.

#[path = "../case_ids.rs"]
mod case_ids;
mod cases;
mod coverage;
mod lines;
mod machine;
mod options;
mod peer;
mod play;
mod proxied;
mod proxy;
mod scenario;
mod service;
mod websocket;
mod world;

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Trial};

fn main() -> ExitCode {
    let scenarios = Arc::new(scenario::all());
    let mut trials: Vec<Trial> = play::trials::<machine::Machine>(&scenarios, "machine");
    trials.extend(play::trials::<websocket::WebSocket>(&scenarios, "websocket"));
    trials.extend(cases::all());
    trials.extend(service::all());
    trials.extend(proxied::all());
    trials.extend(coverage::all(&trials));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
