//! What a million tokens cost, how each store grows, and whether that slows anything down.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ably_auth_core::{KeyName, Timestamp};
use ably_auth_server::store::{Fingerprint, Memory, Redb, Redis, RedisOptions, Store};
use ably_auth_server::{Apps, Service};
use bytes::Bytes;
use http::{Request, Response};
use serde_json::{Value, json};

use crate::info::Info;
use crate::servers::PLACE;
use crate::{Place, measure, most, shards};

const SIZES: [u64; 4] = [1_000, 10_000, 100_000, 1_000_000];
const STORES: [&str; 3] = ["memory", "redb", "redis"];

/// How much slower a token may be verified where a thousand times as much was revoked.
const MOST_GROWTH: f64 = 1.2;

pub const APP: &str = r#"{"appId":"app1","keys":[{"id":"key1","secret":"hush","revocableTokens":true}]}"#;
pub const BASIC: &str = "Basic YXBwMS5rZXkxOmh1c2g=";

pub async fn all() {
    cost().await;
    most::measure().await;
    growth();
    let mut holds = verification().await;
    holds &= shards::simulate().await;
    if !holds {
        std::process::exit(1);
    }
}

/// Of tokens: the processor's time, and what is asked of Redis.
async fn cost() {
    println!("a million tokens, on {} connections", crate::CONNECTIONS);
    println!(
        "{:8} {:>14} {:>14} {:>16} {:>16}",
        "", "CPU s, service", "CPU s, Redis", "commands, Redis", "MB in + out"
    );
    for store in STORES {
        let place = Place::of(store);
        let before = Info::of(&place.0);
        let measured = measure(store, &place, Duration::from_secs(4)).await;
        let (after, tokens) = (Info::of(&place.0), measured.in_all as f64 / 1e6);
        let redis = |name: &str| Some((after.as_ref()?.number(name)? - before.as_ref()?.number(name)?) / tokens);
        let told = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.1}"));
        let cpu = redis("used_cpu_user").zip(redis("used_cpu_sys")).map(|(user, system)| user + system);
        let bytes = redis("total_net_input_bytes").zip(redis("total_net_output_bytes"));
        println!(
            "{store:8} {:14.1} {:>14} {:>16} {:>16}",
            measured.cpu_micros,
            told(cpu),
            told(redis("total_commands_processed").map(|commands| commands.round())),
            told(bytes.map(|(input, output)| (input + output) / 1e6)),
        );
    }
}

/// Bytes for each entry, of used nonces and of revocations.
fn growth() {
    for what in ["nonces", "revocations"] {
        println!("\nbytes for each of so many {what}: memory of the process | file or Redis");
        println!("{:8} {}", "", SIZES.map(|size| format!("{size:>20}")).concat());
        for store in STORES {
            let cells = SIZES.map(|size| {
                let place = Place::of(store);
                let mut child = Command::new(std::env::current_exe().unwrap());
                child.args(["grow", store, what, &size.to_string()]).env(PLACE, &place.0).stderr(Stdio::inherit());
                let text = String::from_utf8(child.output().unwrap().stdout).unwrap();
                let numbers: Vec<i64> = text.split_whitespace().map(|number| number.parse().unwrap()).collect();
                let each = |bytes: i64| bytes / size as i64;
                format!("{:>11} |{:>7}", each(numbers[0]), each(numbers[1]))
            });
            println!("{store:8} {}", cells.concat());
        }
    }
}

/// In a process of its own: fills a store, and tells by how many bytes the process grew, and what the store keeps elsewhere.
pub async fn grow(store: &str, what: &str, size: &str) {
    let (place, size) = (std::env::var(PLACE).unwrap(), size.parse::<u64>().unwrap());
    let elsewhere = || match store {
        "redb" => files(Path::new(&place)),
        "redis" => Info::of(&place).and_then(|info| info.number("used_memory")).unwrap_or_default() as i64,
        _ => 0,
    };
    let opened: Arc<dyn Store> = match store {
        "memory" => Arc::new(Memory::new()),
        "redb" => Arc::new(Redb::open(&place).unwrap()),
        _ => {
            let mut options = RedisOptions::default();
            options.is_new = true;
            Arc::new(Redis::connect_with(&place, options).await.unwrap())
        }
    };
    if what == "nonces" {
        let (before, there) = (resident(), elsewhere());
        use_nonces(&opened, size).await;
        println!("{} {}", resident() - before, elsewhere() - there);
    } else {
        let service = Service::builder().apps(Apps::from_json(APP).unwrap()).store(shards::Shared::new(opened));
        let service = service.build().unwrap();
        revoke(&service, 0..100).await;
        let (before, there) = (resident(), elsewhere());
        revoke(&service, 100..size + 100).await;
        println!("{} {}", resident() - before, elsewhere() - there);
    }
}

/// How long all files below are, in bytes.
fn files(folder: &Path) -> i64 {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let lengths = entries.map(|entry| match entry.metadata().unwrap() {
        metadata if metadata.is_dir() => files(&entry.path()),
        metadata => metadata.len() as i64,
    });
    lengths.sum()
}

async fn use_nonces(store: &Arc<dyn Store>, size: u64) {
    const AT_ONCE: u64 = 2_000;
    let (key, now) = (KeyName::parse("app1.key1").unwrap(), Timestamp::from_millis(1_700_000_000_000));
    for first in (0..size).step_by(AT_ONCE as usize) {
        let asked = (first..size.min(first + AT_ONCE)).map(|nth| {
            // As many in a millisecond as a busy service uses.
            let timestamp = Timestamp::from_millis(now.as_millis() + nth / 40);
            store.use_once(Some(Fingerprint::new(&key, &format!("nonce-{nth:016}"), timestamp)), now)
        });
        for asked in asked.collect::<Vec<_>>() {
            asked.await.unwrap();
        }
    }
}

/// As many clients, a hundred in a request, a few requests at once.
pub async fn revoke(service: &Service, clients: std::ops::Range<u64>) {
    const IN_ONE: u64 = 100;
    const AT_ONCE: usize = 4;
    let mut firsts = clients.clone().step_by(IN_ONE as usize).peekable();
    while firsts.peek().is_some() {
        let asked: Vec<_> = firsts
            .by_ref()
            .take(AT_ONCE)
            .map(|first| {
                let targets: Vec<_> =
                    (first..clients.end.min(first + IN_ONE)).map(|nth| format!("clientId:user-{nth:09}")).collect();
                let body = json!({ "targets": targets });
                let again = post(service, "app1.key1/revokeTokens", BASIC, &body);
                (tokio::spawn(post(service, "app1.key1/revokeTokens", BASIC, &body)), again)
            })
            .collect();
        for (asked, again) in asked {
            // A store that was too busy is asked once more.
            let answer = match asked.await.unwrap() {
                answer if answer.status() == 201 => answer,
                _ => again.await,
            };
            assert_eq!(answer.status(), 201, "{answer:?}");
        }
    }
}

pub fn post(
    service: &Service,
    path: &str,
    authorization: &str,
    body: &Value,
) -> impl Future<Output = Response<Bytes>> + Send + use<> {
    let mut request = Request::post(format!("https://localhost/keys/{path}")).header("X-Ably-Version", "6");
    if !authorization.is_empty() {
        request = request.header("Authorization", authorization);
    }
    service.handle(request.body(Bytes::from(body.to_string())).unwrap())
}

pub fn stats(service: &Service, authorization: &str) -> impl Future<Output = Response<Bytes>> + Send + use<> {
    let request = Request::get("https://localhost/stats").header("Authorization", authorization);
    service.handle(request.body(Bytes::new()).unwrap())
}

/// A token of a client that was not revoked, looked at by services that know of more and more revocations.
async fn verification() -> bool {
    const ROUNDS: usize = 40;
    const LOOKS: u32 = 1_000;
    println!("\nnanoseconds to verify a token, by revocations of its key; the best of {ROUNDS} rounds in turns");
    let mut services = Vec::new();
    for size in SIZES {
        let service = Service::builder().apps(Apps::from_json(APP).unwrap()).build().unwrap();
        let token = post(
            &service,
            "app1.key1/requestToken",
            BASIC,
            &json!({ "keyName": "app1.key1", "clientId": "bob", "timestamp": crate::load::now() }),
        );
        let token: Value = serde_json::from_slice(token.await.body()).unwrap();
        revoke(&service, 0..size).await;
        services.push((service, format!("Bearer {}", token["token"].as_str().unwrap()), f64::MAX));
    }
    for _ in 0..ROUNDS {
        for (service, bearer, best) in &mut services {
            let began = Instant::now();
            for _ in 0..LOOKS {
                assert_eq!(stats(service, bearer).await.status(), 200);
            }
            *best = best.min(began.elapsed().as_nanos() as f64 / f64::from(LOOKS));
        }
    }
    for (size, (.., best)) in SIZES.iter().zip(&services) {
        println!("{size:>9} {best:7.0}");
    }
    let growth = services[SIZES.len() - 1].2 / services[0].2;
    println!("a thousand times as many: {growth:.2} times as long; {MOST_GROWTH} at most");
    growth <= MOST_GROWTH
}

/// What this process has in memory, in bytes.
pub fn resident() -> i64 {
    const PAGE: i64 = 4096;
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<i64>().unwrap() * PAGE
}
