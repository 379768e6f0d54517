//! Costs of a million tokens, memory of each store by its size, and the effect of that size on verification.

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

/// Allowed ratio of verification times with a thousand times as many revocations.
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

/// Measures the cost of tokens: CPU time, and load on Redis.
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
        let shown = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.1}"));
        let cpu = redis("used_cpu_user").zip(redis("used_cpu_sys")).map(|(user, system)| user + system);
        let bytes = redis("total_net_input_bytes").zip(redis("total_net_output_bytes"));
        println!(
            "{store:8} {:14.1} {:>14} {:>16} {:>16}",
            measured.cpu_micros,
            shown(cpu),
            shown(redis("total_commands_processed").map(|commands| commands.round())),
            shown(bytes.map(|(input, output)| (input + output) / 1e6)),
        );
    }
}

/// Measures the bytes for each used nonce and each revocation.
fn growth() {
    for what in ["nonces", "revocations"] {
        println!("\nbytes for each entry, by the number of {what}: memory of the process | file or Redis");
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

/// Runs in a child process: fills a store, and prints the growth of the process and of the store's file or Redis, in
/// bytes.
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

/// Returns the total length of all files in a folder, in bytes.
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
            // 40 nonces a millisecond, as in a busy service.
            let timestamp = Timestamp::from_millis(now.as_millis() + nth / 40);
            store.use_once(Some(Fingerprint::new(&key, &format!("nonce-{nth:016}"), timestamp)), now)
        });
        for asked in asked.collect::<Vec<_>>() {
            asked.await.unwrap();
        }
    }
}

/// Revokes each of the clients, a hundred in each request, with a few concurrent requests.
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
            // Retry once if the store was overloaded.
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

/// Measures the verification of a token that is not revoked, by services with growing numbers of revocations.
async fn verification() -> bool {
    const ROUNDS: usize = 40;
    const LOOKS: u32 = 1_000;
    println!("\nnanoseconds to verify a token, by revocations of its key; the best of {ROUNDS} alternating rounds");
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
    println!("a thousand times as many: {growth:.2} times as long; the limit is {MOST_GROWTH}");
    growth <= MOST_GROWTH
}

/// Returns the resident memory of this process, in bytes.
pub fn resident() -> i64 {
    const PAGE: i64 = 4096;
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<i64>().unwrap() * PAGE
}
