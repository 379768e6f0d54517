//! Running cargo and other programs.

use std::io::{BufRead, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::{env, ffi::OsStr};

use crate::Result;

/// Returns a `cargo` command with the environment of a shell.
pub(crate) fn cargo<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut cargo = program(&env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(args);
    cargo
}

/// Returns a command of a program that runs cargo, with the environment of a shell.
///
/// `cargo run` sets variables that describe the package xtask. Build scripts that watch them (ring's does) would be
/// rerun each time that xtask and a shell alternate.
pub(crate) fn program(name: &OsStr) -> Command {
    let mut program = Command::new(name);
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) {
            program.env_remove(name);
        }
    }
    program
}

/// Runs a command with its output passed through.
pub(crate) fn run(command: &mut Command) -> Result {
    run_accepting(command, &[])
}

/// Runs a command with its output passed through. These exit codes are no failure.
pub(crate) fn run_accepting(command: &mut Command, codes: &[i32]) -> Result {
    let line = print_command(command);
    match command.status() {
        Ok(status) if status.success() || status.code().is_some_and(|code| codes.contains(&code)) => Ok(()),
        Ok(status) => Err(format!("`{line}` failed ({status}); its output above says why").into()),
        Err(error) => Err(format!("`{line}` did not start: {error}").into()),
    }
}

/// Runs a command, prints its output, and passes each line of it to `look`.
pub(crate) fn watch(command: &mut Command, mut look: impl FnMut(&str)) -> Result {
    let line = print_command(command);
    let fault = |error| format!("cannot run `{line}`: {error}");
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(fault)?;
    for output in child.stdout.take().into_iter().flat_map(|pipe| BufReader::new(pipe).lines()) {
        let output = output.map_err(fault)?;
        println!("{output}");
        look(&output);
    }
    let status = child.wait().map_err(fault)?;
    if status.success() { Ok(()) } else { Err(format!("`{line}` failed ({status}); its output above says why").into()) }
}

/// Runs a command that reads `input` from its standard input.
pub(crate) fn feed(command: &mut Command, input: &str) -> Result {
    let line = print_command(command);
    let fault = |error| format!("cannot run `{line}`: {error}");
    let mut child = command.stdin(Stdio::piped()).spawn().map_err(fault)?;
    // Dropped at the end of the statement, so that the command sees the end of the input.
    child.stdin.take().map_or(Ok(()), |mut pipe| pipe.write_all(input.as_bytes())).map_err(fault)?;
    let status = child.wait().map_err(fault)?;
    if status.success() { Ok(()) } else { Err(format!("`{line}` failed ({status}); its output above says why").into()) }
}

/// Runs a command and returns its standard output.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let line = command_line(command);
    let output =
        command.stderr(Stdio::inherit()).output().map_err(|error| format!("`{line}` did not start: {error}"))?;
    if !output.status.success() {
        return Err(format!("`{line}` failed ({}); its output above says why", output.status).into());
    }
    String::from_utf8(output.stdout).map_err(|_| format!("the output of `{line}` is not UTF-8").into())
}

fn print_command(command: &Command) -> String {
    let line = command_line(command);
    println!("$ {line}");
    line
}

fn command_line(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program()).file_stem().unwrap_or_default();
    let words = std::iter::once(program).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}
