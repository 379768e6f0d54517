//! Reloading of the `--apps` file when it changes.

use std::fmt::Display;
use std::fs::{self, Metadata};
use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use ably_auth_server::{Apps, ErrorKind, Service};
use tokio::sync::watch::{self, Receiver};
use tokio::time::{self, MissedTickBehavior};

use crate::credential::without_mark;
use crate::input;
use crate::output::Failure;

/// The time between two checks of the file. It is read when two checks in succession see the same file, because another
/// process may still be writing it.
pub(super) const CHECK_INTERVAL: Duration = Duration::from_millis(500);

/// Returns a channel that changes on each SIGHUP, and never on a system without that signal.
pub(super) fn hangups() -> io::Result<Receiver<()>> {
    let (sender, receiver) = watch::channel(());
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut hangups = signal(SignalKind::hangup())?;
        tokio::spawn(async move {
            while hangups.recv().await.is_some() {
                sender.send_replace(());
            }
        });
    }
    #[cfg(not(unix))]
    std::mem::forget(sender);
    Ok(receiver)
}

/// The metadata of a file, which shows a change without reading the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum FileState {
    File { modified: Option<SystemTime>, bytes: u64, place: (u64, u64) },
    Unreadable(io::ErrorKind),
}

impl FileState {
    pub(super) fn now(path: &Path) -> Self {
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

/// Reloads the apps on SIGHUP and when the file changes, until the service ends. If the file is invalid, the apps stay
/// as they are. If the store fails, tries again after each [`CHECK_INTERVAL`].
pub(super) async fn watch(path: PathBuf, read: Fingerprint, service: Service, mut hangups: Receiver<()>) {
    let mut checks = time::interval(CHECK_INTERVAL);
    checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The file may have changed since startup read it. `read_as` is `None`, so the first check reads it again.
    let (mut read_as, mut before) = (None, FileState::now(&path));
    let mut text = Some(read);
    let mut pending = None;
    loop {
        let is_signal = tokio::select! {
            Ok(()) = hangups.changed() => true,
            _ = checks.tick() => false,
        };
        let seen = FileState::now(&path);
        let is_settled = std::mem::replace(&mut before, seen.clone()) == seen;
        let mut is_again = pending.is_some();
        if is_signal || (read_as.as_ref() != Some(&seen) && is_settled) {
            read_as = Some(seen);
            match read_text(&path) {
                Ok(read) if !is_signal && text == Some(Fingerprint::of(&read)) => {}
                Ok(read) => {
                    text = Some(Fingerprint::of(&read));
                    match Apps::from_json(&read) {
                        Ok(apps) => (pending, is_again) = (Some(apps), false),
                        Err(error) => reload_failed(&path, &service, &error),
                    }
                }
                Err(failure) => reload_failed(&path, &service, &failure),
            }
        }
        if let Some(apps) = pending.take() {
            pending = apply(apps, &path, &service, is_again).await;
        }
    }
}

/// Reads the `--apps` file, and removes a byte order mark.
pub(super) fn read_text(path: &Path) -> Result<String, Failure> {
    let name = format!("--apps {}", path.display());
    let mut text = String::new();
    match input::open_secret(&name, path)?.read_to_string(&mut text) {
        Ok(_) => Ok(without_mark(&text).to_owned()),
        Err(error) => Err(Failure::file(&name, &error)),
    }
}

fn reload_failed(path: &Path, service: &Service, error: &dyn Display) {
    service.reload_failed();
    tracing::error!(file = %path.display(), %error, "apps not reloaded; the previous apps stay in use");
}

/// Reloads the apps. Returns them if the store failed, so that the reload must be repeated. Logs a repeated failure at
/// `debug`.
async fn apply(apps: Apps, path: &Path, service: &Service, is_again: bool) -> Option<Apps> {
    let file = path.display();
    match service.reload(apps.clone()).await {
        Ok(changes) => {
            tracing::info!(
                %file,
                keys_added = changes.keys_added,
                keys_changed = changes.keys_changed,
                keys_removed = changes.keys_removed,
                "apps reloaded"
            );
            None
        }
        Err(error) if error.kind() == ErrorKind::Store => {
            if is_again {
                tracing::debug!(%file, %error, "apps not fully reloaded yet; trying again");
            } else {
                tracing::error!(%file, %error, "apps not fully reloaded, because the store failed; trying again");
            }
            Some(apps)
        }
        Err(error) => {
            tracing::error!(%file, %error, "apps not reloaded; the previous apps stay in use");
            None
        }
    }
}

/// A hash of a file's content, for comparison without a copy of the secrets in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fingerprint(u64);

impl Fingerprint {
    pub(super) fn of(text: &(impl Hash + ?Sized)) -> Self {
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        Self(hasher.finish())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use ably_auth_core::{Timestamp, Token};
    use ably_auth_server::store::{
        Feed, Fingerprint as Nonce, KeptClaims, Memory, Pending, Record, Reference, Store, Unavailable, Use, Written,
    };
    use bytes::Bytes;
    use http::Request;

    use super::*;

    /// A store that fails the given number of writes.
    #[derive(Debug)]
    struct FailingStore(Memory, Arc<AtomicUsize>);

    impl Store for FailingStore {
        fn feed(&self) -> &Feed {
            self.0.feed()
        }

        fn secret(&self) -> Option<[u8; 32]> {
            None
        }

        fn catch_up(&self, now: Timestamp) -> Pending<()> {
            self.0.catch_up(now)
        }

        fn use_once(&self, nonce: Option<Nonce>, now: Timestamp) -> Pending<Use> {
            self.0.use_once(nonce, now)
        }

        fn write(&self, records: Vec<Record>, seen: u64, now: Timestamp) -> Pending<Written> {
            if self.1.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
                return Pending::unavailable(Unavailable::new("injected failure"));
            }
            self.0.write(records, seen, now)
        }

        fn keep(&self, reference: Reference, claims: KeptClaims, now: Timestamp) -> Pending<bool> {
            self.0.keep(reference, claims, now)
        }

        fn kept(&self, reference: Reference) -> Pending<Option<KeptClaims>> {
            self.0.kept(reference)
        }

        fn set_time(&self, now: Timestamp) -> Pending<()> {
            self.0.set_time(now)
        }
    }

    const CONTROL: &str = "control-access-token";

    async fn control(service: &Service, request: http::request::Builder, body: &'static str) -> String {
        let request = request.header("Authorization", format!("Bearer {CONTROL}"));
        let answer = service.handle(request.body(Bytes::from(body)).unwrap()).await;
        assert!(answer.status().is_success(), "{answer:?}");
        String::from_utf8(answer.into_body().to_vec()).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn reload_is_repeated_until_store_works() {
        let path = std::env::temp_dir().join(format!("ably-auth-reload-{}.json", std::process::id()));
        let file = |ids: &[&str]| {
            let keys: Vec<_> = ids.iter().map(|id| format!(r#"{{"id":"{id}","secret":"hush"}}"#)).collect();
            let text = format!(r#"{{"appId":"app","keys":[{}]}}"#, keys.join(","));
            fs::write(&path, &text).unwrap();
            text
        };
        let text = file(&["stays", "leaked"]);
        let fails = Arc::new(AtomicUsize::new(0));
        let service = Service::builder()
            .apps(Apps::from_json(&text).unwrap())
            .sandbox(true)
            .control_token(Token::new(CONTROL).unwrap())
            .store(FailingStore(Memory::new(), Arc::clone(&fails)))
            .build()
            .unwrap();
        control(&service, Request::patch("/v1/apps/app/keys/leaked"), r#"{"name":"changed"}"#).await;
        let (hangup, hangups) = watch::channel(());
        let kept_up = tokio::spawn(watch(path.clone(), Fingerprint::of(&text), service.clone(), hangups));
        fails.store(3, Ordering::SeqCst);
        file(&["stays"]);
        hangup.send(()).unwrap();
        time::sleep(10 * CHECK_INTERVAL).await;
        let metrics = service.metrics();
        for counted in [r#"{result="failed"} 3"#, r#"{result="done"} 1"#] {
            assert!(metrics.contains(&format!("ably_auth_reloads_total{counted}\n")), "{counted}: {metrics}");
        }
        let keys = control(&service, Request::get("/v1/apps/app/keys"), "").await;
        assert!(keys.contains(r#""status":1"#), "the key is not revoked: {keys}");
        kept_up.abort();
        fs::remove_file(path).unwrap();
    }
}
