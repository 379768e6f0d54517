//! The `--audit-log` file: audit events as JSON lines.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write};
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ably_auth_server::Service;
use tokio::sync::Notify;
use tokio::sync::watch::Receiver;
use tokio::time;

use crate::input;
use crate::output::Failure;

/// The minimum time between two logs of write errors.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// A file to which events are appended. Each event is written when it happens, without a buffer.
#[derive(Debug)]
pub(super) struct AuditLog {
    path: PathBuf,
    output: Mutex<Output>,
    /// Wakes [`watch`] to log a write error. The writer itself must not log while an event is being written.
    has_failed: Notify,
}

#[derive(Debug)]
struct Output {
    file: File,
    /// True if only a part of the last line was written, so that the next event starts on a new line.
    is_partial: bool,
    lost: u64,
    error: Option<io::Error>,
}

impl AuditLog {
    /// Opens or creates the file at `path`. Only the owner may read and write a new file.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let (file, is_partial) = open(path).map_err(|error| Failure::file(&name(path), &error))?;
        let output = Output { file, is_partial, lost: 0, error: None };
        Ok(Self { path: path.to_owned(), output: Mutex::new(output), has_failed: Notify::new() })
    }

    /// Refuses a file that any user may write. [`input::check_mode`] also warns about weaker problems.
    pub(super) fn check_mode(&self) -> Result<(), Failure> {
        input::check_mode(&name(&self.path), &self.path, &self.output().file)
    }

    /// Opens the path again, because log rotation may have replaced the file. The old file stays in use if that fails.
    fn reopen(&self) {
        let file = self.path.display();
        match open(&self.path) {
            Ok((opened, is_partial)) => {
                let mut output = self.output();
                (output.file, output.is_partial) = (opened, is_partial);
            }
            Err(error) => tracing::error!(%file, %error, "audit log cannot be reopened; the old file stays in use"),
        }
    }

    fn output(&self) -> MutexGuard<'_, Output> {
        self.output.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts in the metrics, and logs, the events that were lost since the last call.
    fn report(&self, service: &Service) {
        let (lost, error) = {
            let mut output = self.output();
            (mem::take(&mut output.lost), output.error.take())
        };
        if let Some(error) = error {
            service.audit_events_lost(lost);
            tracing::error!(file = %self.path.display(), %error, lost, "audit events were not written");
        }
    }
}

/// Writes each event as a line. An error stops neither the request nor the service: [`AuditLog::report`] logs it later.
impl Write for &AuditLog {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut output = self.output();
        if let Err(error) = output.append(line) {
            output.lost = output.lost.saturating_add(1);
            output.error = Some(error);
            drop(output);
            self.has_failed.notify_one();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Output {
    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        if self.is_partial {
            self.file.write_all(b"\n")?;
            self.is_partial = false;
        }
        let mut rest = line;
        while !rest.is_empty() {
            match self.file.write(rest) {
                Ok(written) if written > 0 => rest = rest.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                failed => {
                    self.is_partial = rest.len() < line.len();
                    return Err(failed.err().unwrap_or_else(|| io::ErrorKind::WriteZero.into()));
                }
            }
        }
        Ok(())
    }
}

fn name(path: &Path) -> String {
    format!("--audit-log {}", path.display())
}

/// Opens or creates the file. Returns it, and true if its last line does not end with a line feed.
fn open(path: &Path) -> io::Result<(File, bool)> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let mut file = options.open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.len() == 0 {
        return Ok((file, false));
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok((file, last != *b"\n"))
}

/// Reopens the file on each SIGHUP and reports write errors, until the service ends.
pub(super) async fn watch(log: Arc<AuditLog>, service: Service, mut hangups: Receiver<()>) {
    loop {
        tokio::select! {
            Ok(()) = hangups.changed() => log.reopen(),
            () = log.has_failed.notified() => {
                log.report(&service);
                time::sleep(REPORT_INTERVAL).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn event_after_partial_line_starts_on_new_line() {
        let path = std::env::temp_dir().join(format!("ably-auth-audit-{}.log", std::process::id()));
        fs::write(&path, "{\"action\":\"key.li").unwrap();
        let log = AuditLog::open(&path).unwrap_or_else(|_| panic!("it is there"));
        (&log).write_all(b"{}\n").unwrap();
        (&log).write_all(b"{}\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "{\"action\":\"key.li\n{}\n{}\n");
        fs::remove_file(path).unwrap();
    }

    #[cfg(target_os = "linux")]
    #[tokio::test(start_paused = true)]
    async fn write_errors_are_counted_and_stop_nothing() {
        let log = Arc::new(AuditLog::open(Path::new("/dev/full")).unwrap_or_else(|_| panic!("it is there")));
        let service = Service::builder().build().unwrap();
        let (_hangup, hangups) = tokio::sync::watch::channel(());
        let watched = tokio::spawn(watch(Arc::clone(&log), service.clone(), hangups));
        for _ in 0..3 {
            (&*log).write_all(b"{}\n").unwrap();
        }
        time::sleep(2 * REPORT_INTERVAL).await;
        let lost = "ably_auth_audit_events_lost_total{reason=\"write\"} 3\n";
        assert!(service.metrics().contains(lost), "{}", service.metrics());
        watched.abort();
    }
}
