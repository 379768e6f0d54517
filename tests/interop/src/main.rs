//! The service and our JWTs as programs of others see them: Ably's SDKs, schemathesis, other JWT libraries, and a browser.
//!
//! `interop sdks|openapi|vectors|packages|browser`, in the root of the project. The programs are installed under `target/interop`, from npm
//! and PyPI.

mod browser;
mod first_lines;
mod matrix;
mod openapi;
mod packages;
mod programs;
mod sdks;
mod servers;
mod vectors;

use std::process::{Command, ExitCode};

/// Error messages.
type Result<T = ()> = std::result::Result<T, Vec<String>>;

fn main() -> ExitCode {
    let task = std::env::args().nth(1);
    let done = match task.as_deref() {
        Some("sdks") => sdks::run(),
        Some("openapi") => openapi::run(),
        Some("vectors") => vectors::run(),
        Some("packages") => packages::run(),
        Some("browser") => browser::run(std::env::args().any(|option| option == "--screenshots")),
        _ => Err(vec!["invalid task; give `sdks`, `openapi`, `vectors`, `packages` or `browser`".into()]),
    };
    let Err(complaints) = done else { return ExitCode::SUCCESS };
    complaints.iter().for_each(|complaint| eprintln!("error: {complaint}"));
    ExitCode::FAILURE
}

/// Runs a command with its output passed through.
fn run(command: &mut Command) -> Result {
    let line = format!("{} {:?}", command.get_program().to_string_lossy(), command.get_args().collect::<Vec<_>>());
    println!("$ {line}");
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(vec![format!("`{line}` failed ({status}); its output above says why")]),
        Err(error) => Err(vec![format!("`{line}` did not start: {error}")]),
    }
}
