//! Colours in terminal output.

use std::env;
use std::ffi::OsStr;
use std::io::{self, IsTerminal};

use crate::terminal;

/// The colour setting and the width of the output.
#[derive(Clone, Copy)]
pub(crate) struct Paint {
    colours: bool,
    columns: Option<usize>,
}

impl Paint {
    pub(crate) fn stdout() -> Self {
        Self { colours: Self::has_colour(&io::stdout()), columns: terminal::columns(io::stdout()) }
    }

    /// Returns true if output to `to` is coloured.
    pub(crate) fn has_colour(to: &impl IsTerminal) -> bool {
        let (no_color, term) = (env::var_os("NO_COLOR"), env::var_os("TERM"));
        Self::decide(to.is_terminal(), no_color.as_deref(), term.as_deref())
    }

    /// Returns the width of the terminal in columns, or `None` without a terminal.
    pub(super) const fn columns(self) -> Option<usize> {
        self.columns
    }

    /// Returns true if the output is coloured. An empty `NO_COLOR` counts as unset, as its convention says.
    fn decide(is_terminal: bool, no_color: Option<&OsStr>, term: Option<&OsStr>) -> bool {
        is_terminal && no_color.is_none_or(OsStr::is_empty) && term.is_none_or(|term| term != "dumb")
    }

    pub(super) fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    pub(super) fn dim(self, text: &str) -> String {
        self.with("2", text)
    }

    pub(crate) fn red(self, text: &str) -> String {
        self.with("31", text)
    }

    pub(crate) fn green(self, text: &str) -> String {
        self.with("32", text)
    }

    pub(super) fn yellow(self, text: &str) -> String {
        self.with("33", text)
    }

    fn with(self, code: &str, text: &str) -> String {
        if self.colours { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    #[cfg(test)]
    pub(super) const NONE: Self = Self { colours: false, columns: None };
    #[cfg(test)]
    pub(super) const FULL: Self = Self { colours: true, columns: None };

    #[cfg(test)]
    pub(super) const fn narrow(columns: usize) -> Self {
        Self { colours: false, columns: Some(columns) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_depends_on_terminal_and_environment() {
        let decide = |is_terminal, no_color: Option<&str>, term: Option<&str>| {
            Paint::decide(is_terminal, no_color.map(OsStr::new), term.map(OsStr::new))
        };
        assert!(decide(true, None, Some("xterm")));
        assert!(decide(true, Some(""), None));
        assert!(!decide(false, None, Some("xterm")));
        assert!(!decide(true, Some("1"), Some("xterm")));
        assert!(!decide(true, None, Some("dumb")));
    }

    #[test]
    fn colour_is_reset_at_end() {
        assert_eq!(Paint::FULL.green("●"), "\x1b[32m●\x1b[0m");
        assert_eq!(Paint::NONE.green("●"), "●");
    }
}
