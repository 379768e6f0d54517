//! Measurement of what an attack costs the service and an honest client.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use ably_auth_core::TokenParams;

use super::{Connection, Service, sign};

/// The key of the honest client; no attack uses its app.
const HONEST: &str = "app7.key";

/// The number of requests that the honest client makes before the attack, and at least during it: the medians of fewer
/// waits vary too much to compare.
const REQUESTS: usize = 100;

/// The time limit for repeating an attack that ends before the honest client has made its [`REQUESTS`].
const REPEATING: Duration = Duration::from_secs(20);

/// The time limit for the honest client to get a token after the attack.
const RECOVERY: Duration = Duration::from_secs(20);

/// The maximum ratio of the honest client's wait during an attack to its wait before, in the long form.
const MAX_RATIO: f64 = 5.0;

fn is_long() -> bool {
    std::env::var("ABLY_AUTH_ATTACK").is_ok_and(|form| form == "long")
}

/// Returns `long` in the long form, else `short`.
pub(crate) fn pick(short: usize, long: usize) -> usize {
    if is_long() { long } else { short }
}

/// An attack on a service that nothing else uses. Attacks run one after the other, so that each is measured alone.
pub(crate) struct Attack {
    resource: &'static str,
    bound_mib: u64,
    sent: AtomicU64,
    pub(crate) service: Service,
    _alone: MutexGuard<'static, ()>,
}

impl Attack {
    pub(crate) fn new(resource: &'static str, bound_mib: u64, options: &[&str]) -> Self {
        static ALONE: Mutex<()> = Mutex::new(());
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        Self { resource, bound_mib, sent: AtomicU64::new(0), service: Service::start(options), _alone: alone }
    }

    /// Adds `bytes` to the number of bytes sent.
    pub(crate) fn count(&self, bytes: usize) {
        self.sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Runs the attack while an honest client requests tokens, again and again until that has made its requests. Prints
    /// the row and asserts the limits.
    pub(crate) fn run(self, attack: impl Fn(&Self)) {
        let quiet = median(&ask(&self.service, |asked| asked < REQUESTS));
        let ticks = self.service.processor_ticks();
        let (ended, asked) = (AtomicBool::new(false), AtomicUsize::new(0));
        let goes_on = |answered| {
            asked.store(answered, Ordering::Relaxed);
            !ended.load(Ordering::Relaxed)
        };
        let waits = thread::scope(|scope| {
            let honest = scope.spawn(|| ask(&self.service, goes_on));
            let _guard = EndOnDrop(&ended);
            let begun = Instant::now();
            attack(&self);
            while asked.load(Ordering::Relaxed) < REQUESTS && begun.elapsed() < REPEATING {
                attack(&self);
            }
            ended.store(true, Ordering::Relaxed);
            honest.join().unwrap()
        });
        self.report(quiet, median(&waits), ticks);
    }

    /// Runs the attack without an honest client, for a service that cannot answer one during the attack.
    pub(crate) fn run_alone(self, attack: impl FnOnce(&Self)) {
        let quiet = median(&ask(&self.service, |asked| asked < REQUESTS));
        let ticks = self.service.processor_ticks();
        attack(&self);
        self.report(quiet, None, ticks);
    }

    fn report(mut self, quiet: Option<Duration>, during: Option<Duration>, ticks_before: Option<u64>) {
        let peak_mib = self.service.peak_kib().map(|kib| kib / 1024);
        let ticks = self.service.processor_ticks().zip(ticks_before).map(|(after, before)| after - before);
        let recovers = recovers(&self.service);
        let (is_alive, peak_after) = (self.service.is_alive(), self.service.peak_kib().map(|kib| kib / 1024));
        let peak_mib = peak_mib.max(peak_after);
        let ratio = quiet.zip(during).map(|(quiet, during)| during.as_secs_f64() / quiet.as_secs_f64());
        let is_slow = is_long() && ratio.is_some_and(|ratio| ratio > MAX_RATIO);
        let is_large = peak_mib.is_none_or(|peak| peak > self.bound_mib);
        let verdict = match (is_alive, is_large || is_slow || !recovers) {
            (false, _) => "FAILED: the service has ended",
            (_, true) => "FAILED",
            _ => "ok",
        };
        let time =
            |time: Option<Duration>| time.map_or("-".into(), |time| format!("{:.2} ms", time.as_secs_f64() * 1e3));
        println!(
            "{} | {:.1} MiB | {} MiB | {} MiB | {} -> {} ({}x) | {:.1} s of processor | {verdict}",
            self.resource,
            self.sent.load(Ordering::Relaxed) as f64 / f64::from(1 << 20),
            peak_mib.map_or("?".into(), |mib| mib.to_string()),
            self.bound_mib,
            time(quiet),
            time(during),
            ratio.map_or("-".into(), |ratio| format!("{ratio:.1}")),
            ticks.unwrap_or_default() as f64 / 100.0,
        );
        assert!(is_alive, "{}: the service has ended", self.resource);
        assert!(!is_large, "{}: {peak_mib:?} MiB exceed {} MiB", self.resource, self.bound_mib);
        assert!(recovers, "{}: an honest client gets no token afterwards", self.resource);
        assert!(!is_slow, "{}: an honest client waits {ratio:?} times as long", self.resource);
    }
}

/// A guard that stops the honest client even if the attack panics.
struct EndOnDrop<'a>(&'a AtomicBool);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Requests tokens one after the other, and returns the wait for each. Repeats failed requests for [`RECOVERY`] at
/// most.
fn ask(service: &Service, goes_on: impl Fn(usize) -> bool) -> Vec<Duration> {
    let (mut waits, mut connection, mut begun) = (Vec::new(), None, Instant::now());
    while goes_on(waits.len()) {
        let opened = connection.take().or_else(|| Connection::open(Ipv4Addr::LOCALHOST, service).ok());
        if let Some(mut opened) = opened {
            if opened.send(&sign(HONEST, &TokenParams::new())).is_ok_and(|answer| answer.status == 201) {
                connection = Some(opened);
                waits.push(begun.elapsed());
                thread::sleep(Duration::from_millis(2));
                begun = Instant::now();
                continue;
            }
        }
        if begun.elapsed() > RECOVERY {
            break;
        }
        thread::sleep(Duration::from_millis(2));
    }
    // The client got no token at all, so its whole wait counts.
    if waits.is_empty() {
        waits.push(begun.elapsed());
    }
    waits
}

fn recovers(service: &Service) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < RECOVERY {
        let answer = Connection::open(Ipv4Addr::LOCALHOST, service)
            .and_then(|mut connection| connection.send(&sign(HONEST, &TokenParams::new())));
        if answer.is_ok_and(|answer| answer.status == 201) {
            return true;
        }
        thread::sleep(Duration::from_millis(100));
    }
    false
}

fn median(waits: &[Duration]) -> Option<Duration> {
    let mut waits = waits.to_vec();
    waits.sort_unstable();
    waits.get(waits.len() / 2).copied()
}
