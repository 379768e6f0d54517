//! `ably-auth man`

use std::fs;
use std::path::Path;

use clap::{Command, CommandFactory as _};
use clap_mangen::Man;
use serde_json::json;

use crate::args::Args;
use crate::draw::printable;
use crate::output::{Failure, Outcome};

pub(crate) fn run(about: &[String], dir: Option<&Path>) -> Result<Outcome, Failure> {
    // `help` has pages of its own otherwise, one for each command.
    let mut program = Args::command().disable_help_subcommand(true);
    program.build();
    if let Some(dir) = dir {
        let mut names = Vec::new();
        write_all(&program, dir, &mut names)?;
        return Ok(Outcome::yes(names.join("\n"), &json!({ "pages": names })));
    }
    let mut command = &program;
    for name in about {
        let problem = || format!("there is no command `{}`; see --help", printable(name));
        command = command.find_subcommand(name).ok_or_else(|| Failure::input("the command", problem()))?;
    }
    Ok(Outcome::text(page(command).trim_end()))
}

/// The name of a command in full, such as `ably-auth-jwt-mint`.
fn name(command: &Command) -> String {
    command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned()
}

fn page(command: &Command) -> String {
    let mut page = Vec::new();
    let manual = concat!("ably-auth ", env!("CARGO_PKG_VERSION"));
    // Writing to memory does not fail.
    let _ = Man::new(command.clone()).title(name(command)).source(manual).render(&mut page);
    String::from_utf8_lossy(&page).into_owned()
}

fn write_all(command: &Command, dir: &Path, names: &mut Vec<String>) -> Result<(), Failure> {
    let file = format!("{}.1", name(command));
    fs::write(dir.join(&file), page(command))
        .map_err(|error| Failure::file(&format!("--dir {}", dir.display()), &error))?;
    names.push(file);
    command.get_subcommands().try_for_each(|command| write_all(command, dir, names))
}
