//! The width of the terminal, and a mode that does not echo input.

#[cfg(unix)]
pub(crate) use unix::{NoEcho, columns, interrupt};

#[cfg(not(unix))]
pub(crate) use other::{NoEcho, columns, interrupt};

#[cfg(unix)]
mod unix {
    use std::io;

    use rustix::process::{Signal, getpid, kill_process};
    use rustix::termios::{
        LocalModes, OptionalActions, SpecialCodeIndex, Termios, isatty, tcgetattr, tcgetwinsize, tcsetattr,
    };

    /// Returns the width of the terminal `of` in columns, or `None` if `of` is not a terminal or does not report its
    /// width.
    pub(crate) fn columns(of: impl std::os::fd::AsFd) -> Option<usize> {
        let of = of.as_fd();
        if !isatty(of) {
            return None;
        }
        let size = tcgetwinsize(of).ok()?;
        (size.ws_col > 0).then_some(size.ws_col.into())
    }

    /// A guard that turns off echo and line buffering until it is dropped. Signal keys such as Ctrl-C are read as
    /// input, because a signal would end the program and leave the terminal in this mode.
    pub(crate) struct NoEcho(Termios);

    impl NoEcho {
        pub(crate) fn stdin() -> io::Result<Self> {
            let before = tcgetattr(io::stdin())?;
            let mut hidden = before.clone();
            hidden.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
            hidden.special_codes[SpecialCodeIndex::VMIN] = 1;
            hidden.special_codes[SpecialCodeIndex::VTIME] = 0;
            tcsetattr(io::stdin(), OptionalActions::Now, &hidden)?;
            Ok(Self(before))
        }
    }

    impl Drop for NoEcho {
        fn drop(&mut self) {
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
        }
    }

    /// Ends the process with SIGINT, as Ctrl-C does, so that a loop in a shell script ends too.
    pub(crate) fn interrupt() {
        let _ = kill_process(getpid(), Signal::INT);
    }
}

#[cfg(not(unix))]
mod other {
    use std::io;

    pub(crate) fn columns<T>(_: T) -> Option<usize> {
        None
    }

    pub(crate) struct NoEcho;

    impl NoEcho {
        pub(crate) fn stdin() -> io::Result<Self> {
            Err(io::ErrorKind::Unsupported.into())
        }
    }

    pub(crate) fn interrupt() {}
}
