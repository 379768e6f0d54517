//! The parts that the long tests share: the service as a child process, an HTTP client, and the options of a run.

mod client;
pub mod realtime;
mod service;

use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::{SystemTime, UNIX_EPOCH};
use std::{env, fs};

pub use client::{Client, Connection, Response};
pub use service::{APPS, CONTROL, LASTING, REVOCABLE, Service};
pub use test_support::basic;

/// The error messages of a test.
pub type Result<T = ()> = std::result::Result<T, Vec<String>>;

const MINUTE: u64 = 60;

/// Runs a test for the number of seconds that the command line asks for: one minute by default.
pub fn main(test: fn(u64) -> Result) -> ExitCode {
    let options: Vec<String> = env::args().skip(1).collect();
    let Err(complaints) = seconds(&options).and_then(test) else { return ExitCode::SUCCESS };
    complaints.iter().for_each(|complaint| eprintln!("error: {complaint}"));
    ExitCode::FAILURE
}

fn seconds(options: &[String]) -> Result<u64> {
    let number = |text: &String| text.parse::<u64>().ok().filter(|number| *number > 0);
    match options {
        [] => Some(MINUTE),
        [unit, text] if unit == "--minutes" => number(text).map(|minutes| minutes * MINUTE),
        [unit, text] if unit == "--seconds" => number(text),
        _ => None,
    }
    .ok_or_else(|| vec!["invalid options: give `--minutes N`, `--seconds N` or nothing".into()])
}

/// Builds `ably-auth`. A release build takes longer, but starts faster and answers faster.
pub fn build(is_release: bool) -> Result<PathBuf> {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "--locked", "--bin", "ably-auth"]);
    let folder = if is_release {
        cargo.args(["--package", "ably-auth-cli", "--release"]);
        "release"
    } else {
        // With the options of `cargo xtask test`, so that nothing is built twice.
        cargo.args(["--workspace", "--all-features", "--examples"]);
        "debug"
    };
    // These variables describe this package. ring's build script watches them, and would build ring again, and all that
    // depends on it.
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) {
            cargo.env_remove(name);
        }
    }
    let built = cargo.status().is_ok_and(|status| status.success());
    // This test is in `target/debug/deps`.
    let target = env::current_exe().ok().and_then(|test| Some(test.ancestors().nth(3)?.to_owned()));
    match target.filter(|_| built) {
        Some(target) => Ok(target.join(folder).join("ably-auth")),
        None => Err(vec!["`ably-auth` was not built; see the output above".into()]),
    }
}

/// A temporary folder, deleted on drop.
pub struct Folder(pub PathBuf);

impl Folder {
    /// Creates the folder.
    pub fn new() -> Result<Self> {
        let folder = env::temp_dir().join(format!("ably-auth-endurance-{}", std::process::id()));
        fs::create_dir_all(&folder).map_err(|error| vec![format!("cannot make `{}`: {error}", folder.display())])?;
        Ok(Self(folder))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Returns the time in milliseconds since the Unix epoch.
pub fn now() -> u64 {
    #[allow(clippy::disallowed_methods, reason = "a token request carries its creation time")]
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
}
