//! `ably-auth completions`

use clap::{Command, CommandFactory as _};
use clap_complete::{Shell, generate};

use crate::args::Args;
use crate::output::Outcome;

/// Names with a hyphen, and what stands for them while bash's script is made: its maker takes a hyphen for the space between two
/// commands, and would complete `token-request` for `token request`, and nothing after the program's own name.
const HYPHENED: [(&str, &str); 1] = [("token-request", "token_request")];
const PROGRAM: (&str, &str) = ("ably-auth", "ably_auth");

pub(crate) fn run(shell: Shell) -> Outcome {
    let script = match shell {
        Shell::Bash => bash(),
        _ => script(shell, Args::command(), PROGRAM.0),
    };
    Outcome::text(script.trim_end())
}

fn bash() -> String {
    let command = HYPHENED.iter().fold(Args::command().name(PROGRAM.1), |command, (name, other)| {
        command.mut_subcommand(name, |it| it.name(*other))
    });
    let script = script(Shell::Bash, command, PROGRAM.1);
    // Names of functions are left as they are: not every bash takes a hyphen in one.
    let script = script.replace(&format!("default {}\n", PROGRAM.1), &format!("default {}\n", PROGRAM.0));
    HYPHENED.iter().fold(script, |script, (name, other)| script.replace(other, name))
}

fn script(shell: Shell, mut command: Command, name: &str) -> String {
    // Not straight to stdout: what writes it panics where a reader goes away.
    let mut script = Vec::new();
    generate(shell, &mut command, name, &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_known(command: &Command) {
        for sub in command.get_subcommands() {
            let name = sub.get_name();
            assert!(!name.contains('-') || HYPHENED.iter().any(|(known, _)| *known == name), "{name}");
            assert_known(sub);
        }
    }

    #[test]
    fn every_command_with_a_hyphen_is_known() {
        assert_known(&Args::command());
    }
}
