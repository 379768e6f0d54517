//! The EXAMPLES and EXIT STATUS sections of `--help` and of the manual pages, from one [table](table::ENTRIES).

mod table;

use clap::{Command, CommandFactory as _};
use clap_mangen::roff::{Inline, Roff, bold, roman};

use crate::args::Args;
use table::{BAD_INPUT, ENTRIES, Entry};

/// Returns the program's commands, with the sections in the text of `--help`.
pub(crate) fn program() -> Command {
    with_sections(Args::command(), "")
}

/// Returns `command` and those below it with the sections. `path` is its name without that of the program.
fn with_sections(mut command: Command, path: &str) -> Command {
    let names: Vec<_> = command.get_subcommands().map(|below| below.get_name().to_owned()).collect();
    for name in names {
        let below = format!("{path} {name}");
        command = command.mut_subcommand(&name, |command| with_sections(command, below.trim_start()));
    }
    let notes = command.get_after_help().map_or_else(String::new, |notes| format!("{notes}\n\n"));
    let sections = Sections::of(&command, path).text();
    command.after_long_help(format!("{notes}{sections}"))
}

/// Returns the sections of the command `path` in roff, for its manual page.
pub(crate) fn roff(command: &Command, path: &str) -> Roff {
    Sections::of(command, path).roff()
}

/// The sections of one command.
struct Sections {
    examples: Vec<(&'static str, &'static str)>,
    statuses: Vec<(u8, &'static str)>,
}

impl Sections {
    fn of(command: &Command, path: &str) -> Self {
        if let Some(entry) = ENTRIES.iter().find(|entry| entry.command == path) {
            let no = entry.no.map(|no| (1, no));
            let statuses = std::iter::once((0, entry.done)).chain(no).chain([(2, entry.bad)]).collect();
            return Self { examples: entry.examples.to_vec(), statuses };
        }
        // A command with subcommands shows the first example of each.
        let below = |name: &str| {
            let path = format!("{path} {name}");
            let is_below = |entry: &&Entry| is_at_or_below(entry.command, path.trim_start());
            ENTRIES.iter().find(is_below).and_then(|entry| entry.examples.first()).copied()
        };
        let examples = command.get_subcommands().filter_map(|command| below(command.get_name())).collect();
        let statuses = vec![
            (0, "yes, or done"),
            (1, "no: refused, not valid, not permitted, or nothing in common"),
            (2, BAD_INPUT),
        ];
        Self { examples, statuses }
    }

    fn text(&self) -> String {
        let examples: Vec<_> = self
            .examples
            .iter()
            .map(|(purpose, command)| format!("  {purpose}:\n    {}", command.replace('\n', "\n    ")))
            .collect();
        let statuses: Vec<_> = self.statuses.iter().map(|(status, meaning)| format!("  {status}  {meaning}")).collect();
        format!("EXAMPLES\n{}\n\nEXIT STATUS\n{}", examples.join("\n\n"), statuses.join("\n"))
    }

    fn roff(&self) -> Roff {
        let mut roff = Roff::default();
        roff.control("SH", ["EXAMPLES"]);
        for (purpose, command) in &self.examples {
            roff.control("PP", []).text([roman(format!("{purpose}:"))]);
            roff.control("RS", ["4"]).control("nf", []);
            for line in command.lines() {
                roff.text([Inline::from(line)]);
            }
            roff.control("fi", []).control("RE", []);
        }
        roff.control("SH", ["EXIT STATUS"]);
        for (status, meaning) in &self.statuses {
            roff.control("TP", []).text([bold(status.to_string())]).text([roman(*meaning)]);
        }
        roff
    }
}

fn is_at_or_below(command: &str, path: &str) -> bool {
    command.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The paths of the commands that have no subcommands.
    fn leaves(command: &Command, path: &str, found: &mut Vec<String>) {
        if !command.has_subcommands() {
            found.push(path.to_owned());
        }
        for below in command.get_subcommands() {
            leaves(below, format!("{path} {}", below.get_name()).trim_start(), found);
        }
    }

    #[test]
    fn table_has_each_command_once_in_order() {
        let mut commands = Vec::new();
        leaves(&Args::command(), "", &mut commands);
        assert_eq!(ENTRIES.iter().map(|entry| entry.command).collect::<Vec<_>>(), commands);
    }

    #[test]
    fn examples_run_their_command() {
        for Entry { command, examples, .. } in ENTRIES {
            assert!(!examples.is_empty(), "{command}");
            for (purpose, text) in *examples {
                assert!(text.contains(&format!("ably-auth {command}")), "{command}: {text}");
                assert!(purpose.starts_with(char::is_uppercase) && !purpose.ends_with(['.', ':']), "{purpose}");
            }
        }
    }

    #[test]
    fn no_line_needs_more_than_80_columns() {
        for Entry { command, .. } in ENTRIES {
            for line in Sections::of(&Args::command(), command).text().lines() {
                assert!(line.chars().count() <= 80, "{line}");
            }
        }
    }

    #[test]
    fn group_shows_first_example_of_each_command() {
        let sections = Sections::of(&Args::command(), "");
        assert_eq!(sections.examples.len(), Args::command().get_subcommands().count());
        let app = Args::command().find_subcommand("app").cloned().unwrap();
        assert!(Sections::of(&app, "app").examples.iter().all(|(_, command)| command.starts_with("ably-auth app ")));
    }
}
