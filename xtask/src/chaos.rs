//! A service that is killed again and again while it is asked, and must keep what it has promised.
//!
//! The service keeps its promises in a folder. Several clients ask it for tokens, revocations and keys, and note what was
//! answered; at a random moment it is killed with SIGKILL, and started again on the same folder. Then every promise is held
//! against what was noted: what was answered holds, whatever became of what was not.

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

const A_MINUTE: u64 = 60;

/// The service lives for as long as one of these, in milliseconds, after it has begun to listen.
const LIVES: [u64; 8] = [15, 120, 40, 300, 5, 75, 200, 30];

pub(crate) fn run(options: &[String]) -> Result {
    let seconds = seconds(options)?;
    // What takes longer to build starts sooner, which pays where it is started hundreds of times.
    let (profile, built) = if seconds > A_MINUTE { ("release", "release") } else { ("dev", "debug") };
    let build = ["build", "--quiet", "--locked", "--package", "ably-auth-cli", "--profile", profile];
    command::run(&mut command::cargo(build))?;
    let program = Workspace::load()?.target_directory.join(built).join("ably-auth");
    let folder = Folder::new()?;
    #[allow(clippy::disallowed_methods, reason = "how long to go on is a matter of the clock on the wall")]
    let now = Instant::now;
    let end = now() + Duration::from_secs(seconds);
    let (mut promises, mut kills) = (Promises::default(), 0_usize);
    for life in LIVES.iter().cycle() {
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
    println!("chaos: {kills} kills, and of {promises} none was broken");
    if promises.is_empty() {
        return Err("nothing was promised, so nothing was proved; see why the service answers nothing".into());
    }
    Ok(())
}

/// How long to go on: a minute, unless said otherwise.
pub(crate) fn seconds(options: &[String]) -> Result<u64> {
    let number = |text: &String| text.parse::<u64>().ok().filter(|number| *number > 0);
    match options {
        [] => Some(A_MINUTE),
        [unit, text] if unit == "--minutes" => number(text).map(|minutes| minutes * A_MINUTE),
        [unit, text] if unit == "--seconds" => number(text),
        _ => None,
    }
    .map_or_else(|| Err("give `--minutes N`, `--seconds N` or nothing".into()), Ok)
}

/// A folder for these minutes.
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
