//! Telling who waits that something goes on.

use std::env;
use std::io::{self, IsTerminal as _, Write};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use ably_auth::Endpoint;

use crate::draw::printable;
use crate::terminal;

/// Who waits for less is told nothing; after that, the seconds are counted.
const SECOND: Duration = Duration::from_secs(1);
/// Where a terminal does not tell its own.
const COLUMNS: usize = 80;

/// [`waiting`] for the host of a service, which a routing policy does not name.
pub(crate) fn waiting_for<T>(endpoint: &Endpoint, work: impl FnOnce() -> T) -> T {
    let uri = endpoint.uri("/").ok();
    let host = uri.as_ref().and_then(http::Uri::authority).map(ToString::to_string);
    waiting(&printable(host.as_deref().unwrap_or("the service")), work)
}

/// Does the work. At a terminal, a line tells for how long whom has been waited for, and is gone when the work is done.
pub(crate) fn waiting<T>(for_whom: &str, work: impl FnOnce() -> T) -> T {
    if !io::stderr().is_terminal() {
        return work();
    }
    let moves = env::var_os("TERM").is_none_or(|term| term != "dumb");
    let columns = terminal::columns(io::stderr()).unwrap_or(COLUMNS);
    thread::scope(|scope| {
        let (working, done) = mpsc::channel();
        scope.spawn(move || tell(&done, SECOND, &mut io::stderr(), for_whom, moves.then_some(columns)));
        // Dropped before the scope waits for the thread, also where the work panics.
        let _working: mpsc::Sender<()> = working;
        work()
    })
}

/// Without columns the terminal cannot take a line back, and is given one.
fn tell(done: &Receiver<()>, every: Duration, to: &mut impl Write, for_whom: &str, columns: Option<usize>) {
    let mut told = 0_u64;
    // What goes wrong with the terminal is no reason to fail.
    while done.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
        told = told.saturating_add(1);
        let line = format!("waiting for {for_whom}: {told} s");
        let _ = match columns {
            Some(columns) => write!(to, "\r\x1b[K{}", fitting(&line, columns)),
            None if told == 1 => writeln!(to, "waiting for {for_whom}"),
            None => Ok(()),
        };
        let _ = to.flush();
    }
    if told > 0 && columns.is_some() {
        let _ = write!(to, "\r\x1b[K").and_then(|()| to.flush());
    }
}

/// A line that wraps could not be taken back; its end, which changes, is kept.
fn fitting(line: &str, columns: usize) -> String {
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

    /// Ends the wait when so many lines were written.
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

    fn told(lines: usize, columns: Option<usize>) -> String {
        let (working, done) = mpsc::channel();
        let mut terminal = Terminal { shown: String::new(), lines, working: Some(working) };
        if lines == 0 {
            terminal.working = None;
        }
        tell(&done, Duration::ZERO, &mut terminal, "main", columns);
        terminal.shown
    }

    #[test]
    fn a_wait_is_counted_and_then_taken_back() {
        let clear = "\r\x1b[K";
        assert_eq!(told(2, Some(80)), format!("{clear}waiting for main: 1 s{clear}waiting for main: 2 s{clear}"));
    }

    #[test]
    fn what_is_done_at_once_is_not_told() {
        assert_eq!(told(0, Some(80)), "");
    }

    #[test]
    fn a_terminal_that_moves_no_cursor_is_told_once() {
        assert_eq!(told(3, None), "waiting for main\n");
    }

    #[test]
    fn no_line_is_so_long_that_it_wraps() {
        assert_eq!(fitting("waiting for main: 1 s", 12), "… main: 1 s");
        assert_eq!(fitting("waiting", 8), "waiting");
        assert_eq!(fitting("waiting", 0), "…");
    }
}
