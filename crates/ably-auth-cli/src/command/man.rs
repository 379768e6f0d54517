//! `ably-auth man`

use std::fs;
use std::path::Path;

use clap::{Command, CommandFactory as _};
use clap_mangen::Man;
use serde_json::json;

use crate::args::Args;
use crate::draw::printable;
use crate::manual;
use crate::output::{Failure, Outcome};

pub(crate) fn run(about: &[String], dir: Option<&Path>) -> Result<Outcome, Failure> {
    // Otherwise, `help` would have a separate page for each command.
    let mut program = Args::command().disable_help_subcommand(true);
    program.build();
    if let Some(dir) = dir {
        let mut names = Vec::new();
        write_all(&program, "", dir, &mut names)?;
        return Ok(Outcome::yes(names.join("\n"), &json!({ "pages": names })));
    }
    let mut command = &program;
    for name in about {
        let problem = || format!("unknown command `{}`; see --help", printable(name));
        command = command.find_subcommand(name).ok_or_else(|| Failure::input("the command", problem()))?;
    }
    Ok(Outcome::text(page(command, &about.join(" ")).trim_end()))
}

/// Returns the full name of a command, such as `ably-auth-jwt-mint`.
fn name(command: &Command) -> String {
    command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned()
}

/// Returns the page of the command that has `path` after the program's name.
fn page(command: &Command, path: &str) -> String {
    let mut page = Vec::new();
    let source = concat!("ably-auth ", env!("CARGO_PKG_VERSION"));
    let man = Man::new(command.clone()).title(name(command)).source(source);
    // Writing to memory does not fail.
    let _ = man.render(&mut page);
    String::from_utf8_lossy(&page).into_owned() + &manual::roff(command, path).to_roff()
}

fn write_all(command: &Command, path: &str, dir: &Path, names: &mut Vec<String>) -> Result<(), Failure> {
    let file = format!("{}.1", name(command));
    fs::write(dir.join(&file), page(command, path))
        .map_err(|error| Failure::file(&format!("--dir {}", dir.display()), &error))?;
    names.push(file);
    command.get_subcommands().try_for_each(|command| {
        let path = format!("{path} {}", command.get_name());
        write_all(command, path.trim_start(), dir, names)
    })
}
