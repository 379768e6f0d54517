//! What there is to know of the terminal, and the one thing that is changed of it: that it shows what is typed.

#[cfg(unix)]
pub(crate) use unix::{Hidden, columns, interrupt};

#[cfg(not(unix))]
pub(crate) use other::{Hidden, columns, interrupt};

#[cfg(unix)]
mod unix {
    use std::io;

    use rustix::process::{Signal, getpid, kill_process};
    use rustix::termios::{
        LocalModes, OptionalActions, SpecialCodeIndex, Termios, isatty, tcgetattr, tcgetwinsize, tcsetattr,
    };

    /// How wide the terminal is that stdout or stderr is, unless it does not tell.
    pub(crate) fn columns(of: impl std::os::fd::AsFd) -> Option<usize> {
        let of = of.as_fd();
        if !isatty(of) {
            return None;
        }
        let size = tcgetwinsize(of).ok()?;
        (size.ws_col > 0).then_some(size.ws_col.into())
    }

    /// For as long as it lives, what is typed is not shown, and comes at once: keys such as Ctrl-C too, which would otherwise end
    /// the program and leave the terminal so.
    pub(crate) struct Hidden(Termios);

    impl Hidden {
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

    impl Drop for Hidden {
        fn drop(&mut self) {
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
        }
    }

    /// Ends as by Ctrl-C, so that a shell's loop ends too.
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

    pub(crate) struct Hidden;

    impl Hidden {
        pub(crate) fn stdin() -> io::Result<Self> {
            Err(io::ErrorKind::Unsupported.into())
        }
    }

    pub(crate) fn interrupt() {}
}
