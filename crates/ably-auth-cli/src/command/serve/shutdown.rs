//! Requests to shut down: signals, and the end of stdin.

use std::io;

use tokio::sync::oneshot;

/// Returns a future that completes on Ctrl-C, on SIGTERM on Unix and, if asked for, at the end of stdin.
pub(super) fn requested(until_stdin_ends: bool) -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let signal = signal()?;
    let stdin_end = until_stdin_ends.then(stdin_end).transpose()?;
    Ok(async move {
        let stdin_ended = async {
            match stdin_end {
                // The sender is dropped, never used.
                Some(end) => drop(end.await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = signal => {}
            () = stdin_ended => {}
        }
    })
}

/// Reads stdin to its end on a thread of its own. A runtime would wait for this thread at exit.
fn stdin_end() -> io::Result<oneshot::Receiver<()>> {
    let (reading, end) = oneshot::channel();
    std::thread::Builder::new().name("stdin".into()).spawn(move || {
        // After an error, no more input comes either.
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        drop::<oneshot::Sender<()>>(reading);
    })?;
    Ok(end)
}

fn signal() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        Ok(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        })
    }
    #[cfg(not(unix))]
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}
