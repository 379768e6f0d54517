//! Maximum rate of used nonces on one Redis, through the store's own code, without HTTP and signatures.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ably_auth_core::{KeyName, Timestamp};
use ably_auth_server::store::{Fingerprint, Redis, RedisOptions, Store, Use};

use crate::Place;
use crate::info::Info;

const SERVICES: usize = 4;
/// Numbers of concurrent requests at each service.
const WAITING: [usize; 4] = [1, 8, 32, 128];
const LASTING: Duration = Duration::from_secs(3);

pub async fn measure() {
    println!("\nused nonces, by the number of concurrent requests at each of {SERVICES} services on one Redis");
    println!(
        "{:8} {:>11} {:>15} {:>16} {:>16} {:>16}",
        "", "nonces/s", "in a round trip", "CPU µs of Redis", "of a processor", "bytes in + out"
    );
    for waiting in WAITING {
        let place = Place::of("redis");
        let mut stores = Vec::new();
        for _ in 0..SERVICES {
            let mut options = RedisOptions::default();
            options.is_new = stores.is_empty();
            stores.push(Arc::new(Redis::connect_with(&place.0, options).await.unwrap()));
        }
        let before = Info::of(&place.0).unwrap();
        let began = Instant::now();
        let workers: Vec<_> = stores
            .iter()
            .flat_map(|store| (0..waiting).map(|_| tokio::spawn(use_until(Arc::clone(store), began + LASTING))))
            .collect();
        let mut used = 0;
        for worker in workers {
            used += worker.await.unwrap();
        }
        let (lasted, after, used) = (began.elapsed().as_secs_f64(), Info::of(&place.0).unwrap(), used as f64);
        let grown = |name: &str| after.number(name).unwrap() - before.number(name).unwrap();
        let cpu = grown("used_cpu_user") + grown("used_cpu_sys");
        let calls = after.calls("evalsha") - before.calls("evalsha");
        println!(
            "{waiting:8} {:11.0} {:15.1} {:16.1} {:15.0}% {:16.0}",
            used / lasted,
            used / calls,
            cpu * 1e6 / used,
            cpu * 100.0 / lasted,
            (grown("total_net_input_bytes") + grown("total_net_output_bytes")) / used,
        );
    }
}

async fn use_until(store: Arc<Redis>, until: Instant) -> u64 {
    static MADE: AtomicU64 = AtomicU64::new(0);
    let (key, mut used) = (KeyName::parse("app1.key1").unwrap(), 0);
    while Instant::now() < until {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64;
        let nonce = format!("nonce-{:016}", MADE.fetch_add(1, Ordering::Relaxed));
        let now = Timestamp::from_millis(now);
        assert_eq!(store.use_once(Some(Fingerprint::new(&key, &nonce, now)), now).await.unwrap(), Use::First);
        used += 1;
    }
    used
}
