//! The service as a child process.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::{fs, io};

use crate::Result;

/// The access token of the Control API.
pub(crate) const CONTROL: &str = "control-access-token-of-chaos";

/// A key with revocable tokens, and one without.
pub(crate) const REVOCABLE: &str = "app.revocable:hush";
pub(crate) const LASTING: &str = "app.lasting:hush";

pub(crate) const APPS: &str = r#"{"appId":"app","keys":[{"id":"revocable","secret":"hush","revocableTokens":true},{"id":"lasting","secret":"hush"}]}"#;

pub(crate) struct Service {
    process: Child,
    address: String,
}

impl Service {
    /// Starts the service on the folder, and waits until it listens. Fails if it cannot open its store.
    pub(crate) fn start(program: &Path, folder: &Path, options: &[&str]) -> Result<Self> {
        let failed = |error: io::Error| format!("the service cannot be started: {error}");
        let (apps, control) = (folder.join("apps.json"), folder.join("control"));
        fs::write(&apps, APPS).and_then(|()| fs::write(&control, CONTROL)).map_err(failed)?;
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
            return Err("the service did not start on its folder; its log is above".into());
        }
        Ok(service)
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Kills the process with SIGKILL, without a graceful shutdown.
    pub(crate) fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.kill();
    }
}
