//! What services over one Redis do when it has lost something.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use ably_auth_server::store::Redis;
use serde_json::json;

use super::redis::{Shared, control, revoke, until_back};
use super::redis_server::{RedisServer, connect_to_new};
use super::{Folder, Place as _, runtime};
use crate::support::*;

const KEYS: [&str; 6] = ["state", "records", "log", "expiries", "nonces", "secret"];

impl Shared {
    fn with(options: &[&str]) -> Option<Self> {
        let _installed = RedisServer::start()?;
        Some(Self(RedisServer::start_with(Folder::new(), options), runtime()))
    }

    /// A service that does not say that Redis is new, with a clock of its own.
    fn third(&self) -> World {
        World::over(self.1.block_on(Redis::connect(&self.0.url())).unwrap(), &self.1, None)
    }

    fn save(&self) {
        assert_eq!(self.0.command(&["SAVE"]), "OK");
    }

    /// All that was not saved is lost.
    fn crash(&mut self) {
        self.0.end();
        self.0.start_again();
    }

    fn copy(&self, from: &str, to: &str) {
        for key in KEYS {
            let [from, to] = [from, to].map(|prefix| format!("{{ably-auth}}:{prefix}{key}"));
            self.0.command(&["DEL", &to]);
            self.0.command(&["COPY", &from, &to]);
        }
    }
}

/// A key that was made at run time, as its credential and its path.
fn make_key(world: &World) -> (String, String) {
    let made = control(world, "POST", "app1/keys", &json!({ "name": "web", "capability": { "*": ["*"] } })).json();
    (basic_of(made["key"].as_str().unwrap()), format!("app1/keys/{}", made["id"].as_str().unwrap()))
}

fn make_app(world: &World) -> (String, String) {
    let made = world.post("/apps", "", &json!({ "keys": [{}] })).json();
    (basic_of(made["keys"][0]["keyStr"].as_str().unwrap()), made["appId"].as_str().unwrap().to_owned())
}

/// One service revokes a key and deletes an app, of which the other hears nothing before that is lost.
fn lose_a_revocation(mut place: Shared, save: bool, who_revoked_comes_first: bool) {
    let (one, other) = place.two();
    let ((key, path), (app_key, app)) = (make_key(&one), make_app(&one));
    for credential in [&key, &app_key] {
        assert_eq!(other.get("/stats", credential).code(), (200, 0));
    }
    if save {
        place.save();
    }
    assert_eq!(control(&one, "POST", &format!("{path}/revoke"), &json!({})).status, 200);
    let delete = http::Request::delete(format!("/apps/{app}")).header("Authorization", &app_key);
    assert_eq!(one.send(delete, "").status, 204);
    place.crash();
    let worlds = if who_revoked_comes_first { [&one, &other] } else { [&other, &one] };
    worlds.into_iter().for_each(until_back);
    for world in [&one, &other, &place.third()] {
        assert_eq!(world.get("/stats", &key).code(), (401, 40131));
        assert_eq!(world.get("/stats", &app_key).code(), (404, 40400));
    }
}

#[test]
fn what_was_revoked_stays_so_when_redis_comes_back_with_older_data() {
    let Some(place) = Shared::new() else { return };
    lose_a_revocation(place, true, true);
}

#[test]
fn what_was_revoked_stays_so_when_redis_comes_back_empty() {
    let Some(place) = Shared::new() else { return };
    lose_a_revocation(place, false, true);
}

#[test]
fn who_knows_less_does_not_have_the_last_word() {
    for save in [true, false] {
        let Some(place) = Shared::new() else { return };
        lose_a_revocation(place, save, false);
    }
}

#[test]
fn what_is_changed_after_a_loss_is_not_undone_by_who_knew_more_before() {
    let Some(mut place) = Shared::new() else { return };
    let (one, other) = place.two();
    let (key, path) = make_key(&one);
    assert_eq!(other.get("/stats", &key).code(), (200, 0));
    place.save();
    for nth in 0..20 {
        assert_eq!(control(&one, "PATCH", &path, &json!({ "name": nth.to_string() })).status, 200);
    }
    place.crash();
    until_back(&other);
    assert_eq!(control(&other, "POST", &format!("{path}/revoke"), &json!({})).status, 200);
    until_back(&one);
    for world in [&one, &other] {
        assert_eq!(world.get("/stats", &key).code(), (401, 40131));
    }
}

#[test]
fn who_comes_first_after_a_loss_does_not_hide_it_from_who_lost_something() {
    let Some(place) = Shared::new() else { return };
    let (one, other) = place.two();
    let token = one.token(REVOCABLE, &of("bob"));
    assert_eq!(other.accepts(&token).code(), (200, 0));
    place.copy("", "copy-of-");
    let used = one.sign(KEY, &params());
    assert_eq!(one.exchange(&used).code(), (201, 0));
    assert_eq!(revoke(&one, "clientId:bob"), 201);
    place.copy("copy-of-", "");
    for _ in 0..20 {
        assert_eq!(other.exchange(&other.sign(KEY, &params())).code(), (201, 0));
    }
    until_back(&one);
    for world in [&one, &other] {
        assert_eq!(world.exchange(&used).code(), (500, 50003));
        assert_eq!(world.accepts(&token).code(), (401, 40141));
    }
}

#[test]
fn a_redis_that_was_started_again_is_not_believed_by_services_that_were_too() {
    let Some(mut place) = Shared::new() else { return };
    let (one, other) = place.two();
    let token = one.token(REVOCABLE, &of("bob"));
    place.save();
    one.set(NOW + HOUR / 2);
    let used = one.sign(KEY, &params());
    assert_eq!(one.exchange(&used).code(), (201, 0));
    assert_eq!(revoke(&one, "clientId:bob"), 201);
    let shared = one.clone_without_service();
    drop((one, other));
    place.crash();
    let world = place.open(Some(&shared));
    assert_eq!(world.exchange(&used).code(), (500, 50003));
    assert_eq!(world.accepts(&token).code(), (401, 40141));
    assert_eq!(world.get("/stats", &basic(KEY)).code(), (200, 0));
    world.set(NOW + HOUR / 2 + 2 * MINUTE + 1);
    assert_eq!(world.exchange(&world.sign(KEY, &params())).code(), (201, 0));
}

#[test]
fn a_redis_that_loses_nothing_when_it_is_started_again_is_believed() {
    let Some(mut place) = Shared::with(&["--appendonly", "yes", "--appendfsync", "always"]) else { return };
    let (one, other) = place.two();
    let [token, revoked] = ["alice", "bob"].map(|name| one.token(REVOCABLE, &of(name)));
    assert_eq!(revoke(&one, "clientId:bob"), 201);
    let used = one.sign(KEY, &params());
    assert_eq!(one.exchange(&used).code(), (201, 0));
    place.crash();
    until_back(&one);
    until_back(&other);
    for world in [&one, &other, &place.open(Some(&one))] {
        assert_eq!(world.exchange(&used).code(), (401, 40105));
        assert_eq!(world.exchange(&world.sign(KEY, &params())).code(), (201, 0));
        assert_eq!(world.accepts(&token).code(), (200, 0));
        assert_eq!(world.accepts(&revoked).code(), (401, 40141));
    }
}

#[test]
fn a_redis_that_could_lose_something_until_it_was_started_again_is_not_believed() {
    let Some(mut place) = Shared::with(&["--appendonly", "yes"]) else { return };
    let (one, other) = place.two();
    let token = one.token(REVOCABLE, &of("bob"));
    place.copy("", "copy-of-");
    let used = one.sign(KEY, &params());
    assert_eq!(one.exchange(&used).code(), (201, 0));
    assert_eq!(revoke(&one, "clientId:bob"), 201);
    let shared = one.clone_without_service();
    drop((one, other));
    place.crash();
    // Its last second is lost, and somebody sees to it that it does not happen again.
    place.copy("copy-of-", "");
    assert_eq!(place.0.command(&["CONFIG", "SET", "appendfsync", "always"]), "OK");
    let world = place.open(Some(&shared));
    assert_eq!(world.exchange(&used).code(), (500, 50003));
    assert_eq!(world.accepts(&token).code(), (401, 40141));
}

#[test]
fn a_secret_that_redis_has_dropped_is_put_back_before_others_make_one() {
    let Some(place) = Shared::new() else { return };
    let open = |before: Option<&World>| {
        let store = place.1.block_on(connect_to_new(&place.0.url())).unwrap();
        World::by_the_secret_of(store, &place.1, before)
    };
    let one = open(None);
    let token = one.token(KEY, &params());
    assert_eq!(place.0.command(&["DEL", "{ably-auth}:secret"]), "1");
    assert_eq!(one.accepts(&token).code(), (200, 0));
    let other = open(Some(&one));
    assert_eq!(other.accepts(&token).code(), (200, 0));
}

#[test]
fn a_request_that_a_clock_ahead_took_is_not_taken_again_after_a_loss() {
    let Some(mut place) = Shared::new() else { return };
    let (behind, ahead) = (place.open(None), place.open(None));
    ahead.set(NOW + MINUTE + 2 * MINUTE - 1);
    let used = ahead.sign(KEY, &params());
    ahead.set(NOW + MINUTE);
    assert_eq!(ahead.exchange(&used).code(), (201, 0));
    place.crash();
    until_back(&behind);
    until_back(&ahead);
    assert_eq!(ahead.exchange(&used).code(), (500, 50003));
    behind.set(NOW + MINUTE);
    assert_eq!(behind.exchange(&used).code(), (500, 50003));
}

#[test]
fn records_that_redis_has_dropped_are_missed() {
    for gone in [&["records"][..], &["log"], &["records", "log"], &["state"], &["secret"]] {
        let Some(place) = Shared::new() else { return };
        let (one, other) = place.two();
        let token = one.token(REVOCABLE, &of("bob"));
        assert_eq!(revoke(&one, "clientId:bob"), 201);
        let (key, _) = make_key(&one);
        assert_eq!(other.get("/stats", &key).code(), (200, 0));
        for key in gone {
            assert_eq!(place.0.command(&["DEL", &format!("{{ably-auth}}:{key}")]), "1");
        }
        let third = place.open(Some(&one));
        assert_eq!(third.get("/stats", &basic(KEY)).code(), (200, 0), "{gone:?}");
        until_back(&other);
        for world in [&third, &one, &other] {
            assert_eq!(world.accepts(&token).code(), (401, 40141), "{gone:?}");
            assert_eq!(world.get("/stats", &key).code(), (200, 0), "{gone:?}");
        }
    }
}

#[test]
fn a_redis_that_is_said_to_be_new_each_time_hides_no_loss_from_who_serves() {
    let Some(mut place) = Shared::new() else { return };
    let one = place.open(None);
    let used = one.sign(KEY, &params());
    assert_eq!(one.exchange(&used).code(), (201, 0));
    place.crash();
    let other = place.open(Some(&one));
    until_back(&one);
    assert_eq!(other.exchange(&used).code(), (500, 50003));

    make_key(&one);
    drop((one, other));
    assert_eq!(place.0.command(&["DEL", "{ably-auth}:state"]), "1");
    let world = place.open(None);
    assert_eq!(
        world.exchange(&world.sign(KEY, &params())).code(),
        (500, 50003),
        "what is left says that it is not new"
    );
}

#[test]
fn what_another_version_wrote_is_named_as_such() {
    let Some(place) = Shared::new() else { return };
    drop(place.two());
    for (format, said) in
        [("999", "the data in Redis has a newer format"), ("1", "the data in Redis has an older format")]
    {
        place.0.command(&["HSET", "{ably-auth}:state", "format", format]);
        let error = place.1.block_on(Redis::connect(&place.0.url())).unwrap_err();
        assert!(error.to_string().contains(said), "{error}");
    }
}

/// A way to a Redis, that may go to another port from the next connection on.
#[derive(Clone, Default)]
struct Proxy {
    to: Arc<AtomicU16>,
    /// So many connections, the first ones, pass nothing on.
    silent: Arc<AtomicUsize>,
}

impl Proxy {
    /// Gives the URL.
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
                    thread::spawn(move || pass_on(from, to, || nth < silent.load(Ordering::SeqCst)));
                }
            }
        });
        url
    }
}

fn pass_on(mut from: TcpStream, mut to: TcpStream, is_silent: impl Fn() -> bool) {
    let mut bytes = [0; 4096];
    while let Ok(read @ 1..) = from.read(&mut bytes) {
        if !is_silent() && to.write_all(&bytes[..read]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

#[test]
fn a_connection_on_which_nothing_comes_any_more_is_left() {
    let Some(place) = Shared::new() else { return };
    let proxy = Proxy::default();
    let store = place.1.block_on(connect_to_new(&proxy.start(&place.0))).unwrap();
    let world = World::over(store, &place.1, None);
    assert_eq!(world.get("/stats", &basic(KEY)).code(), (200, 0));
    proxy.silent.store(1, Ordering::SeqCst);
    assert_eq!(world.get("/stats", &basic(KEY)).code(), (500, 50003));
    until_back(&world);
}

/// Until what was asked of Redis is so.
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
fn a_primary_that_becomes_a_replica_is_left_for_the_new_one() {
    let Some(place) = Shared::new() else { return };
    let second = RedisServer::start().unwrap();
    let proxy = Proxy::default();
    let store = place.1.block_on(connect_to_new(&proxy.start(&place.0))).unwrap();
    let world = World::over(store, &place.1, None);
    let token = world.token(REVOCABLE, &of("bob"));
    let (key, path) = make_key(&world);

    let [first_port, second_port] = [place.0.port(), second.port()].map(|port| port.to_string());
    second.command(&["REPLICAOF", "127.0.0.1", &first_port]);
    wait_for(&second, &["INFO", "replication"], "master_link_status:up");
    let error = place.1.block_on(Redis::connect(&second.url())).unwrap_err();
    assert!(error.to_string().contains("is a replica"), "{error}");
    second.command(&["REPLICAOF", "NO", "ONE"]);
    place.0.command(&["REPLICAOF", "127.0.0.1", &second_port]);

    assert_eq!(world.accepts(&token).code(), (500, 50003), "a replica may not know what was revoked");
    proxy.to.store(second.port(), Ordering::SeqCst);
    until_back(&world);
    let other = World::over(place.1.block_on(Redis::connect(&second.url())).unwrap(), &place.1, None);
    assert_eq!(other.get("/stats", &key).code(), (200, 0));
    assert_eq!(control(&other, "POST", &format!("{path}/revoke"), &json!({})).status, 200);
    assert_eq!(world.get("/stats", &key).code(), (401, 40131));
    assert_eq!(world.exchange(&world.sign(KEY, &params())).code(), (500, 50003), "the replica may have got less");
}

/// A token whose capability does not fit into a header.
pub(super) fn large(world: &World) -> (u16, u64) {
    let channels: serde_json::Map<_, _> =
        (0..1_000).map(|nth| (format!("channel-{nth:04}"), json!(["publish"]))).collect();
    world.exchange(&world.sign(KEY, &can(&json!(channels).to_string()))).code()
}

#[test]
fn there_is_an_end_to_what_is_kept_for_large_tokens_and_room_again_once_they_expire() {
    let Some(place) = Shared::new() else { return };
    let (world, _) = place.two();
    assert_eq!(large(&world), (201, 0));
    assert_eq!(place.0.command(&["ZCARD", "{ably-auth}:kept"]), "1");
    let most = 64 * 1024 * 1024;
    let (expires, another) = ((NOW + HOUR).to_string(), format!("another {most}"));
    place.0.command(&["INCRBY", "{ably-auth}:kept-bytes", &most.to_string()]);
    place.0.command(&["ZADD", "{ably-auth}:kept", &expires, &another]);
    world.set(NOW + HOUR - 1);
    assert_eq!(large(&world), (429, 42910));
    world.set(NOW + HOUR);
    assert_eq!(large(&world), (201, 0));
    assert_eq!(place.0.command(&["ZCARD", "{ably-auth}:kept"]), "1", "what is over is dropped");
}

#[test]
fn revocations_that_are_over_are_dropped_faster_than_new_ones_come() {
    let Some(place) = Shared::new() else { return };
    let (world, _) = place.two();
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
    assert_eq!(place.0.command(&["HLEN", "{ably-auth}:records"]), "300");
}

#[test]
fn services_that_made_two_secrets_while_redis_was_empty_take_each_others_tokens() {
    let Some(mut place) = Shared::new() else { return };
    // By the store's secret, and not by one that they are given.
    let open = |place: &Shared, before: Option<&World>| {
        let store = place.1.block_on(connect_to_new(&place.0.url())).unwrap();
        World::by_the_secret_of(store, &place.1, before)
    };
    let one = open(&place, None);
    let other = open(&place, Some(&one));
    let before = one.token(KEY, &params());
    assert_eq!(other.accepts(&before).code(), (200, 0));
    place.crash();
    let new = open(&place, Some(&one));
    let between = new.token(KEY, &of("bob"));
    until_back(&one);
    until_back(&other);
    one.set(NOW + 3 * MINUTE);
    let newest = open(&place, Some(&one));
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
