//! The service as a child process.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::{fs, io};

use crate::Result;

/// The access token of the Control API.
pub const CONTROL: &str = "control-access-token-of-chaos";

/// A key with revocable tokens, and one without.
pub const REVOCABLE: &str = "app.revocable:hush";
pub const LASTING: &str = "app.lasting:hush";

pub const APPS: &str = r#"{"appId":"app","keys":[{"id":"revocable","secret":"hush","revocableTokens":true},{"id":"lasting","secret":"hush"}]}"#;

pub struct Service {
    process: Child,
    address: String,
}

impl Service {
    /// Starts the service on the folder, and waits until it listens. Fails if it cannot open its store.
    pub fn start(program: &Path, folder: &Path, options: &[&str]) -> Result<Self> {
        let failed = |error: io::Error| vec![format!("the service cannot be started: {error}")];
        let (apps, control) = (folder.join("apps.json"), folder.join("control"));
        write_private(&apps, APPS).and_then(|()| write_private(&control, CONTROL)).map_err(failed)?;
        let mut command = Command::new(program);
        command.args(["serve", "--sandbox", "--listen", "127.0.0.1:0", "--log-level", "warn"]);
        command.arg("--apps").arg(apps).arg("--control-token").arg(control).arg("--data").arg(folder.join("data"));
        let mut process = command.args(options).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(failed)?;
        let mut line = String::new();
        if let Some(output) = process.stdout.take() {
            BufReader::new(output).read_line(&mut line).map_err(failed)?;
        }
        let address = line.trim().strip_prefix("listening on http://").map(str::to_owned);
        let mut service = Self { process, address: address.clone().unwrap_or_default() };
        if address.is_none() {
            service.kill();
            return Err(vec!["the service did not start on its folder; its log is above".into()]);
        }
        Ok(service)
    }

    pub fn id(&self) -> u32 {
        self.process.id()
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    /// Kills the process with SIGKILL, without a graceful shutdown.
    pub fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Writes a file that only this user can read: the service warns of other files of secrets.
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(text.as_bytes())
}

impl Drop for Service {
    fn drop(&mut self) {
        self.kill();
    }
}
