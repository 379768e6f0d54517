//! The apps' file, read again when it changes.

use std::fs::{self, Metadata};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use ably_auth_server::{Apps, Service};
use tokio::sync::mpsc::{self, Receiver};
use tokio::time::{self, MissedTickBehavior};

/// How often the file is looked at. It is read once it has not changed from one look to the next: whoever writes it may take
/// a moment.
const LOOK: Duration = Duration::from_millis(500);

/// Comes with each SIGHUP; never, where there is no such thing.
pub(super) fn hangups() -> io::Result<Receiver<()>> {
    let (sender, receiver) = mpsc::channel(1);
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut hangups = signal(SignalKind::hangup())?;
        tokio::spawn(async move {
            while hangups.recv().await.is_some() {
                // One that is waiting already does for both.
                let _ = sender.try_send(());
            }
        });
    }
    #[cfg(not(unix))]
    std::mem::forget(sender);
    Ok(receiver)
}

/// What tells that a file is another, without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Seen {
    File { modified: Option<SystemTime>, bytes: u64, place: (u64, u64) },
    Unreadable(io::ErrorKind),
}

impl Seen {
    fn now(path: &Path) -> Self {
        match fs::metadata(path) {
            Ok(file) => Self::File { modified: file.modified().ok(), bytes: file.len(), place: place(&file) },
            Err(error) => Self::Unreadable(error.kind()),
        }
    }
}

#[cfg(unix)]
fn place(file: &Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt as _;
    (file.dev(), file.ino())
}

#[cfg(not(unix))]
fn place(_: &Metadata) -> (u64, u64) {
    (0, 0)
}

/// Keeps the service's apps as the file says, for as long as it runs. A file that cannot be read changes nothing.
pub(super) async fn keep_up(path: PathBuf, read: Fingerprint, service: Service, mut hangups: Receiver<()>) {
    let mut look = time::interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // It may have changed already since it was read.
    let (mut read_as, mut before) = (None, Seen::now(&path));
    let mut text = Some(read);
    loop {
        let is_told = tokio::select! {
            Some(()) = hangups.recv() => true,
            _ = look.tick() => false,
        };
        let seen = Seen::now(&path);
        let is_settled = std::mem::replace(&mut before, seen.clone()) == seen;
        if !is_told && (read_as.as_ref() == Some(&seen) || !is_settled) {
            continue;
        }
        read_as = Some(seen);
        match fs::read_to_string(&path) {
            Ok(read) if !is_told && text == Some(Fingerprint::of(&read)) => {}
            Ok(read) => {
                text = Some(Fingerprint::of(&read));
                take(&read, &path, &service).await;
            }
            Err(error) => {
                service.reload_failed();
                tracing::error!(file = %path.display(), %error, "the apps cannot be read again, and stay as they are");
            }
        }
    }
}

async fn take(text: &str, path: &Path, service: &Service) {
    let file = path.display();
    let apps = match Apps::from_json(text) {
        Ok(apps) => apps,
        Err(error) => {
            service.reload_failed();
            return tracing::error!(%file, %error, "the apps cannot be read again, and stay as they are");
        }
    };
    match service.reload(apps).await {
        Ok(told) => tracing::info!(
            %file,
            keys_added = told.keys_added,
            keys_changed = told.keys_changed,
            keys_removed = told.keys_removed,
            "the apps were read again"
        ),
        Err(error) => tracing::error!(%file, %error, "the apps were read again, and not all could be done"),
    }
}

/// So that no copy of the keys is kept to compare with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fingerprint(u64);

impl Fingerprint {
    pub(super) fn of(text: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        Self(hasher.finish())
    }
}
