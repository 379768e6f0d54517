//! `ably-auth completions`

use clap::CommandFactory as _;
use clap_complete::{Shell, generate};

use crate::args::Args;
use crate::output::Outcome;

pub(crate) fn run(shell: Shell) -> Outcome {
    // Not straight to stdout: what writes it panics where a reader goes away.
    let mut script = Vec::new();
    let mut command = Args::command();
    let name = command.get_name().to_owned();
    generate(shell, &mut command, name, &mut script);
    Outcome::text(String::from_utf8_lossy(&script).trim_end())
}
