//! Soak test: runs a service at full load for minutes, and checks its memory and its responses.
//!
//! Some clients request and use tokens without a pause, and replay some requests; one revokes; one reloads the apps;
//! some are too slow; some hundred realtime connections are in use. Each knows the response that it must get; any other
//! is an error.

mod connections;

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use endurance::{APPS, Client, Connection, Folder, LASTING, REVOCABLE, Response, Result, Service, basic, build, now};
use serde_json::{Value, json};

const CLIENTS: usize = 16;
const SLOW: usize = 16;
const OPTIONS: &[&str] = &["--header-deadline", "1s", "--body-deadline", "1s", "--max-history", "16777216"];

const SECOND: Duration = Duration::from_secs(1);

/// Time for which the service keeps a used nonce, in seconds. Until then, its memory grows with the load.
const NONCE_WINDOW_SECONDS: usize = 130;

/// Upper bound of the memory for a used nonce, in bytes.
const NONCE_BYTES: u64 = 160;

/// Upper bound of the memory of a warm service without nonces, in bytes; includes the cache of its store.
const WARM_BYTES: u64 = 192 << 20;

/// Allowed ratio of the memory in the last quarter of a long run to that in the first quarter after the warm-up.
const GROWTH: f64 = 1.15;

#[derive(Default)]
struct Soak {
    ended: AtomicBool,
    tokens: AtomicU64,
    answers: AtomicU64,
    revocations: AtomicU64,
    reloads: AtomicU64,
    slow: AtomicU64,
    connections: connections::Done,
    errors: Mutex<Vec<String>>,
}

fn main() -> ExitCode {
    endurance::main(run)
}

fn run(seconds: u64) -> Result {
    let program = build(true)?;
    let folder = Folder::new()?;
    let service = Service::start(&program, &folder.0, OPTIONS)?;
    let (soak, client) = (Soak::default(), Client::new(service.address()));
    let (soak, client, apps) = (&soak, &client, folder.0.join("apps.json"));
    let samples = thread::scope(|scope| {
        for nth in 0..CLIENTS {
            scope.spawn(move || soak.repeat(client, |connection, turn| soak.ask(connection, nth, turn)));
        }
        scope.spawn(|| soak.repeat(client, |connection, turn| soak.revoke(connection, turn)));
        scope.spawn(|| soak.reload(&apps, service.id()));
        for nth in 0..SLOW {
            scope.spawn(move || soak.send_slowly(client, nth));
        }
        for nth in 0..connections::THREADS {
            scope.spawn(move || {
                let has_ended = || soak.ended.load(Ordering::Relaxed);
                if let Err(problem) = connections::use_connections(client, nth, &soak.connections, has_ended) {
                    soak.complain(problem);
                }
            });
        }
        let samples = watch(soak, service.id(), seconds);
        soak.ended.store(true, Ordering::Relaxed);
        samples
    });
    let mut complaints = soak.errors.lock().map(|errors| errors.clone()).unwrap_or_default();
    complaints.extend(memory_growth(&samples));
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    println!(
        "soak: {seconds} s, {} answers, {} tokens, {} revocations, {} reloads, {} slow clients; {} errors",
        count(&soak.answers),
        count(&soak.tokens),
        count(&soak.revocations),
        count(&soak.reloads),
        count(&soak.slow),
        complaints.len(),
    );
    let [opened, published, renewed, resumed, closed] = soak.connections.counts();
    println!(
        "soak: {opened} realtime connections opened, {published} messages published, {renewed} tokens renewed, {resumed} \
         connections resumed, {closed} closed"
    );
    if soak.connections.counts().contains(&0) {
        complaints.push("realtime connections made no progress: a count above is 0; see the log of the service".into());
    }
    if [&soak.tokens, &soak.revocations, &soak.reloads, &soak.slow].into_iter().any(|counter| count(counter) == 0) {
        complaints.push("a client made no progress: a count above is 0; see the log of the service".into());
    }
    if complaints.is_empty() { Ok(()) } else { Err(complaints) }
}

/// Samples the memory and the number of tokens once a second.
fn watch(soak: &Soak, process: u32, seconds: u64) -> Vec<(u64, u64)> {
    let mut samples = Vec::new();
    for second in 1..=seconds {
        thread::sleep(SECOND);
        let (bytes, tokens) = (resident(process), soak.tokens.load(Ordering::Relaxed));
        samples.push((bytes, tokens));
        if second % 10 == 0 {
            println!("{second:5} s  {:5} MiB  {tokens:9} tokens", bytes >> 20);
        }
    }
    samples
}

/// Returns a complaint if the samples show a memory leak.
fn memory_growth(samples: &[(u64, u64)]) -> Option<String> {
    let (bytes, tokens) = samples.last()?;
    let kept = tokens
        .saturating_sub(samples.get(samples.len().saturating_sub(NONCE_WINDOW_SECONDS)).map_or(0, |sample| sample.1));
    let kept = if samples.len() <= NONCE_WINDOW_SECONDS { *tokens } else { kept };
    if *bytes > WARM_BYTES + NONCE_BYTES * kept {
        return Some(format!("the service uses {} MiB for {kept} nonces; look for a memory leak", bytes >> 20));
    }
    // The first quarter begins when nonces expire as fast as new ones arrive.
    let settled = samples.get(NONCE_WINDOW_SECONDS + 50..).filter(|settled| settled.len() >= 4 * 40)?;
    let quarter = settled.len() / 4;
    let mean = |part: Option<&[(u64, u64)]>| part.unwrap_or_default().iter().map(|sample| sample.0).sum::<u64>() as f64;
    let (first, last) = (mean(settled.get(..quarter)), mean(settled.get(settled.len() - quarter..)));
    (last > first * GROWTH)
        .then(|| format!("the memory has grown by {:.0} %; look for a leak", (last / first - 1.0) * 100.0))
}

impl Soak {
    /// Repeats an action over one connection, until the end of the run or an error.
    fn repeat(&self, client: &Client, act: impl Fn(&mut Connection, u64) -> Option<()>) {
        let Some(mut connection) = client.connect() else {
            return self.complain("a client could not connect".into());
        };
        for turn in 0.. {
            if self.ended.load(Ordering::Relaxed) || act(&mut connection, turn).is_none() {
                return;
            }
        }
    }

    /// Returns the response if it has the expected status and code; otherwise records a complaint. At most 20 are kept.
    fn expect(&self, what: &str, answer: Option<Response>, status: u16, code: u64) -> Option<Response> {
        self.answers.fetch_add(1, Ordering::Relaxed);
        match answer {
            Some(answer) if (answer.status, answer.code()) == (status, code) => return Some(answer),
            Some(answer) => {
                self.complain(format!("{what}: got {} {}, not {status} {code}", answer.status, answer.code()));
            }
            None => self.complain(format!("{what}: no response")),
        }
        None
    }

    fn complain(&self, problem: String) {
        if let Ok(mut errors) = self.errors.lock() {
            if errors.len() < 20 {
                errors.push(problem);
            }
        }
    }

    fn ask(&self, connection: &mut Connection, nth: usize, turn: u64) -> Option<()> {
        const PATH: &str = "/keys/app.lasting/requestToken";
        let key = basic(LASTING);
        let nonce = format!("nonce-of-soak-{nth:04}-{turn:012}");
        let request = json!({ "keyName": "app.lasting", "timestamp": now(), "nonce": nonce });
        let answer = self.expect("a token request", connection.ask("POST", PATH, &key, &request), 201, 0)?;
        self.tokens.fetch_add(1, Ordering::Relaxed);
        match turn % 16 {
            0 => self.expect("a replayed request", connection.ask("POST", PATH, &key, &request), 401, 40105)?,
            1 => self.expect("an unsigned request", connection.ask("POST", PATH, "", &request), 401, 40101)?,
            nth if nth % 4 == 2 => {
                let bearer = format!("Bearer {}", answer.text("token")?);
                self.expect("a token", connection.ask("GET", "/stats", &bearer, &Value::Null), 200, 0)?
            }
            _ => answer,
        };
        Some(())
    }

    fn revoke(&self, connection: &mut Connection, turn: u64) -> Option<()> {
        let key = basic(REVOCABLE);
        let request = json!({ "keyName": "app.revocable", "clientId": format!("client-{turn}"), "timestamp": now() });
        let answer = connection.ask("POST", "/keys/app.revocable/requestToken", &key, &request);
        let bearer = format!("Bearer {}", self.expect("a token to revoke", answer, 201, 0)?.text("token")?);
        let targets = json!({ "targets": [format!("clientId:client-{turn}")] });
        let answer = connection.ask("POST", "/keys/app.revocable/revokeTokens", &key, &targets);
        self.expect("a revocation", answer, 201, 0)?;
        self.expect("a revoked token", connection.ask("GET", "/stats", &bearer, &Value::Null), 401, 40141)?;
        self.revocations.fetch_add(1, Ordering::Relaxed);
        thread::sleep(SECOND / 50);
        Some(())
    }

    /// Adds and removes a key by turns. Some changes are signalled with SIGHUP; the service must notice the others.
    fn reload(&self, apps: &Path, process: u32) {
        let new = apps.with_extension("new");
        for turn in 0_u64.. {
            thread::sleep(SECOND);
            if self.ended.load(Ordering::Relaxed) {
                return;
            }
            let extra = r#",{"id":"extra","secret":"hush"}]}"#;
            let text = if turn % 2 == 0 { APPS.replace("]}", extra) } else { APPS.into() };
            if fs::write(&new, text).and_then(|()| fs::rename(&new, apps)).is_err() {
                return self.complain("cannot write the apps file".into());
            }
            if turn % 4 < 2 {
                let _ = Command::new("kill").args(["-HUP", &process.to_string()]).status();
            }
            self.reloads.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Sends half a request: an incomplete head, or an incomplete body.
    fn send_slowly(&self, client: &Client, nth: usize) {
        while !self.ended.load(Ordering::Relaxed) {
            let Some(mut connection) = client.connect() else {
                return self.complain("a slow client could not connect".into());
            };
            let head = "POST /keys/app.lasting/requestToken HTTP/1.1\r\nHost: localhost\r\n";
            let begun = if nth % 2 == 0 { head.into() } else { format!("{head}Content-Length: 100\r\n\r\n{{") };
            let status = connection.send(&begun).and_then(|()| connection.receive()).map(|answer| answer.status);
            if status != (nth % 2 == 1).then_some(408) {
                return self.complain(format!("a slow client got the status {status:?}"));
            }
            self.slow.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Returns the resident memory of a process, in bytes.
fn resident(process: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok()).unwrap_or_default() << 10
}
