//! `ably-auth completions`

use clap::{Command, CommandFactory as _};
use clap_complete::{Shell, generate};

use crate::args::Args;
use crate::output::Outcome;

/// The commands with a hyphen, and the names that replace them while the bash script is generated. The generator treats
/// a hyphen as the space between two commands: it would complete `token-request` after `token`, and no commands after
/// `ably-auth`.
const HYPHENATED: [(&str, &str); 1] = [("token-request", "token_request")];
const PROGRAM: (&str, &str) = ("ably-auth", "ably_auth");

pub(crate) fn run(shell: Shell) -> Outcome {
    let script = match shell {
        Shell::Bash => bash(),
        _ => script(shell, Args::command(), PROGRAM.0),
    };
    Outcome::text(script.trim_end())
}

fn bash() -> String {
    let command = HYPHENATED.iter().fold(Args::command().name(PROGRAM.1), |command, (name, other)| {
        command.mut_subcommand(name, |it| it.name(*other))
    });
    let script = script(Shell::Bash, command, PROGRAM.1);
    // Keep the replaced names of functions, because some versions of bash do not accept a hyphen in them.
    let script = script.replace(&format!("default {}\n", PROGRAM.1), &format!("default {}\n", PROGRAM.0));
    HYPHENATED.iter().fold(script, |script, (name, other)| script.replace(other, name))
}

fn script(shell: Shell, mut command: Command, name: &str) -> String {
    // Do not generate to stdout directly: `generate` panics if the reader has closed the pipe.
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
            assert!(!name.contains('-') || HYPHENATED.iter().any(|(known, _)| *known == name), "{name}");
            assert_known(sub);
        }
    }

    #[test]
    fn every_command_with_hyphen_is_listed() {
        assert_known(&Args::command());
    }
}
