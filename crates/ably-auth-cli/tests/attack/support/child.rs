//! The service as a process with a limited address space.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{fs, thread};

use serde_json::json;

pub(crate) const SECRET: &str = "EVKVTCBlzLBPYJiCZTsIW_pqylJ9WVRB5K9P19Ap1y0";

/// The address space of the service, in KiB.
const ADDRESS_SPACE: usize = 1_572_864;

/// The number of apps, `app0` to `app7`. Each has the keys `key` and `revocable`, and revocation by channel.
const APPS: usize = 8;

static NEXT: AtomicUsize = AtomicUsize::new(0);

pub(crate) struct Service {
    process: Child,
    apps: PathBuf,
    pub(crate) address: String,
}

impl Service {
    /// Starts the service with `options`, and with defaults for the others.
    pub(crate) fn start(options: &[&str]) -> Self {
        let app = |nth| {
            json!({ "appId": format!("app{nth}"), "revocationByChannel": true, "keys": [
                { "id": "key", "secret": SECRET },
                { "id": "revocable", "secret": SECRET, "revocableTokens": true },
            ] })
        };
        let apps: Vec<_> = (0..APPS).map(app).collect();
        let name = format!("attack-{}-{}.json", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::write(&path, json!({ "apps": apps }).to_string()).unwrap();
        let mut command = Command::new("sh");
        let limited = format!("ulimit -v {ADDRESS_SPACE}; exec \"$@\"");
        command.args(["-c", &limited, "sh", env!("CARGO_BIN_EXE_ably-auth"), "serve", "--listen", "127.0.0.1:0"]);
        command.args(["--log-level", "error", "--apps"]).arg(&path).args(options);
        command.env_remove("ABLY_API_KEY").env_remove("NOTIFY_SOCKET").env_remove("ABLY_AUTH_CONFIG");
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap());
        let mut first = String::new();
        lines.read_line(&mut first).unwrap();
        thread::spawn(move || while lines.read_line(&mut String::new()).is_ok_and(|bytes| bytes > 0) {});
        let address = first.trim().strip_prefix("listening on http://").map(str::to_owned);
        let address = address.unwrap_or_else(|| panic!("the service does not start: {first}"));
        Self { process, apps: path, address }
    }

    pub(crate) fn is_alive(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(None))
    }

    /// Returns the peak of the resident memory in KiB, or `None` if the process has ended.
    pub(crate) fn peak_kib(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.split_whitespace().next()?.parse().ok()
    }

    /// Returns the processor time that the service has used, in hundredths of a second.
    pub(crate) fn processor_ticks(&self) -> Option<u64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id())).ok()?;
        let fields: Vec<_> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        Some(fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // The process may have ended already, which `Attack` reports.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_file(&self.apps);
    }
}
