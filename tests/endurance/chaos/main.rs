//! Crash test: kills the service again and again under load, and checks that it keeps every answered request.
//!
//! The service stores its data in a folder. Several clients request tokens, revocations and keys, and record the
//! responses. At a random moment the service is killed with SIGKILL and restarted on the same folder. Then every
//! recorded response must still hold; requests without a response may have been lost.

mod promises;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use endurance::{Client, Folder, Result, Service, build};
use promises::Promises;

const CLIENTS: usize = 4;

const MINUTE: u64 = 60;

/// Lifetimes of the service after it has begun to listen, in ms.
const LIFETIMES_MS: [u64; 8] = [15, 120, 40, 300, 5, 75, 200, 30];

fn main() -> ExitCode {
    endurance::main(run)
}

fn run(seconds: u64) -> Result {
    // A release build pays in a long run with hundreds of starts.
    let program = build(seconds > MINUTE)?;
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
        return Err(vec!["the service answered no request, so the run proves nothing; see its log above".into()]);
    }
    Ok(())
}
