//! A progress line at a terminal while a service is waited for.

use std::env;
use std::io::{self, IsTerminal as _, Write};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use ably_auth::Endpoint;

use crate::draw::printable;
use crate::terminal;

/// The time before the progress line appears, and between its updates.
const INTERVAL: Duration = Duration::from_secs(1);
/// The width that is assumed if the terminal does not report it, in columns.
const DEFAULT_COLUMNS: usize = 80;

/// Calls [`waiting`] with the host of `endpoint`: the name of a routing policy would not show it.
pub(crate) fn waiting_for<T>(endpoint: &Endpoint, work: impl FnOnce() -> T) -> T {
    let uri = endpoint.uri("/").ok();
    let host = uri.as_ref().and_then(http::Uri::authority).map(ToString::to_string);
    waiting(&printable(host.as_deref().unwrap_or("the service")), work)
}

/// Runs `work`. At a terminal, shows a line with the name of the service and the time so far, and clears it at the end.
pub(crate) fn waiting<T>(service: &str, work: impl FnOnce() -> T) -> T {
    if !io::stderr().is_terminal() {
        return work();
    }
    let can_move_cursor = env::var_os("TERM").is_none_or(|term| term != "dumb");
    let columns = terminal::columns(io::stderr()).unwrap_or(DEFAULT_COLUMNS);
    thread::scope(|scope| {
        let (working, done) = mpsc::channel();
        scope.spawn(move || {
            show_progress(&done, INTERVAL, &mut io::stderr(), service, can_move_cursor.then_some(columns));
        });
        // Dropped before the scope waits for the thread, even if `work` panics.
        let _working: mpsc::Sender<()> = working;
        work()
    })
}

/// Updates the progress line until `done` closes. Without `columns`, the terminal cannot clear a line, so prints one
/// line only.
fn show_progress(done: &Receiver<()>, every: Duration, to: &mut impl Write, service: &str, columns: Option<usize>) {
    let mut seconds = 0_u64;
    // Ignore write errors: progress is optional.
    while done.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
        seconds = seconds.saturating_add(1);
        let line = format!("waiting for {service}: {seconds} s");
        let _ = match columns {
            Some(columns) => write!(to, "\r\x1b[K{}", fit(&line, columns)),
            None if seconds == 1 => writeln!(to, "waiting for {service}"),
            None => Ok(()),
        };
        let _ = to.flush();
    }
    if seconds > 0 && columns.is_some() {
        let _ = write!(to, "\r\x1b[K").and_then(|()| to.flush());
    }
}

/// Shortens a line at its start, because a line that wraps cannot be cleared. The end is the part that changes.
fn fit(line: &str, columns: usize) -> String {
    let characters: Vec<char> = line.chars().collect();
    let most = columns.saturating_sub(1);
    if characters.len() <= most {
        return line.into();
    }
    let kept = characters.len().saturating_sub(most.saturating_sub(1));
    characters.into_iter().skip(kept).fold("…".into(), |mut line, character| {
        line.push(character);
        line
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A terminal that ends the wait after `lines` writes.
    struct Terminal {
        shown: String,
        lines: usize,
        working: Option<mpsc::Sender<()>>,
    }

    impl Write for Terminal {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.shown.push_str(&String::from_utf8_lossy(bytes));
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            self.lines = self.lines.saturating_sub(1);
            if self.lines == 0 {
                self.working = None;
            }
            Ok(())
        }
    }

    fn shown(lines: usize, columns: Option<usize>) -> String {
        let (working, done) = mpsc::channel();
        let mut terminal = Terminal { shown: String::new(), lines, working: Some(working) };
        if lines == 0 {
            terminal.working = None;
        }
        show_progress(&done, Duration::ZERO, &mut terminal, "main", columns);
        terminal.shown
    }

    #[test]
    fn wait_is_counted_and_then_cleared() {
        let clear = "\r\x1b[K";
        assert_eq!(shown(2, Some(80)), format!("{clear}waiting for main: 1 s{clear}waiting for main: 2 s{clear}"));
    }

    #[test]
    fn short_wait_shows_nothing() {
        assert_eq!(shown(0, Some(80)), "");
    }

    #[test]
    fn terminal_without_cursor_gets_one_line() {
        assert_eq!(shown(3, None), "waiting for main\n");
    }

    #[test]
    fn long_line_is_shortened_to_the_width() {
        assert_eq!(fit("waiting for main: 1 s", 12), "… main: 1 s");
        assert_eq!(fit("waiting", 8), "waiting");
        assert_eq!(fit("waiting", 0), "…");
    }
}
