//! The program that started this one, such as the script of a package manager.

use crate::draw::printable;

/// The variable in which a launcher names the command that starts this program.
const COMMAND_VARIABLE: &str = "ABLY_AUTH_COMMAND";

/// Returns the command that starts this program, for commands that readers copy: `npx ably-auth` if npm has started it.
pub(crate) fn command() -> String {
    let named = std::env::var(COMMAND_VARIABLE).ok().filter(|command| !command.is_empty());
    named.map_or_else(|| "ably-auth".into(), |command| printable(&command))
}
