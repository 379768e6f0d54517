//! The cases of Ably's universal test suite that concern the authentication of a realtime connection, and the project's
//! own scenarios, as data on virtual time. The suite's integration and proxy cases are played over real sockets, with our
//! service.
//!
//! `scenario.rs` has the form of the data. The name of a trial is the case's id in `tests/realtime-ids.txt`, or the
//! scenario's file and text, and then the face of the connection that plays it.

#[path = "../case_ids.rs"]
mod case_ids;
mod cases;
mod client;
mod coverage;
mod fault_proxy;
mod integration;
mod lines;
mod machine;
mod options;
mod peer;
mod play;
mod proxy;
mod scenario;
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
    trials.extend(integration::all());
    trials.extend(proxy::all());
    trials.extend(coverage::all(&trials));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
