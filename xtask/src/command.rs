//! Running cargo and other programs.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::{env, ffi::OsStr};

use crate::Result;

/// Cargo, as if called from a shell.
///
/// `cargo run` tells us about the package xtask in variables. Build scripts that watch them (ring's does) would run anew
/// each time that we and a shell take turns.
pub(crate) fn cargo<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) {
            cargo.env_remove(name);
        }
    }
    cargo.args(args);
    cargo
}

/// Runs it with its output passed through.
pub(crate) fn run(command: &mut Command) -> Result {
    let line = announce(command);
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{line}` failed ({status}); its output above says why").into()),
        Err(error) => Err(format!("`{line}` did not start: {error}").into()),
    }
}

/// Runs it with its output passed through and shown, line by line, to `look`.
pub(crate) fn watch(command: &mut Command, mut look: impl FnMut(&str)) -> Result {
    let line = announce(command);
    let fault = |error| format!("`{line}` broke off: {error}");
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(fault)?;
    for output in child.stdout.take().into_iter().flat_map(|pipe| BufReader::new(pipe).lines()) {
        let output = output.map_err(fault)?;
        println!("{output}");
        look(&output);
    }
    let status = child.wait().map_err(fault)?;
    if status.success() { Ok(()) } else { Err(format!("`{line}` failed ({status}); its output above says why").into()) }
}

/// What it writes to standard output.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let line = shown(command);
    let output =
        command.stderr(Stdio::inherit()).output().map_err(|error| format!("`{line}` did not start: {error}"))?;
    if !output.status.success() {
        return Err(format!("`{line}` failed ({}); its output above says why", output.status).into());
    }
    String::from_utf8(output.stdout).map_err(|_| format!("`{line}` wrote what is not UTF-8").into())
}

fn announce(command: &Command) -> String {
    let line = shown(command);
    println!("$ {line}");
    line
}

fn shown(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program()).file_stem().unwrap_or_default();
    let words = std::iter::once(program).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}
