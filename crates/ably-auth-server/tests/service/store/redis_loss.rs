//! Tests of services over a Redis that has lost data.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use ably_auth_server::store::Redis;
use serde_json::json;

use super::redis::{Shared, control, revoke, wait_until_available};
use super::redis_server::{RedisServer, connect_to_new};
use super::{StoreSetup as _, TempDir, runtime};
use crate::support::*;

const KEYS: [&str; 6] = ["state", "records", "log", "expiries", "nonces", "secret"];

impl Shared {
    fn with(options: &[&str]) -> Option<Self> {
        let _installed = RedisServer::start()?;
        Some(Self(RedisServer::start_with(TempDir::new(), options), runtime()))
    }

    /// Creates a service with its own clock, which does not declare Redis as new.
    fn open_undeclared(&self) -> World {
        World::over(self.1.block_on(Redis::connect(&self.0.url())).unwrap(), &self.1, None)
    }

    fn save(&self) {
        assert_eq!(self.0.command(&["SAVE"]), "OK");
    }

    /// Restarts Redis without the data that was not saved.
    fn crash(&mut self) {
        self.0.kill();
        self.0.restart();
    }

    fn copy(&self, from: &str, to: &str) {
        for key in KEYS {
            let [from, to] = [from, to].map(|prefix| format!("{{ably-auth}}:{prefix}{key}"));
            self.0.command(&["DEL", &to]);
            self.0.command(&["COPY", &from, &to]);
        }
    }
}

/// Creates a key at run time. Returns its credential and its path.
fn make_key(world: &World) -> (String, String) {
    let made = control(world, "POST", "app1/keys", &json!({ "name": "web", "capability": { "*": ["*"] } })).json();
    (basic_of(made["key"].as_str().unwrap()), format!("app1/keys/{}", made["id"].as_str().unwrap()))
}

fn make_app(world: &World) -> (String, String) {
    let made = world.post("/apps", "", &json!({ "keys": [{}] })).json();
    (basic_of(made["keys"][0]["keyStr"].as_str().unwrap()), made["appId"].as_str().unwrap().to_owned())
}

/// Checks that a revocation survives a loss. One service revokes a key and deletes an app, and Redis loses both before the
/// other service has read them.
fn check_revocation_survives_loss(mut setup: Shared, save: bool, revoker_reconnects_first: bool) {
    let (one, other) = setup.two();
    let ((key, path), (app_key, app)) = (make_key(&one), make_app(&one));
    for credential in [&key, &app_key] {
        assert_eq!(other.get("/stats", credential).code(), (200, 0));
    }
    if save {
        setup.save();
    }
    assert_eq!(control(&one, "POST", &format!("{path}/revoke"), &json!({})).status, 200);
    let delete = http::Request::delete(format!("/apps/{app}")).header("Authorization", &app_key);
    assert_eq!(one.send(delete, "").status, 204);
    setup.crash();
    let worlds = if revoker_reconnects_first { [&one, &other] } else { [&other, &one] };
    worlds.into_iter().for_each(wait_until_available);
    for world in [&one, &other, &setup.open_undeclared()] {
        assert_eq!(world.get("/stats", &key).code(), (401, 40131));
        assert_eq!(world.get("/stats", &app_key).code(), (404, 40400));
    }
}

#[test]
fn revocation_survives_redis_with_older_data() {
    let Some(setup) = Shared::new() else { return };
    check_revocation_survives_loss(setup, true, true);
}

#[test]
fn revocation_survives_empty_redis() {
    let Some(setup) = Shared::new() else { return };
    check_revocation_survives_loss(setup, false, true);
}

#[test]
fn service_that_missed_revocation_does_not_undo_it() {
    for save in [true, false] {
        let Some(setup) = Shared::new() else { return };
        check_revocation_survives_loss(setup, save, false);
    }
}

#[test]
fn change_after_loss_is_not_undone_by_other_service() {
    let Some(mut setup) = Shared::new() else { return };
    let (one, other) = setup.two();
    let (key, path) = make_key(&one);
    assert_eq!(other.get("/stats", &key).code(), (200, 0));
    setup.save();
    for nth in 0..20 {
        assert_eq!(control(&one, "PATCH", &path, &json!({ "name": nth.to_string() })).status, 200);
    }
    setup.crash();
    wait_until_available(&other);
    assert_eq!(control(&other, "POST", &format!("{path}/revoke"), &json!({})).status, 200);
    wait_until_available(&one);
    for world in [&one, &other] {
        assert_eq!(world.get("/stats", &key).code(), (401, 40131));
    }
}

#[test]
fn loss_is_detected_by_service_that_reconnects_later() {
    let Some(setup) = Shared::new() else { return };
    let (one, other) = setup.two();
    let token = one.token(REVOCABLE, &of("bob"));
    assert_eq!(other.accepts(&token).code(), (200, 0));
    setup.copy("", "copy-of-");
    let used = one.sign(KEY, &params());
    assert_eq!(one.exchange(&used).code(), (201, 0));
    assert_eq!(revoke(&one, "clientId:bob"), 201);
    setup.copy("copy-of-", "");
    for _ in 0..20 {
        assert_eq!(other.exchange(&other.sign(KEY, &params())).code(), (201, 0));
    }
    wait_until_available(&one);
    for world in [&one, &other] {
        assert_eq!(world.exchange(&used).code(), (500, 50003));
        assert_eq!(world.accepts(&token).code(), (401, 40141));
    }
}

#[test]
fn restarted_services_do_not_trust_restarted_redis() {
    let Some(mut setup) = Shared::new() else { return };
    let (one, other) = setup.two();
    let token = one.token(REVOCABLE, &of("bob"));
    setup.save();
    one.set(NOW + HOUR / 2);
    let used = one.sign(KEY, &params());
    assert_eq!(one.exchange(&used).code(), (201, 0));
    assert_eq!(revoke(&one, "clientId:bob"), 201);
    let shared = one.clone_without_service();
    drop((one, other));
    setup.crash();
    let world = setup.open(Some(&shared));
    assert_eq!(world.exchange(&used).code(), (500, 50003));
    assert_eq!(world.accepts(&token).code(), (401, 40141));
    assert_eq!(world.get("/stats", &basic(KEY)).code(), (200, 0));
    world.set(NOW + HOUR / 2 + 2 * MINUTE + 1);
    assert_eq!(world.exchange(&world.sign(KEY, &params())).code(), (201, 0));
}

#[test]
fn restarted_durable_redis_is_trusted() {
    let Some(mut setup) = Shared::with(&["--appendonly", "yes", "--appendfsync", "always"]) else { return };
    let (one, other) = setup.two();
    let [token, revoked] = ["alice", "bob"].map(|name| one.token(REVOCABLE, &of(name)));
    assert_eq!(revoke(&one, "clientId:bob"), 201);
    let used = one.sign(KEY, &params());
    assert_eq!(one.exchange(&used).code(), (201, 0));
    setup.crash();
    wait_until_available(&one);
    wait_until_available(&other);
    for world in [&one, &other, &setup.open(Some(&one))] {
        assert_eq!(world.exchange(&used).code(), (401, 40105));
        assert_eq!(world.exchange(&world.sign(KEY, &params())).code(), (201, 0));
        assert_eq!(world.accepts(&token).code(), (200, 0));
        assert_eq!(world.accepts(&revoked).code(), (401, 40141));
    }
}

#[test]
fn redis_not_durable_before_restart_is_not_trusted() {
    let Some(mut setup) = Shared::with(&["--appendonly", "yes"]) else { return };
    let (one, other) = setup.two();
    let token = one.token(REVOCABLE, &of("bob"));
    setup.copy("", "copy-of-");
    let used = one.sign(KEY, &params());
    assert_eq!(one.exchange(&used).code(), (201, 0));
    assert_eq!(revoke(&one, "clientId:bob"), 201);
    let shared = one.clone_without_service();
    drop((one, other));
    setup.crash();
    // The last second is lost, and then the configuration is corrected.
    setup.copy("copy-of-", "");
    assert_eq!(setup.0.command(&["CONFIG", "SET", "appendfsync", "always"]), "OK");
    let world = setup.open(Some(&shared));
    assert_eq!(world.exchange(&used).code(), (500, 50003));
    assert_eq!(world.accepts(&token).code(), (401, 40141));
}

#[test]
fn dropped_secret_is_written_back() {
    let Some(setup) = Shared::new() else { return };
    let open = |before: Option<&World>| {
        let store = setup.1.block_on(connect_to_new(&setup.0.url())).unwrap();
        World::with_secret_of(store, &setup.1, before)
    };
    let one = open(None);
    let token = one.token(KEY, &params());
    assert_eq!(setup.0.command(&["DEL", "{ably-auth}:secret"]), "1");
    assert_eq!(one.accepts(&token).code(), (200, 0));
    let other = open(Some(&one));
    assert_eq!(other.accepts(&token).code(), (200, 0));
}

#[test]
fn request_used_by_clock_ahead_is_refused_after_loss() {
    let Some(mut setup) = Shared::new() else { return };
    let (behind, ahead) = (setup.open(None), setup.open(None));
    ahead.set(NOW + MINUTE + 2 * MINUTE - 1);
    let used = ahead.sign(KEY, &params());
    ahead.set(NOW + MINUTE);
    assert_eq!(ahead.exchange(&used).code(), (201, 0));
    setup.crash();
    wait_until_available(&behind);
    wait_until_available(&ahead);
    assert_eq!(ahead.exchange(&used).code(), (500, 50003));
    behind.set(NOW + MINUTE);
    assert_eq!(behind.exchange(&used).code(), (500, 50003));
}

#[test]
fn dropped_records_are_detected_and_restored() {
    for gone in [&["records"][..], &["log"], &["records", "log"], &["state"], &["secret"]] {
        let Some(setup) = Shared::new() else { return };
        let (one, other) = setup.two();
        let token = one.token(REVOCABLE, &of("bob"));
        assert_eq!(revoke(&one, "clientId:bob"), 201);
        let (key, _) = make_key(&one);
        assert_eq!(other.get("/stats", &key).code(), (200, 0));
        for key in gone {
            assert_eq!(setup.0.command(&["DEL", &format!("{{ably-auth}}:{key}")]), "1");
        }
        let third = setup.open(Some(&one));
        assert_eq!(third.get("/stats", &basic(KEY)).code(), (200, 0), "{gone:?}");
        wait_until_available(&other);
        for world in [&third, &one, &other] {
            assert_eq!(world.accepts(&token).code(), (401, 40141), "{gone:?}");
            assert_eq!(world.get("/stats", &key).code(), (200, 0), "{gone:?}");
        }
    }
}

#[test]
fn is_new_hides_no_loss_from_running_service() {
    let Some(mut setup) = Shared::new() else { return };
    let one = setup.open(None);
    let used = one.sign(KEY, &params());
    assert_eq!(one.exchange(&used).code(), (201, 0));
    setup.crash();
    let other = setup.open(Some(&one));
    wait_until_available(&one);
    assert_eq!(other.exchange(&used).code(), (500, 50003));

    make_key(&one);
    drop((one, other));
    assert_eq!(setup.0.command(&["DEL", "{ably-auth}:state"]), "1");
    let world = setup.open(None);
    assert_eq!(
        world.exchange(&world.sign(KEY, &params())).code(),
        (500, 50003),
        "the remaining data shows that Redis is not new"
    );
}

#[test]
fn data_of_other_version_is_refused() {
    let Some(setup) = Shared::new() else { return };
    drop(setup.two());
    for (format, said) in
        [("999", "the data in Redis has a newer format"), ("1", "the data in Redis has an older format")]
    {
        setup.0.command(&["HSET", "{ably-auth}:state", "format", format]);
        let error = setup.1.block_on(Redis::connect(&setup.0.url())).unwrap_err();
        assert!(error.to_string().contains(said), "{error}");
    }
}

/// A TCP proxy to Redis, whose target port can be changed for new connections.
#[derive(Clone, Default)]
struct Proxy {
    to: Arc<AtomicU16>,
    /// The number of connections that forward nothing, counted from the first.
    silent: Arc<AtomicUsize>,
}

impl Proxy {
    /// Starts the proxy and returns its URL.
    fn start(&self, to: &RedisServer) -> String {
        self.to.store(to.port(), Ordering::SeqCst);
        let (proxy, listener) = (self.clone(), TcpListener::bind("127.0.0.1:0").unwrap());
        let url = format!("redis://{}", listener.local_addr().unwrap());
        thread::spawn(move || {
            for nth in 0.. {
                let Ok((near, _)) = listener.accept() else { return };
                let Ok(far) = TcpStream::connect(("127.0.0.1", proxy.to.load(Ordering::SeqCst))) else { continue };
                let ways = [(near.try_clone().unwrap(), far.try_clone().unwrap()), (far, near)];
                for (from, to) in ways {
                    let silent = Arc::clone(&proxy.silent);
                    thread::spawn(move || forward(from, to, || nth < silent.load(Ordering::SeqCst)));
                }
            }
        });
        url
    }
}

fn forward(mut from: TcpStream, mut to: TcpStream, is_silent: impl Fn() -> bool) {
    let mut bytes = [0; 4096];
    while let Ok(read @ 1..) = from.read(&mut bytes) {
        if !is_silent() && to.write_all(&bytes[..read]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

#[test]
fn silent_redis_connection_is_replaced() {
    let Some(setup) = Shared::new() else { return };
    let proxy = Proxy::default();
    let store = setup.1.block_on(connect_to_new(&proxy.start(&setup.0))).unwrap();
    let world = World::over(store, &setup.1, None);
    assert_eq!(world.get("/stats", &basic(KEY)).code(), (200, 0));
    proxy.silent.store(1, Ordering::SeqCst);
    assert_eq!(world.get("/stats", &basic(KEY)).code(), (500, 50003));
    wait_until_available(&world);
}

/// Waits until the reply to a command contains `said`.
pub(super) fn wait_for(server: &RedisServer, words: &[&str], said: &str) {
    for _ in 0..2_000 {
        if server.command(words).contains(said) {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("{words:?}: {}", server.command(words));
}

#[test]
fn demoted_primary_is_replaced_by_new_one() {
    let Some(setup) = Shared::new() else { return };
    let second = RedisServer::start().unwrap();
    let proxy = Proxy::default();
    let store = setup.1.block_on(connect_to_new(&proxy.start(&setup.0))).unwrap();
    let world = World::over(store, &setup.1, None);
    let token = world.token(REVOCABLE, &of("bob"));
    let (key, path) = make_key(&world);

    let [first_port, second_port] = [setup.0.port(), second.port()].map(|port| port.to_string());
    second.command(&["REPLICAOF", "127.0.0.1", &first_port]);
    wait_for(&second, &["INFO", "replication"], "master_link_status:up");
    let error = setup.1.block_on(Redis::connect(&second.url())).unwrap_err();
    assert!(error.to_string().contains("is a replica"), "{error}");
    second.command(&["REPLICAOF", "NO", "ONE"]);
    setup.0.command(&["REPLICAOF", "127.0.0.1", &second_port]);

    assert_eq!(world.accepts(&token).code(), (500, 50003), "a replica may not know what was revoked");
    proxy.to.store(second.port(), Ordering::SeqCst);
    wait_until_available(&world);
    let other = World::over(setup.1.block_on(Redis::connect(&second.url())).unwrap(), &setup.1, None);
    assert_eq!(other.get("/stats", &key).code(), (200, 0));
    assert_eq!(control(&other, "POST", &format!("{path}/revoke"), &json!({})).status, 200);
    assert_eq!(world.get("/stats", &key).code(), (401, 40131));
    assert_eq!(world.exchange(&world.sign(KEY, &params())).code(), (500, 50003), "the replica may have less data");
}

/// Requests a token whose capability does not fit into a header.
pub(super) fn large(world: &World) -> (u16, u64) {
    let channels: serde_json::Map<_, _> =
        (0..1_000).map(|nth| (format!("channel-{nth:04}"), json!(["publish"]))).collect();
    world.exchange(&world.sign(KEY, &can(&json!(channels).to_string()))).code()
}

#[test]
fn large_tokens_are_bounded_until_they_expire() {
    let Some(setup) = Shared::new() else { return };
    let (world, _) = setup.two();
    assert_eq!(large(&world), (201, 0));
    assert_eq!(setup.0.command(&["ZCARD", "{ably-auth}:kept"]), "1");
    let most = 64 * 1024 * 1024;
    let (expires, another) = ((NOW + HOUR).to_string(), format!("another {most}"));
    setup.0.command(&["INCRBY", "{ably-auth}:kept-bytes", &most.to_string()]);
    setup.0.command(&["ZADD", "{ably-auth}:kept", &expires, &another]);
    world.set(NOW + HOUR - 1);
    assert_eq!(large(&world), (429, 42910));
    world.set(NOW + HOUR);
    assert_eq!(large(&world), (201, 0));
    assert_eq!(setup.0.command(&["ZCARD", "{ably-auth}:kept"]), "1", "expired claims are dropped");
}

#[test]
fn expired_revocations_are_dropped_faster_than_added() {
    let Some(setup) = Shared::new() else { return };
    let (world, _) = setup.two();
    let revoke_100 = |world: &World, nth: usize| {
        let targets: Vec<_> = (0..100).map(|target| format!("clientId:{nth}-{target}")).collect();
        let request = http::Request::post(format!("/keys/{REVOCABLE}/revokeTokens"));
        let request = request.header("Authorization", basic(REVOCABLE)).header("X-Ably-Version", "6");
        assert_eq!(world.send(request, json!({ "targets": targets }).to_string()).status, 201);
    };
    (0..6).for_each(|nth| revoke_100(&world, nth));
    for hours in [13, 26] {
        world.set(NOW + hours * HOUR);
        assert_eq!(world.get("/stats", &basic(KEY)).code(), (200, 0));
    }
    (6..9).for_each(|nth| revoke_100(&world, nth));
    assert_eq!(setup.0.command(&["HLEN", "{ably-auth}:records"]), "300");
}

#[test]
fn services_with_two_secrets_accept_all_tokens() {
    let Some(mut setup) = Shared::new() else { return };
    // Use the secret of the store, not a configured one.
    let open = |setup: &Shared, before: Option<&World>| {
        let store = setup.1.block_on(connect_to_new(&setup.0.url())).unwrap();
        World::with_secret_of(store, &setup.1, before)
    };
    let one = open(&setup, None);
    let other = open(&setup, Some(&one));
    let before = one.token(KEY, &params());
    assert_eq!(other.accepts(&before).code(), (200, 0));
    setup.crash();
    let new = open(&setup, Some(&one));
    let between = new.token(KEY, &of("bob"));
    wait_until_available(&one);
    wait_until_available(&other);
    one.set(NOW + 3 * MINUTE);
    let newest = open(&setup, Some(&one));
    let all = [&one, &other, &new, &newest];
    for world in all {
        for token in [&before, &between] {
            assert_eq!(world.accepts(token).code(), (200, 0));
        }
    }
    for world in all {
        let after = world.token(KEY, &of("alice"));
        all.iter().for_each(|world| assert_eq!(world.accepts(&after).code(), (200, 0)));
    }
}
