//! Tests of the store in Redis, over a real server.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use ably_auth_server::ErrorKind;
use ably_auth_server::store::{Redis, RedisOptions};
use http::Request;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::redis_server::{RIGHTS, RedisServer, connect_to_new};
use super::{StoreSetup, every_promise, runtime};
use crate::revoked_jwts;
use crate::support::*;
use crate::tls::certificate_for;

pub(super) struct Shared(pub(super) RedisServer, pub(super) Arc<Runtime>);

impl Shared {
    pub(super) fn new() -> Option<Self> {
        Some(Self(RedisServer::start()?, runtime()))
    }

    /// Creates two services that share the store.
    pub(super) fn two(&self) -> (World, World) {
        let one = self.open(None);
        let other = self.open(Some(&one));
        (one, other)
    }
}

impl StoreSetup for Shared {
    fn open(&self, before: Option<&World>) -> World {
        let mut options = RedisOptions::default();
        options.is_new = true;
        World::over(self.1.block_on(Redis::connect_with(&self.0.url(), options)).unwrap(), &self.1, before)
    }
}

every_promise!(Shared::new());

pub(super) fn revoke(world: &World, target: &str) -> u16 {
    world.revoke(&json!({ "targets": [target] })).status
}

pub(super) fn control(world: &World, method: &str, path: &str, body: &Value) -> Answer {
    let request = Request::builder().method(method).uri(format!("/v1/apps/{path}"));
    world.send(request.header("Authorization", format!("Bearer {CONTROL}")), body.to_string())
}

/// Waits until the service has recovered.
pub(super) fn wait_until_available(world: &World) {
    for _ in 0..400 {
        if world.get("/stats", &basic(KEY)).code() == (200, 0) {
            return;
        }
        thread::sleep(Duration::from_millis(25));
    }
    panic!("the service does not recover");
}

#[test]
fn changes_reach_other_service_at_once() {
    let Some(setup) = Shared::new() else { return };
    let (one, other) = setup.two();
    for _ in 0..20 {
        let request = one.sign(KEY, &params());
        assert_eq!(one.exchange(&request).code(), (201, 0));
        assert_eq!(other.exchange(&request).code(), (401, 40105));
    }
    let token = one.token(REVOCABLE, &of("bob"));
    assert_eq!(other.accepts(&token).code(), (200, 0));
    assert_eq!(revoke(&other, "clientId:bob"), 201);
    assert_eq!(one.accepts(&token).code(), (401, 40141));
    let renewed = one.token(REVOCABLE, &of("bob"));
    assert_eq!(other.accepts(&renewed).code(), (200, 0));

    let key = control(&one, "POST", "app1/keys", &json!({ "name": "web", "capability": { "*": ["*"] } })).json();
    let credential = basic_of(key["key"].as_str().unwrap());
    assert_eq!(other.get("/stats", &credential).code(), (200, 0));
    let path = format!("app1/keys/{}/revoke", key["id"].as_str().unwrap());
    assert_eq!(control(&other, "POST", &path, &json!({})).status, 200);
    assert_eq!(one.get("/stats", &credential).code(), (401, 40131));
    let app = other.post("/apps", "", &json!({})).json();
    let credential = basic_of(app["keys"][0]["keyStr"].as_str().unwrap());
    assert_eq!(one.get("/stats", &credential).code(), (200, 0));
}

#[test]
fn jwt_accepted_by_service_ahead_is_revoked() {
    let Some(setup) = Shared::new() else { return };
    let (one, ahead) = (setup.open(None), setup.open(None));
    let leeway = revoked_jwts::LEEWAY;
    ahead.set(NOW + leeway);
    let token = revoked_jwts::issued_at(NOW + 2 * leeway, &json!({ "x-ably-clientId": "bob" }));
    assert_eq!(revoked_jwts::code(&ahead, &token), (200, 0));
    assert_eq!(revoke(&one, "clientId:bob"), 201);
    one.set(NOW + leeway);
    for world in [&one, &ahead] {
        assert_eq!(revoked_jwts::code(world, &token), (401, 40141));
    }
}

#[test]
fn concurrent_changes_of_two_services_are_kept() {
    let Some(setup) = Shared::new() else { return };
    let (one, other) = setup.two();
    for _ in 0..10 {
        let key = control(&one, "POST", "app1/keys", &json!({ "name": "web", "capability": { "*": ["*"] } })).json();
        let path = format!("app1/keys/{}", key["id"].as_str().unwrap());
        thread::scope(|scope| {
            scope.spawn(|| control(&one, "PATCH", &path, &json!({ "name": "renamed" })));
            scope.spawn(|| control(&other, "POST", &format!("{path}/revoke"), &json!({})));
        });
        let keys = control(&one, "GET", "app1/keys", &json!({})).json();
        let key = keys.as_array().unwrap().iter().find(|known| known["id"] == key["id"]).unwrap().clone();
        assert_eq!((&key["name"], &key["status"]), (&json!("renamed"), &json!(1)));
    }
}

#[test]
fn stopped_redis_grants_nothing() {
    let Some(setup) = Shared::new() else { return };
    let (world, _) = setup.two();
    let (token, request) = (world.token(REVOCABLE, &params()), world.sign(KEY, &params()));
    setup.0.signal("-STOP");
    assert_eq!(world.accepts(&token).code(), (500, 50003));
    assert_eq!(world.exchange(&request).code(), (500, 50003));
    assert_eq!(revoke(&world, "clientId:bob"), 500);
    setup.0.signal("-CONT");
    wait_until_available(&world);
    assert_eq!(world.accepts(&token).code(), (200, 0));
    assert_ne!(world.exchange(&request).status, 500, "the store has the nonce again");
    assert_eq!(world.exchange(&world.sign(KEY, &params())).code(), (201, 0));
}

#[test]
fn services_restore_redis_that_returns_empty() {
    let Some(mut setup) = Shared::new() else { return };
    let (one, other) = setup.two();
    let used = one.sign(KEY, &params());
    assert_eq!(one.exchange(&used).code(), (201, 0));
    let [revoked, other_token] = ["bob", "alice"].map(|name| one.token(REVOCABLE, &of(name)));
    let lasting = one.token(KEY, &params());
    assert_eq!(revoke(&one, "clientId:bob"), 201);
    let key = control(&other, "POST", "app1/keys", &json!({ "name": "web", "capability": { "*": ["*"] } })).json();
    assert_eq!(one.get("/stats", &basic_of(key["key"].as_str().unwrap())).code(), (200, 0));

    setup.0.kill();
    assert_eq!(one.accepts(&lasting).code(), (500, 50003));
    setup.0.restart();
    wait_until_available(&one);
    wait_until_available(&other);
    for world in [&one, &other] {
        assert_eq!(world.exchange(&used).code(), (500, 50003));
        assert_eq!(
            world.exchange(&world.sign(KEY, &params())).code(),
            (500, 50003),
            "requests of the replay window may have been used"
        );
        assert_eq!(world.accepts(&revoked).code(), (401, 40141));
        assert_eq!(world.accepts(&other_token).code(), (401, 40141), "it may have been revoked");
        assert_eq!(world.accepts(&lasting).code(), (200, 0), "tokens of this key cannot be revoked");
        assert_eq!(
            world.get("/stats", &basic_of(key["key"].as_str().unwrap())).code(),
            (200, 0),
            "the key was written back"
        );
    }
    let third = setup.open(Some(&one));
    assert_eq!(third.get("/stats", &basic_of(key["key"].as_str().unwrap())).code(), (200, 0));
    one.set(NOW + 2 * MINUTE + 1);
    assert_eq!(one.exchange(&used).code(), (401, 40104));
    for world in [&one, &other, &third] {
        let renewed = world.token(REVOCABLE, &of("alice"));
        assert_eq!(one.accepts(&renewed).code(), (200, 0));
        assert_eq!(world.exchange(&world.sign(KEY, &params())).code(), (201, 0));
    }
}

#[test]
fn empty_redis_grants_nothing_until_replay_window_ends() {
    let Some(setup) = Shared::new() else { return };
    let store = setup.1.block_on(Redis::connect(&setup.0.url())).unwrap();
    let world = World::over(store, &setup.1, None);
    let request = world.sign(KEY, &params());
    assert_eq!(world.exchange(&request).code(), (500, 50003));
    world.set(NOW + 2 * MINUTE + 1);
    assert_eq!(world.exchange(&world.sign(KEY, &params())).code(), (201, 0));
    assert_eq!(setup.reopen(world).exchange(&request).code(), (401, 40104));
}

#[test]
fn loss_of_nonces_alone_is_detected() {
    let Some(setup) = Shared::new() else { return };
    let (world, _) = setup.two();
    let used = world.sign(KEY, &params());
    assert_eq!(world.exchange(&used).code(), (201, 0));
    assert_eq!(setup.0.command(&["DEL", "{ably-auth}:nonces"]), "1");
    assert_eq!(world.exchange(&used).code(), (401, 40104));
    world.set(NOW + 1);
    assert_eq!(world.exchange(&world.sign(KEY, &params())).code(), (201, 0));
}

#[test]
fn nonce_dropped_by_redis_is_not_reused_after_step_back() {
    let Some(setup) = Shared::new() else { return };
    let (world, other) = setup.two();
    let used = world.sign(KEY, &params());
    assert_eq!(world.exchange(&used).code(), (201, 0));
    world.set(NOW + HOUR + MINUTE);
    assert_eq!(world.get("/stats", &basic(KEY)).code(), (200, 0));
    // Redis does this after an hour without token requests.
    assert_eq!(setup.0.command(&["DEL", "{ably-auth}:nonces"]), "1");
    world.set(NOW);
    for world in [&world, &other] {
        assert_eq!(world.exchange(&used).code(), (401, 40104));
    }
    world.set(NOW + 1);
    assert_eq!(world.exchange(&world.sign(KEY, &params())).code(), (201, 0));
}

#[test]
fn full_redis_grants_nothing_and_recovers() {
    let Some(setup) = Shared::new() else { return };
    let (world, _) = setup.two();
    assert_eq!(setup.0.command(&["CONFIG", "SET", "maxmemory", "1"]), "OK");
    assert_eq!(world.exchange(&world.sign(KEY, &params())).code(), (500, 50003));
    assert_eq!(setup.0.command(&["CONFIG", "SET", "maxmemory", "0"]), "OK");
    assert_eq!(world.exchange(&world.sign(KEY, &params())).code(), (201, 0));
}

#[test]
fn unusable_redis_is_refused_at_start() {
    let Some(setup) = Shared::new() else { return };
    let connect = |url: &str| setup.1.block_on(Redis::connect(url)).map(drop).unwrap_err();
    assert_eq!(setup.0.command(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]), "OK");
    assert!(connect(&setup.0.url()).to_string().contains("maxmemory-policy allkeys-lru"));
    setup.0.command(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
    setup.0.command(&["CONFIG", "SET", "requirepass", "hush"]);
    let with = |password: &str| setup.0.url().replace("//", &format!("//:{password}@"));
    for url in [setup.0.url(), with("hush2"), "http://hush".into(), "hush".into(), "redis://127.0.0.1:1".into()] {
        let error = connect(&url);
        assert_eq!(error.kind(), ErrorKind::Store);
        assert!(!format!("{error} {error:?}").contains("hush"), "{error:?}");
    }
    let store = setup.1.block_on(Redis::connect(&with("hush"))).unwrap();
    assert_eq!(format!("{store:?}"), "Redis");
}

#[test]
fn redis_user_with_documented_rights_suffices() {
    let Some(setup) = Shared::new() else { return };
    let user = [&["ACL", "SETUSER", "service", "on", ">hush", "~{ably-auth}:*"], &RIGHTS[..]].concat();
    assert_eq!(setup.0.command(&user), "OK");
    let url = setup.0.url().replace("//", "//service:hush@");
    let world = World::over(setup.1.block_on(connect_to_new(&url)).unwrap(), &setup.1, None);
    let request = world.sign(KEY, &params());
    assert_eq!(world.exchange(&request).code(), (201, 0));
    assert_eq!(world.exchange(&request).code(), (401, 40105));
    assert_eq!(revoke(&world, "clientId:bob"), 201);
}

#[test]
fn redis_with_tls_and_users_is_shared() {
    let (_, roots, key) = certificate_for("127.0.0.1");
    let Some(redis) = RedisServer::start_with_tls(&roots, &key) else { return };
    let runtime = runtime();
    let connect = |user: &str, roots: Option<&str>| {
        let mut options = RedisOptions::default();
        options.is_new = true;
        options.roots_pem = roots.map(|pem| pem.as_bytes().to_vec());
        runtime.block_on(Redis::connect_with(&redis.url().replace("//", &format!("//{user}@")), options))
    };
    let one = World::over(connect("service:hush", Some(&roots)).unwrap(), &runtime, None);
    let other = World::over(connect("service:hush", Some(&roots)).unwrap(), &runtime, Some(&one));
    let request = one.sign(KEY, &params());
    assert_eq!(one.exchange(&request).code(), (201, 0));
    assert_eq!(other.exchange(&request).code(), (401, 40105));
    let (_, stranger, _) = certificate_for("127.0.0.1");
    for (user, roots) in [
        ("service:hush", None),
        ("service:hush", Some(&*stranger)),
        ("service:hush", Some("hush")),
        ("service:hush2", Some(&*roots)),
        ("somebody:hush", Some(&*roots)),
    ] {
        let error = connect(user, roots).map(drop).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Store);
        assert!(!format!("{error} {error:?}").contains("hush"), "{error:?}");
    }
}
