//! Crash test: kills the service again and again under load, and checks that it keeps every answered request.
//!
//! The service stores its data in a folder. Several clients request tokens, revocations and keys, and record the
//! responses. At a random moment the service is killed with SIGKILL and restarted on the same folder. Then every
//! recorded response must still hold; requests without a response may have been lost.

pub(crate) mod client;
mod promises;
pub(crate) mod service;

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::workspace::Workspace;
use crate::{Result, command};
use client::Client;
use promises::Promises;
pub(crate) use promises::now;
use service::Service;

const CLIENTS: usize = 4;

const MINUTE: u64 = 60;

/// Lifetimes of the service after it has begun to listen, in ms.
const LIFETIMES_MS: [u64; 8] = [15, 120, 40, 300, 5, 75, 200, 30];

pub(crate) fn run(options: &[String]) -> Result {
    let seconds = seconds(options)?;
    // A release build takes longer, but starts faster, which pays in a long run with hundreds of starts.
    let (profile, built) = if seconds > MINUTE { ("release", "release") } else { ("dev", "debug") };
    let build = ["build", "--quiet", "--locked", "--package", "ably-auth-cli", "--profile", profile];
    command::run(&mut command::cargo(build))?;
    let program = Workspace::load()?.target_directory.join(built).join("ably-auth");
    let folder = Folder::new()?;
    #[allow(clippy::disallowed_methods, reason = "the duration of the run is wall-clock time")]
    let now = Instant::now;
    let end = now() + Duration::from_secs(seconds);
    let (mut promises, mut kills) = (Promises::default(), 0_usize);
    for life in LIFETIMES_MS.iter().cycle() {
        let mut service = Service::start(&program, &folder.0, &[])?;
        promises.check(&Client::new(service.address()), kills)?;
        if now() >= end {
            break;
        }
        promises.add(std::thread::scope(|scope| {
            let clients: Vec<_> = (0..CLIENTS)
                .map(|nth| {
                    let client = Client::new(service.address());
                    scope.spawn(move || promises::collect(&client, nth))
                })
                .collect();
            std::thread::sleep(Duration::from_millis(*life));
            service.kill();
            clients.into_iter().filter_map(|client| client.join().ok()).collect::<Vec<_>>()
        }));
        kills += 1;
    }
    println!("chaos: {kills} kills; all of {promises} were kept");
    if promises.is_empty() {
        return Err("the service answered no request, so the run proves nothing; see its log above".into());
    }
    Ok(())
}

/// Parses the duration of the run in seconds; 60 by default.
pub(crate) fn seconds(options: &[String]) -> Result<u64> {
    let number = |text: &String| text.parse::<u64>().ok().filter(|number| *number > 0);
    match options {
        [] => Some(MINUTE),
        [unit, text] if unit == "--minutes" => number(text).map(|minutes| minutes * MINUTE),
        [unit, text] if unit == "--seconds" => number(text),
        _ => None,
    }
    .map_or_else(|| Err("invalid options: give `--minutes N`, `--seconds N` or nothing".into()), Ok)
}

/// A temporary folder, deleted on drop.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new() -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("ably-auth-chaos-{}", std::process::id()));
        fs::create_dir_all(&folder).map_err(|error| format!("cannot make `{}`: {error}", folder.display()))?;
        Ok(Self(folder))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
