//! A simulation of several Redis servers: shards, each a separate store. The app in a key's name selects the shard.
//!
//! The stores are real, and the simulation checks the records that services write to them.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex};

use ably_auth_core::{Nonce, Timestamp, TokenParams, TokenRequest};
use ably_auth_server::store::{Feed, Fingerprint, KeptClaims, Memory, Pending, Record, Reference, Store, Use, Written};
use ably_auth_server::{Apps, Service};
use serde_json::{Value, json};

use crate::scale::{post, stats};

const SHARDS: usize = 4;
const APPS: usize = 400;

/// A store that counts nonces and records the names of its records. Clones share the store.
#[derive(Clone, Debug)]
pub struct Shared {
    store: Arc<dyn Store>,
    names: Arc<Mutex<BTreeSet<String>>>,
    nonces: Arc<Mutex<usize>>,
}

impl Shared {
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, names: Arc::default(), nonces: Arc::default() }
    }
}

impl Store for Shared {
    fn feed(&self) -> &Feed {
        self.store.feed()
    }

    fn secret(&self) -> Option<[u8; 32]> {
        self.store.secret()
    }

    fn catch_up(&self, now: Timestamp) -> Pending<()> {
        self.store.catch_up(now)
    }

    fn use_once(&self, nonce: Option<Fingerprint>, now: Timestamp) -> Pending<Use> {
        *self.nonces.lock().unwrap() += 1;
        self.store.use_once(nonce, now)
    }

    fn write(&self, records: Vec<Record>, seen: u64, now: Timestamp) -> Pending<Written> {
        self.names.lock().unwrap().extend(records.iter().map(|record| record.name.to_string()));
        self.store.write(records, seen, now)
    }

    fn keep(&self, reference: Reference, claims: KeptClaims, now: Timestamp) -> Pending<bool> {
        self.store.keep(reference, claims, now)
    }

    fn kept(&self, reference: Reference) -> Pending<Option<KeptClaims>> {
        self.store.kept(reference)
    }

    fn set_time(&self, now: Timestamp) -> Pending<()> {
        self.store.set_time(now)
    }
}

/// Returns the shard with the highest hash of shard and app. A new shard takes apps from all; no other app moves.
fn shard_of(app_id: &str, shards: usize) -> usize {
    let weight = |shard: &usize| {
        let mut hasher = DefaultHasher::new();
        (shard, app_id).hash(&mut hasher);
        hasher.finish()
    };
    (0..shards).max_by_key(weight).unwrap()
}

/// Returns the app in a record's name: `app/ID`, `key/ID.KEY` or `revoked/ID.KEY/TARGET`.
fn app_of(name: &str) -> &str {
    name.split('/').nth(1).unwrap().split('.').next().unwrap()
}

/// Returns the app of a request, from the key's name in its path or the start of its token.
fn app_asked(asked: &str) -> &str {
    asked.split('.').next().unwrap()
}

pub async fn simulate() -> bool {
    println!("\n{APPS} apps on {SHARDS} shards, by the app in the name of the key");
    let ids: Vec<_> = (0..APPS).map(|nth| format!("app{nth:05}")).collect();
    let apps: Vec<_> = ids
        .iter()
        .map(|id| json!({ "appId": id, "keys": [{ "id": "key1", "secret": "hush", "revocableTokens": true }] }))
        .collect();
    let apps = json!({ "apps": apps }).to_string();
    let stores: Vec<_> = (0..SHARDS).map(|_| Shared::new(Arc::new(Memory::new()))).collect();
    let services: Vec<_> = stores
        .iter()
        .map(|store| {
            let service = Service::builder().apps(Apps::from_json(&apps).unwrap()).service_secret([7; 32]);
            service.store(store.clone()).build().unwrap()
        })
        .collect();
    let mut broken = 0;
    for id in &ids {
        broken += promises_broken(&services, id).await;
    }
    let astray = |(nth, store): (usize, &Shared)| {
        let names = store.names.lock().unwrap();
        names.iter().filter(|name| shard_of(app_of(name), SHARDS) != nth).count()
    };
    let astray: usize = stores.iter().enumerate().map(astray).sum();
    let loads: Vec<_> = stores.iter().map(|store| *store.nonces.lock().unwrap()).collect();
    println!("wrong answers, with every request sent to its shard: {broken}; records on a wrong shard: {astray}");
    println!("nonces on each shard: {loads:?}");
    let many: Vec<_> = (0..100_000).map(|nth| format!("app{nth:05}")).collect();
    for shards in [2, 4, 8, 16] {
        let mut apps = BTreeMap::<usize, usize>::new();
        many.iter().for_each(|id| *apps.entry(shard_of(id, shards)).or_default() += 1);
        let mean = many.len() as f64 / shards as f64;
        let moved = many.iter().filter(|id| shard_of(id, shards) != shard_of(id, shards + 1)).count();
        let astray =
            many.iter().filter(|id| ![shard_of(id, shards), shards].contains(&shard_of(id, shards + 1))).count();
        println!(
            "{shards:3} shards: the largest has {:.3} of the mean; with one more, {:.1} % move, {astray} of them elsewhere",
            *apps.values().max().unwrap() as f64 / mean,
            moved as f64 * 100.0 / many.len() as f64,
        );
    }
    broken == 0 && astray == 0
}

/// Exchanges, replays, revokes and uses a token, each at the shard of the request. Returns the number of wrong answers.
async fn promises_broken(services: &[Service], id: &str) -> usize {
    let name = format!("{id}.key1");
    let at = |asked: &str| &services[shard_of(app_asked(asked), SHARDS)];
    let key = format!("{name}:hush").parse().unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as u64;
    let params = TokenParams::new().client_id("bob");
    let nonce = Nonce::parse(&format!("nonce-of-{id:16}").replace(' ', "0")).unwrap();
    let signed = TokenRequest::sign(&key, &params, Timestamp::from_millis(now), nonce).unwrap();
    let signed = serde_json::to_value(&signed).unwrap();
    let path = format!("{name}/requestToken");
    let token = post(at(&name), &path, "", &signed).await;
    let token: Value = serde_json::from_slice(token.body()).unwrap();
    let token = token["token"].as_str().expect("a token").to_owned();
    let bearer = format!("Bearer {token}");
    let mut broken = 0;
    broken += usize::from(post(at(&name), &path, "", &signed).await.status() == 201);
    broken += usize::from(stats(at(&token), &bearer).await.status() != 200);
    let basic = format!("Basic {}", base64(format!("{name}:hush").as_bytes()));
    let targets = json!({ "targets": ["clientId:bob"] });
    assert_eq!(post(at(&name), &format!("{name}/revokeTokens"), &basic, &targets).await.status(), 201);
    broken += usize::from(stats(at(&token), &bearer).await.status() != 401);
    broken
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
