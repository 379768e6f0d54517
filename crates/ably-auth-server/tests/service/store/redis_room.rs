//! Tests of the store in Redis with much data, or with a Redis that accepts no writes.

use ably_auth_core::{KeyName, Timestamp};
use ably_auth_server::store::{Fingerprint, Record, Redis, RedisOptions, Store as _, Use, Written};

use super::StoreSetup as _;
use super::redis::{Shared, revoke};
use super::redis_loss::{large, wait_for};
use super::redis_server::{RedisServer, connect_to_new};
use crate::large_tokens;
use crate::support::*;

const DAY: u64 = 24 * HOUR;

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

/// Writes `many` records whose names start with `kind`.
fn write(setup: &Shared, store: &Redis, kind: &str, many: usize, expires: Option<u64>, now: u64) {
    for first in (0..many).step_by(1_000) {
        let record = |nth| Record {
            name: format!("{kind}/{nth}").into(),
            value: Some(b"value".to_vec().into()),
            expires: expires.map(at),
        };
        let records = (first..many.min(first + 1_000)).map(record).collect();
        store.feed().learn(drop);
        let written = setup.1.block_on(store.write(records, store.feed().seen(), at(now)));
        assert_eq!(written.unwrap(), Written::Done);
    }
}

/// Opens another store and returns the number of records that it reads.
fn count_records(setup: &Shared, now: u64) -> usize {
    let store = setup.1.block_on(Redis::connect(&setup.0.url())).unwrap();
    setup.1.block_on(store.catch_up(at(now))).unwrap();
    let mut count = 0;
    store.feed().learn(|record| count += usize::from(record.value.is_some()));
    count
}

#[test]
fn valid_records_are_read_after_others_expire() {
    let Some(setup) = Shared::new() else { return };
    let store = setup.1.block_on(connect_to_new(&setup.0.url())).unwrap();
    write(&setup, &store, "lasting", 1_200, None, NOW);
    write(&setup, &store, "over", 10, Some(NOW + HOUR), NOW);
    write(&setup, &store, "another", 1, None, NOW + 2 * HOUR);
    assert_eq!(setup.0.command(&["HLEN", "{ably-auth}:records"]), "1201");
    assert_eq!(count_records(&setup, NOW + 2 * HOUR), 1_201);
}

#[test]
fn store_opens_with_150_000_records() {
    const MANY: usize = 150_000;
    let Some(setup) = Shared::new() else { return };
    let store = setup.1.block_on(connect_to_new(&setup.0.url())).unwrap();
    write(&setup, &store, "lasting", MANY, None, NOW);
    assert_eq!(count_records(&setup, NOW), MANY);
}

/// Uses nonces at the time `now`, with timestamps from `timestamp` to 99 ms later.
fn use_all(setup: &Shared, store: &Redis, nonces: std::ops::Range<u64>, timestamp: u64, now: u64) -> Vec<Use> {
    let key = KeyName::parse(KEY).unwrap();
    let used = nonces.map(|nth| {
        let nonce = Fingerprint::new(&key, &nth.to_string(), at(timestamp + nth % 100));
        setup.1.block_on(store.use_once(Some(nonce), at(now))).unwrap()
    });
    used.collect()
}

#[test]
fn expired_nonces_are_dropped_and_not_reused() {
    let Some(setup) = Shared::new() else { return };
    let store = setup.1.block_on(connect_to_new(&setup.0.url())).unwrap();
    let all_are = |used: &[Use], what: Use| assert!(used.iter().all(|used| *used == what), "{used:?}");
    let left = || setup.0.command(&["ZCARD", "{ably-auth}:nonces"]).parse::<u64>().unwrap();
    all_are(&use_all(&setup, &store, 0..400, NOW, NOW), Use::First);
    all_are(&use_all(&setup, &store, 0..400, NOW, NOW), Use::Again);
    let goes_in: u64 = setup.0.command(&["PTTL", "{ably-auth}:nonces"]).parse().unwrap();
    assert!((HOUR / 2..=HOUR).contains(&goes_in), "{goes_in}");

    let later = NOW + 10 * MINUTE;
    all_are(&use_all(&setup, &store, 400..600, later, later), Use::First);
    assert!(left() < 300, "{}", left());
    for used in use_all(&setup, &store, 0..400, NOW, NOW) {
        assert!(matches!(used, Use::Again | Use::Forgotten { .. }), "{used:?}");
    }
    all_are(&use_all(&setup, &store, 400..600, later, later), Use::Again);

    // The clock was ahead. Nonces that expire by the correct clock are dropped too.
    all_are(&use_all(&setup, &store, 600..1_000, NOW + MINUTE, NOW + MINUTE), Use::First);
    all_are(&use_all(&setup, &store, 1_000..1_020, NOW + 4 * MINUTE, NOW + 4 * MINUTE), Use::First);
    assert!(left() < 400, "{}", left());
    for used in use_all(&setup, &store, 600..1_000, NOW + MINUTE, NOW + MINUTE) {
        assert!(matches!(used, Use::Again | Use::Forgotten { .. }), "{used:?}");
    }
}

#[test]
fn lost_nonces_block_only_times_when_some_were_used() {
    let Some(setup) = Shared::new() else { return };
    let store = setup.1.block_on(connect_to_new(&setup.0.url())).unwrap();
    let (between, ahead) = (NOW + HOUR, NOW + 2 * HOUR);
    use_all(&setup, &store, 0..5, NOW, NOW);
    use_all(&setup, &store, 5..10, ahead, ahead);
    assert_eq!(setup.0.command(&["DEL", "{ably-auth}:nonces"]), "1");
    let is_forgotten = |used: &Use| matches!(used, Use::Forgotten { .. });
    assert!(use_all(&setup, &store, 0..5, NOW, NOW).iter().all(is_forgotten));
    assert_eq!(use_all(&setup, &store, 10..15, between, between), [Use::First; 5]);
    let again = use_all(&setup, &store, 5..10, ahead, ahead);
    // The lost nonces are unknown, so every nonce is refused up to the timestamp of the last used one.
    assert_eq!(again, [Use::Forgotten { until: at(ahead + 9) }; 5]);
    assert_eq!(use_all(&setup, &store, 20..21, ahead + 10, ahead), [Use::First]);
}

#[test]
fn times_of_dropped_nonces_are_kept_in_bounded_memory() {
    let Some(setup) = Shared::new() else { return };
    let store = setup.1.block_on(connect_to_new(&setup.0.url())).unwrap();
    // At intervals of 3 minutes, so that each nonce is a separate span. Together they cover more than three days.
    for nth in 0..1_500 {
        let now = NOW + nth * 3 * MINUTE;
        assert_eq!(use_all(&setup, &store, nth..nth + 1, now, now), [Use::First]);
    }
    let bytes: usize = setup.0.command(&["HSTRLEN", "{ably-auth}:state", "spans"]).parse().unwrap();
    assert!((1_000..20_000).contains(&bytes), "{bytes}");
    let later = NOW + 1_500 * 3 * MINUTE;
    // Spans that ended more than a day before the latest are merged, so a nonce between them is refused.
    let old = use_all(&setup, &store, 2_000..2_001, NOW + 2 * MINUTE + 30_000, NOW + 2 * MINUTE);
    assert!(matches!(old[0], Use::Forgotten { .. }), "{old:?}");
    assert_eq!(use_all(&setup, &store, 2_001..2_002, later, later), [Use::First]);
}

#[test]
fn old_services_are_forgotten_and_running_ones_kept() {
    let Some(setup) = Shared::new() else { return };
    let (one, other) = setup.two();
    assert_eq!(one.exchange(&one.sign(KEY, &params())).code(), (201, 0));
    let start_many = "for i = 1, 10000 do redis.call('HSET', KEYS[1], string.format('%016d', i), i) end";
    setup.0.command(&["EVAL", start_many, "1", "{ably-auth}:state"]);
    for world in [&other, &setup.open(Some(&one)), &one] {
        // On a machine under load, Redis may take longer than a request waits for it.
        let mut answers = (0..20).map(|_| world.exchange(&world.sign(KEY, &params())).code());
        assert_eq!(answers.find(|answer| *answer != (500, 50003)), Some((201, 0)));
    }
    let left: usize = setup.0.command(&["HLEN", "{ably-auth}:state"]).parse().unwrap();
    assert!(left < 6_000, "{left}");
}

#[test]
fn redis_that_cannot_write_still_reports_changes() {
    let Some(setup) = Shared::new() else { return };
    let (one, other) = setup.two();
    let [bob, alice] = ["bob", "alice"].map(|name| one.token(REVOCABLE, &of(name)));
    assert_eq!(revoke(&other, "clientId:bob"), 201);
    let folder = setup.0.command(&["CONFIG", "GET", "dir"]).lines().nth(1).unwrap().to_owned();
    let ways = [
        (["maxmemory", "1"], ["maxmemory", "0"]),
        // A failed snapshot, as on a full disk.
        (["save", "3600 1"], ["save", ""]),
    ];
    std::fs::remove_dir_all(folder).unwrap();
    for (begin, end) in ways {
        setup.0.command(&[&["CONFIG", "SET"], &begin[..]].concat());
        setup.0.command(&["BGSAVE"]);
        wait_for(&setup.0, &["INFO", "persistence"], "rdb_last_bgsave_status:err");
        for _ in 0..3 {
            assert_eq!(one.accepts(&alice).code(), (200, 0), "{begin:?}");
            assert_eq!(one.accepts(&bob).code(), (401, 40141));
            assert_eq!(one.exchange(&one.sign(KEY, &params())).code(), (500, 50003));
            assert_eq!(revoke(&one, "clientId:carol"), 500);
            one.pass(2 * MINUTE);
        }
        setup.0.command(&[&["CONFIG", "SET"], &end[..]].concat());
        assert_eq!(one.exchange(&one.sign(KEY, &params())).code(), (201, 0));
    }
}

#[test]
fn failed_write_in_batch_does_not_fail_reads() {
    let Some(redis) = RedisServer::start() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let store = runtime.block_on(connect_to_new(&redis.url())).unwrap();
    redis.command(&["CONFIG", "SET", "maxmemory", "1"]);
    let nonce = Fingerprint::new(&KeyName::parse(KEY).unwrap(), "one", at(NOW));
    runtime.block_on(async {
        // All of them share a round trip.
        let (look, used) = (store.catch_up(at(NOW)), store.use_once(Some(nonce), at(NOW)));
        let (touched, look_too) = (store.probe(at(NOW)), store.catch_up(at(NOW)));
        assert!(look.await.is_ok() && look_too.await.is_ok());
        assert!(used.await.is_err() && touched.await.is_err());
    });
    redis.command(&["CONFIG", "SET", "maxmemory", "0"]);
    assert_eq!(runtime.block_on(store.use_once(Some(nonce), at(NOW))).unwrap(), Use::First);
}

#[test]
fn stored_claims_do_not_expire_by_redis_clock() {
    let Some(setup) = Shared::new() else { return };
    let (world, _) = setup.two();
    let kept = || setup.0.command(&["KEYS", "{ably-auth}:token:*"]);
    assert_eq!(large(&world), (201, 0));
    let first = kept();
    let left: u64 = setup.0.command(&["PTTL", &first]).parse().unwrap();
    assert!(left > DAY, "{left}");
    world.pass(HOUR);
    assert_eq!(large(&world), (201, 0));
    assert!(!kept().contains(&first), "the first claims have expired");
}

#[test]
fn app_limit_spares_other_apps_in_redis() {
    let Some(setup) = Shared::new() else { return };
    let mut options = RedisOptions::default();
    (options.is_new, options.limits) = (true, large_tokens::few());
    let store = setup.1.block_on(Redis::connect_with(&setup.0.url(), options)).unwrap();
    large_tokens::check_app_limit_spares_other_apps(&World::over(store, &setup.1, None));
    let of_apps = setup.0.command(&["HVALS", "{ably-auth}:kept-apps"]);
    let sum: usize = of_apps.lines().map(|bytes| bytes.parse::<usize>().unwrap()).sum();
    assert_eq!(setup.0.command(&["GET", "{ably-auth}:kept-bytes"]), sum.to_string());
}
