//! The token service, compared with a server that only parses typed JSON and echoes it, under the same load in
//! alternating rounds.
//!
//! Each server is a separate process, so that its CPU time does not include that of the load. The result is their
//! ratio.

#![allow(clippy::disallowed_methods, reason = "benchmarks measure time")]

mod info;
mod load;
mod most;
mod scale;
mod servers;
mod shards;

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use load::{Load, Measured};
use servers::CONSOLE;

const CONNECTIONS: usize = 64;
const WARM_UP: Duration = Duration::from_millis(500);
const ROUND: Duration = Duration::from_secs(2);
const ROUNDS: usize = 5;

/// The servers, each with its target rate as a share of the echo's rate.
const SERVERS: &[(&str, f64)] = &[
    ("echo", 1.0),
    ("memory", 0.75),
    (SANDBOX, 0.65),
    (CONSOLE, 0.62),
    ("redb", 0.5),
    ("redis", 0.5),
    ("endpoint jwt", 0.9),
    ("endpoint request", 0.9),
];

/// The server with which the one with a console is compared.
const SANDBOX: &str = "sandbox";

/// The minimum rate of a sandbox whose console is open, as a share of the rate of one without a console.
const CONSOLE_SHARE: f64 = 0.95;

#[tokio::main]
async fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["serve", which] => servers::serve(which).await,
        // For use with a profiler.
        ["load", which, seconds] => {
            let lasting = Duration::from_secs(seconds.parse().unwrap());
            let measured = measure(which, &Place::of(which), lasting).await;
            println!("{:.0} a second, {:.1} µs of CPU each", measured.per_second, measured.cpu_micros);
        }
        ["scale"] => scale::all().await,
        ["most"] => most::measure().await,
        ["shards"] => assert!(shards::simulate().await),
        ["grow", store, what, size] => scale::grow(store, what, size).await,
        options => compare(options).await,
    }
}

/// Compares the named servers, or all, with the echo.
async fn compare(options: &[&str]) {
    let strict = options.contains(&"--strict");
    let named =
        |which: &str| which == "echo" || options.iter().all(|word| *word == "--strict") || options.contains(&which);
    let servers: Vec<_> = SERVERS.iter().filter(|(which, _)| named(which) && is_here(which)).collect();
    let mut rounds: Vec<Vec<Measured>> = servers.iter().map(|_| Vec::new()).collect();
    for _ in 0..ROUNDS {
        for ((which, _), measured) in servers.iter().zip(&mut rounds) {
            measured.push(measure(which, &Place::of(which), ROUND).await);
        }
    }
    println!(
        "requestToken, or an auth URL, over HTTP/1.1 on {CONNECTIONS} connections; medians of {ROUNDS} alternating rounds"
    );
    println!(
        "{:16} {:>9} {:>9} {:>9} {:>11} {:>9} {:>11}",
        "", "req/s", "p50 µs", "p99 µs", "CPU µs/req", "of echo", "of its CPU"
    );
    let median = |of: &dyn Fn(&Measured) -> f64, rounds: &[Measured]| {
        let mut values: Vec<f64> = rounds.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let rate = |rounds: &[Measured]| median(&|measured| measured.per_second, rounds);
    let cpu = |rounds: &[Measured]| median(&|measured| measured.cpu_micros, rounds);
    let mut too_slow = false;
    for ((which, reach), measured) in servers.iter().zip(&rounds) {
        let (of_echo, of_cpu) = (rate(measured) / rate(&rounds[0]), cpu(&rounds[0]) / cpu(measured));
        println!(
            "{which:16} {:9.0} {:9.0} {:9.0} {:11.1} {:8.0}% {:10.0}%{}",
            rate(measured),
            median(&|measured| measured.p50_micros, measured),
            median(&|measured| measured.p99_micros, measured),
            cpu(measured),
            of_echo * 100.0,
            of_cpu * 100.0,
            if of_echo < *reach { format!("  SLOW: the target is {:.0}%", reach * 100.0) } else { String::new() },
        );
        too_slow |= of_echo < *reach;
    }
    let rate_of = |name| servers.iter().zip(&rounds).find(|((which, _), _)| *which == name).map(|(_, all)| rate(all));
    if let (Some(sandbox), Some(console)) = (rate_of(SANDBOX), rate_of(CONSOLE)) {
        let share = console / sandbox;
        let note = if share < CONSOLE_SHARE { "  SLOW: the target is 95%" } else { "" };
        println!("with the console open, a sandbox keeps {:.1}% of its rate{note}", share * 100.0);
        too_slow |= share < CONSOLE_SHARE;
    }
    if strict && too_slow {
        std::process::exit(1);
    }
}

/// A store's folder or URL, with its Redis process if it has one. Both are removed on drop.
struct Place(String, Option<Server>);

impl Place {
    fn of(which: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("service-ratios-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        if which != "redis" {
            return Self(folder.to_str().unwrap().into(), None);
        }
        // Another process could take the port before Redis binds it, which is unlikely.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut redis = Command::new("redis-server");
        redis.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--appendonly", "yes", "--save", ""]);
        let redis = Server(redis.arg("--dir").arg(&folder).stdout(Stdio::null()).spawn().unwrap());
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            std::thread::sleep(Duration::from_millis(10));
        }
        Self(format!("redis://127.0.0.1:{port}"), Some(redis))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(self.1.take());
        let _ = std::fs::remove_dir_all(std::env::temp_dir().join(format!("service-ratios-{}", std::process::id())));
    }
}

/// Returns whether the programs that the server needs are installed.
fn is_here(which: &str) -> bool {
    which != "redis" || Command::new("redis-server").arg("--version").stdout(Stdio::null()).status().is_ok()
}

/// A server process, killed on drop.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn measure(which: &str, place: &Place, round: Duration) -> Measured {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env(servers::PLACE, &place.0);
    let mut server = Server(command.args(["serve", which]).stdout(Stdio::piped()).spawn().unwrap());
    let mut address = String::new();
    BufReader::new(server.0.stdout.take().unwrap()).read_line(&mut address).unwrap();
    let address = address.trim().parse().unwrap();
    let reader = (which == CONSOLE).then(|| tokio::spawn(load::read_console(address)));
    let load = Load::new(address, CONNECTIONS, which);
    let warm = load.run(WARM_UP, server.0.id()).await;
    let mut measured = load.run(round, server.0.id()).await;
    measured.in_all += warm.in_all;
    if let Some(reader) = reader {
        assert!(!reader.is_finished(), "the console ended its stream");
        reader.abort();
    }
    measured
}
