//! A service at full load for minutes, and what becomes of its memory and of its answers.
//!
//! Some clients ask for tokens without a pause, use them, and send some requests twice; one revokes; one has the apps read anew;
//! some are too slow. Each knows what it has to be answered, and whatever else it is answered is an error that nobody caused.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::chaos::client::{Answer, Client, Connection, basic};
use crate::chaos::service::{APPS, LASTING, REVOCABLE, Service};
use crate::chaos::{Folder, now, seconds};
use crate::workspace::Workspace;
use crate::{Complaints, Result, command};

const CLIENTS: usize = 16;
const SLOW: usize = 16;
const OPTIONS: &[&str] = &["--header-deadline", "1s", "--body-deadline", "1s"];

const SECOND: Duration = Duration::from_secs(1);

/// For as long as a used nonce is kept, in seconds, the memory grows with the load.
const WINDOW: usize = 130;

/// More than what a used nonce takes, in bytes.
const OF_NONCE: u64 = 160;

/// What a service takes beside that once it is warm, its store's cache among it, in bytes.
const WARM: u64 = 192 << 20;

/// How much more it may have in memory in the last quarter of a long run than in the quarter that it was warm in first.
const GROWTH: f64 = 1.15;

#[derive(Default)]
struct Soak {
    ended: AtomicBool,
    tokens: AtomicU64,
    answers: AtomicU64,
    revocations: AtomicU64,
    reloads: AtomicU64,
    slow: AtomicU64,
    errors: Mutex<Vec<String>>,
}

pub(crate) fn run(options: &[String]) -> Result {
    let seconds = seconds(options)?;
    let build = ["build", "--quiet", "--locked", "--release", "--package", "ably-auth-cli"];
    command::run(&mut command::cargo(build))?;
    let program = Workspace::load()?.target_directory.join("release").join("ably-auth");
    let folder = Folder::new()?;
    let service = Service::start(&program, &folder.0, OPTIONS)?;
    let (soak, client) = (Soak::default(), Client::new(service.address()));
    let (soak, client, apps) = (&soak, &client, folder.0.join("apps.json"));
    let samples = thread::scope(|scope| {
        for nth in 0..CLIENTS {
            scope.spawn(move || soak.keep_on(client, |connection, turn| soak.ask(connection, nth, turn)));
        }
        scope.spawn(|| soak.keep_on(client, |connection, turn| soak.revoke(connection, turn)));
        scope.spawn(|| soak.reload(&apps, service.id()));
        for nth in 0..SLOW {
            scope.spawn(move || soak.be_slow(client, nth));
        }
        let samples = watch(soak, service.id(), seconds);
        soak.ended.store(true, Ordering::Relaxed);
        samples
    });
    let mut complaints = soak.errors.lock().map(|errors| errors.clone()).unwrap_or_default();
    complaints.extend(grown(&samples));
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    println!(
        "soak: {seconds} s, {} answers, {} tokens, {} revocations, {} reloads, {} slow clients; {} errors that nobody caused",
        count(&soak.answers),
        count(&soak.tokens),
        count(&soak.revocations),
        count(&soak.reloads),
        count(&soak.slow),
        complaints.len(),
    );
    if [&soak.tokens, &soak.revocations, &soak.reloads, &soak.slow].into_iter().any(|counter| count(counter) == 0) {
        complaints.push("not everything was done that belongs to it; see why".into());
    }
    if complaints.is_empty() { Ok(()) } else { Err(Complaints(complaints)) }
}

/// The memory and the tokens so far, each second.
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

/// What speaks for memory that is not given back.
fn grown(samples: &[(u64, u64)]) -> Option<String> {
    let (bytes, tokens) = samples.last()?;
    let kept = tokens.saturating_sub(samples.get(samples.len().saturating_sub(WINDOW)).map_or(0, |sample| sample.1));
    let kept = if samples.len() <= WINDOW { *tokens } else { kept };
    if *bytes > WARM + OF_NONCE * kept {
        return Some(format!("{} MiB are in memory for {kept} nonces; see what they are", bytes >> 20));
    }
    // The first quarter begins once as many nonces go as come.
    let settled = samples.get(WINDOW + 50..).filter(|settled| settled.len() >= 4 * 40)?;
    let quarter = settled.len() / 4;
    let mean = |part: Option<&[(u64, u64)]>| part.unwrap_or_default().iter().map(|sample| sample.0).sum::<u64>() as f64;
    let (first, last) = (mean(settled.get(..quarter)), mean(settled.get(settled.len() - quarter..)));
    (last > first * GROWTH)
        .then(|| format!("the memory has grown by {:.0} %; see by what", (last / first - 1.0) * 100.0))
}

impl Soak {
    /// On one connection, until the end or an error.
    fn keep_on(&self, client: &Client, act: impl Fn(&mut Connection, u64) -> Option<()>) {
        let Some(mut connection) = client.connect() else {
            return self.complain("a client is not let in".into());
        };
        for turn in 0.. {
            if self.ended.load(Ordering::Relaxed) || act(&mut connection, turn).is_none() {
                return;
            }
        }
    }

    /// Whether the answer is the one that has to be. There is an end to the complaints.
    fn expect(&self, what: &str, answer: Option<Answer>, status: u16, code: u64) -> Option<Answer> {
        self.answers.fetch_add(1, Ordering::Relaxed);
        match answer {
            Some(answer) if (answer.status, answer.code()) == (status, code) => return Some(answer),
            Some(answer) => self.complain(format!("{what}: {} {}, not {status} {code}", answer.status, answer.code())),
            None => self.complain(format!("{what}: no answer")),
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
            0 => self.expect("a request again", connection.ask("POST", PATH, &key, &request), 401, 40105)?,
            1 => self.expect("a request unsigned", connection.ask("POST", PATH, "", &request), 401, 40101)?,
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
        let request = json!({ "keyName": "app.revocable", "clientId": format!("client-{turn}") });
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

    /// Adds a key and takes it away; by turns, the service notices and is told.
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
                return self.complain("the apps cannot be written".into());
            }
            if turn % 4 < 2 {
                let _ = Command::new("kill").args(["-HUP", &process.to_string()]).status();
            }
            self.reloads.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Begins a request and does not end it: a head, or a body.
    fn be_slow(&self, client: &Client, nth: usize) {
        while !self.ended.load(Ordering::Relaxed) {
            let Some(mut connection) = client.connect() else {
                return self.complain("a slow client is not let in".into());
            };
            let head = "POST /keys/app.lasting/requestToken HTTP/1.1\r\nHost: localhost\r\n";
            let begun = if nth % 2 == 0 { head.into() } else { format!("{head}Content-Length: 100\r\n\r\n{{") };
            let told = connection.send(&begun).and_then(|()| connection.hear()).map(|answer| answer.status);
            if told != (nth % 2 == 1).then_some(408) {
                return self.complain(format!("a slow client is told {told:?}"));
            }
            self.slow.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// What that process has in memory, in bytes.
fn resident(process: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok()).unwrap_or_default() << 10
}
