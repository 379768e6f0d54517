//! Reloading of the TLS certificate when its files change.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use ably_auth_server::Tls;
use tokio::sync::watch::Receiver;
use tokio::time::{self, MissedTickBehavior};

use super::reload::{CHECK_INTERVAL, FileState, Fingerprint};
use crate::input;

/// The files of a certificate and its private key.
pub(super) struct Files {
    certificate: PathBuf,
    key: PathBuf,
    /// The fingerprint of the content that was read last.
    content: Fingerprint,
}

impl Files {
    /// Creates the pair of files. `content` is the fingerprint of what was already read from them.
    pub(super) fn read(certificate: &Path, key: &Path, content: Fingerprint) -> Self {
        Self { certificate: certificate.to_owned(), key: key.to_owned(), content }
    }

    fn seen(&self) -> [FileState; 2] {
        [&self.certificate, &self.key].map(|path| FileState::now(path))
    }

    fn load(&self) -> Result<(Vec<u8>, Vec<u8>), String> {
        let failed = |path: &Path, error: io::Error| format!("`{}`: {error}", path.display());
        let certificate = fs::read(&self.certificate).map_err(|error| failed(&self.certificate, error))?;
        let name = format!("--tls-key {}", self.key.display());
        let mut file = input::open_secret(&name, &self.key).map_err(|failure| failure.to_string())?;
        let mut key = Vec::new();
        file.read_to_end(&mut key).map_err(|error| failed(&self.key, error))?;
        Ok((certificate, key))
    }
}

/// Reloads the certificate on SIGHUP and when one of its files changes, until the service ends. If the files cannot be
/// used, the previous certificate stays in use.
pub(super) async fn watch(tls: Tls, mut files: Files, mut hangups: Receiver<()>) {
    let mut checks = time::interval(CHECK_INTERVAL);
    checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The files may have changed since startup read them. `read_as` is `None`, so the first check reads them again.
    let (mut read_as, mut before) = (None, files.seen());
    loop {
        let is_signal = tokio::select! {
            Ok(()) = hangups.changed() => true,
            _ = checks.tick() => false,
        };
        let seen = files.seen();
        // Wait until two checks see the same files: one may be half written, or only one of the pair renewed.
        let is_settled = std::mem::replace(&mut before, seen.clone()) == seen;
        let is_changed = read_as.as_ref() != Some(&seen) && is_settled;
        if is_signal || is_changed {
            read_as = Some(seen);
            reload(&tls, &mut files, is_signal);
        }
    }
}

fn reload(tls: &Tls, files: &mut Files, is_signal: bool) {
    let file = files.certificate.display().to_string();
    let reloaded = files.load().and_then(|pair| {
        let content = Fingerprint::of(&pair);
        if files.content == content && !is_signal {
            return Ok(false);
        }
        files.content = content;
        tls.reload(&pair.0, &pair.1).map(|()| true).map_err(|error| error.to_string())
    });
    match reloaded {
        Ok(true) => tracing::info!(file, "TLS certificate reloaded"),
        Ok(false) => {}
        Err(error) => tracing::error!(file, error, "TLS certificate not reloaded; the previous one stays in use"),
    }
}
