//! The apps' file, read again when it changes.

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

/// How often the file is looked at. It is read once it has not changed from one look to the next: whoever writes it may take
/// a moment.
pub(super) const LOOK: Duration = Duration::from_millis(500);

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

/// What tells that a file is another, without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    File { modified: Option<SystemTime>, bytes: u64, place: (u64, u64) },
    Unreadable(io::ErrorKind),
}

impl Seen {
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

/// Keeps the service's apps as the file says, for as long as it runs. A file that cannot be read changes nothing; what a store
/// did not answer for is tried again with each look.
pub(super) async fn keep_up(path: PathBuf, read: Fingerprint, service: Service, mut hangups: Receiver<()>) {
    let mut look = time::interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // It may have changed already since it was read.
    let (mut read_as, mut before) = (None, Seen::now(&path));
    let mut text = Some(read);
    let mut to_take = None;
    loop {
        let is_told = tokio::select! {
            Ok(()) = hangups.changed() => true,
            _ = look.tick() => false,
        };
        let seen = Seen::now(&path);
        let is_settled = std::mem::replace(&mut before, seen.clone()) == seen;
        let mut is_again = to_take.is_some();
        if is_told || (read_as.as_ref() != Some(&seen) && is_settled) {
            read_as = Some(seen);
            match read_text(&path) {
                Ok(read) if !is_told && text == Some(Fingerprint::of(&read)) => {}
                Ok(read) => {
                    text = Some(Fingerprint::of(&read));
                    match Apps::from_json(&read) {
                        Ok(apps) => (to_take, is_again) = (Some(apps), false),
                        Err(error) => unread(&path, &service, &error),
                    }
                }
                Err(failure) => unread(&path, &service, &failure),
            }
        }
        if let Some(apps) = to_take.take() {
            to_take = take(apps, &path, &service, is_again).await;
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

fn unread(path: &Path, service: &Service, error: &dyn Display) {
    service.reload_failed();
    tracing::error!(file = %path.display(), %error, "the apps cannot be read again, and stay as they are");
}

/// Gives the apps back if they are to be taken again. What goes on failing is told once.
async fn take(apps: Apps, path: &Path, service: &Service, is_again: bool) -> Option<Apps> {
    let file = path.display();
    match service.reload(apps.clone()).await {
        Ok(told) => {
            tracing::info!(
                %file,
                keys_added = told.keys_added,
                keys_changed = told.keys_changed,
                keys_removed = told.keys_removed,
                "the apps were read again"
            );
            None
        }
        Err(error) if error.kind() == ErrorKind::Store => {
            if is_again {
                tracing::debug!(%file, %error, "the apps were read again, and not all could be done yet");
            } else {
                tracing::error!(%file, %error, "the apps were read again, and not all could be done; it is tried until it is");
            }
            Some(apps)
        }
        Err(error) => {
            tracing::error!(%file, %error, "the apps were read again, and cannot be taken");
            None
        }
    }
}

/// So that no copy of the keys is kept to compare with.
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

    /// Fails to write so often.
    #[derive(Debug)]
    struct Hiccup(Memory, Arc<AtomicUsize>);

    impl Store for Hiccup {
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
                return Pending::unavailable(Unavailable::new("it was told to"));
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
    async fn what_a_store_did_not_answer_for_is_tried_until_it_does() {
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
            .store(Hiccup(Memory::new(), Arc::clone(&fails)))
            .build()
            .unwrap();
        control(&service, Request::patch("/v1/apps/app/keys/leaked"), r#"{"name":"changed"}"#).await;
        let (hangup, hangups) = watch::channel(());
        let kept_up = tokio::spawn(keep_up(path.clone(), Fingerprint::of(&text), service.clone(), hangups));
        fails.store(3, Ordering::SeqCst);
        file(&["stays"]);
        hangup.send(()).unwrap();
        time::sleep(10 * LOOK).await;
        let metrics = service.metrics();
        for counted in [r#"{result="failed"} 3"#, r#"{result="done"} 1"#] {
            assert!(metrics.contains(&format!("ably_auth_reloads_total{counted}\n")), "{counted}: {metrics}");
        }
        let keys = control(&service, Request::get("/v1/apps/app/keys"), "").await;
        assert!(keys.contains(r#""status":1"#), "it is revoked: {keys}");
        kept_up.abort();
        fs::remove_file(path).unwrap();
    }
}
