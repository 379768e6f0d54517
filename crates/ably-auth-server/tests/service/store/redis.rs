//! The store that services share, over a real Redis.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use ably_auth_server::ErrorKind;
use ably_auth_server::store::{Redis, RedisOptions};
use http::Request;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::redis_server::{RIGHTS, RedisServer, connect_to_new};
use super::{Place, every_promise, runtime};
use crate::revoked_jwts;
use crate::support::*;
use crate::tls::certificate_for;

pub(super) struct Shared(pub(super) RedisServer, pub(super) Arc<Runtime>);

impl Shared {
    pub(super) fn new() -> Option<Self> {
        Some(Self(RedisServer::start()?, runtime()))
    }

    /// Two services at once.
    pub(super) fn two(&self) -> (World, World) {
        let one = self.open(None);
        let other = self.open(Some(&one));
        (one, other)
    }
}

impl Place for Shared {
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

/// Until the service is back, by itself.
pub(super) fn until_back(world: &World) {
    for _ in 0..400 {
        if world.get("/stats", &basic(KEY)).code() == (200, 0) {
            return;
        }
        thread::sleep(Duration::from_millis(25));
    }
    panic!("the service does not recover");
}

#[test]
fn what_one_service_does_the_other_knows_at_once() {
    let Some(place) = Shared::new() else { return };
    let (one, other) = place.two();
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
fn jwt_that_a_service_ahead_accepted_is_revoked() {
    let Some(place) = Shared::new() else { return };
    let (one, ahead) = (place.open(None), place.open(None));
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
fn two_services_that_change_the_same_at_once_lose_nothing() {
    let Some(place) = Shared::new() else { return };
    let (one, other) = place.two();
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
fn while_redis_stands_still_nothing_is_guessed() {
    let Some(place) = Shared::new() else { return };
    let (world, _) = place.two();
    let (token, request) = (world.token(REVOCABLE, &params()), world.sign(KEY, &params()));
    place.0.signal("-STOP");
    assert_eq!(world.accepts(&token).code(), (500, 50003));
    assert_eq!(world.exchange(&request).code(), (500, 50003));
    assert_eq!(revoke(&world, "clientId:bob"), 500);
    place.0.signal("-CONT");
    until_back(&world);
    assert_eq!(world.accepts(&token).code(), (200, 0));
    assert_ne!(world.exchange(&request).status, 500, "used or not, it is known again");
    assert_eq!(world.exchange(&world.sign(KEY, &params())).code(), (201, 0));
}

#[test]
fn a_redis_that_comes_back_empty_is_told_what_is_known_and_nothing_else_is_believed() {
    let Some(mut place) = Shared::new() else { return };
    let (one, other) = place.two();
    let used = one.sign(KEY, &params());
    assert_eq!(one.exchange(&used).code(), (201, 0));
    let [revoked, other_token] = ["bob", "alice"].map(|name| one.token(REVOCABLE, &of(name)));
    let lasting = one.token(KEY, &params());
    assert_eq!(revoke(&one, "clientId:bob"), 201);
    let key = control(&other, "POST", "app1/keys", &json!({ "name": "web", "capability": { "*": ["*"] } })).json();
    assert_eq!(one.get("/stats", &basic_of(key["key"].as_str().unwrap())).code(), (200, 0));

    place.0.end();
    assert_eq!(one.accepts(&lasting).code(), (500, 50003));
    place.0.start_again();
    until_back(&one);
    until_back(&other);
    for world in [&one, &other] {
        assert_eq!(world.exchange(&used).code(), (500, 50003));
        assert_eq!(world.exchange(&world.sign(KEY, &params())).code(), (500, 50003), "the window is closed");
        assert_eq!(world.accepts(&revoked).code(), (401, 40141));
        assert_eq!(world.accepts(&other_token).code(), (401, 40141), "whether it was revoked is not known");
        assert_eq!(world.accepts(&lasting).code(), (200, 0), "no token of that key can be revoked");
        assert_eq!(world.get("/stats", &basic_of(key["key"].as_str().unwrap())).code(), (200, 0), "was written back");
    }
    let third = place.open(Some(&one));
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
fn an_empty_redis_that_is_not_said_to_be_new_takes_requests_after_the_window() {
    let Some(place) = Shared::new() else { return };
    let store = place.1.block_on(Redis::connect(&place.0.url())).unwrap();
    let world = World::over(store, &place.1, None);
    let request = world.sign(KEY, &params());
    assert_eq!(world.exchange(&request).code(), (500, 50003));
    world.set(NOW + 2 * MINUTE + 1);
    assert_eq!(world.exchange(&world.sign(KEY, &params())).code(), (201, 0));
    assert_eq!(place.again(world).exchange(&request).code(), (401, 40104));
}

#[test]
fn lost_nonces_alone_are_noticed() {
    let Some(place) = Shared::new() else { return };
    let (world, _) = place.two();
    let used = world.sign(KEY, &params());
    assert_eq!(world.exchange(&used).code(), (201, 0));
    assert_eq!(place.0.command(&["DEL", "{ably-auth}:nonces"]), "1");
    assert_eq!(world.exchange(&used).code(), (401, 40104));
    world.set(NOW + 1);
    assert_eq!(world.exchange(&world.sign(KEY, &params())).code(), (201, 0));
}

#[test]
fn a_nonce_that_redis_has_dropped_by_itself_is_not_used_again_after_a_step_back() {
    let Some(place) = Shared::new() else { return };
    let (world, other) = place.two();
    let used = world.sign(KEY, &params());
    assert_eq!(world.exchange(&used).code(), (201, 0));
    world.set(NOW + HOUR + MINUTE);
    assert_eq!(world.get("/stats", &basic(KEY)).code(), (200, 0));
    // As Redis does when nobody has asked for a token for an hour.
    assert_eq!(place.0.command(&["DEL", "{ably-auth}:nonces"]), "1");
    world.set(NOW);
    for world in [&world, &other] {
        assert_eq!(world.exchange(&used).code(), (401, 40104));
    }
    world.set(NOW + 1);
    assert_eq!(world.exchange(&world.sign(KEY, &params())).code(), (201, 0));
}

#[test]
fn a_redis_that_is_full_grants_nothing_and_recovers() {
    let Some(place) = Shared::new() else { return };
    let (world, _) = place.two();
    assert_eq!(place.0.command(&["CONFIG", "SET", "maxmemory", "1"]), "OK");
    assert_eq!(world.exchange(&world.sign(KEY, &params())).code(), (500, 50003));
    assert_eq!(place.0.command(&["CONFIG", "SET", "maxmemory", "0"]), "OK");
    assert_eq!(world.exchange(&world.sign(KEY, &params())).code(), (201, 0));
}

#[test]
fn a_redis_that_is_of_no_use_is_refused_at_the_start() {
    let Some(place) = Shared::new() else { return };
    let connect = |url: &str| place.1.block_on(Redis::connect(url)).map(drop).unwrap_err();
    assert_eq!(place.0.command(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]), "OK");
    assert!(connect(&place.0.url()).to_string().contains("maxmemory-policy allkeys-lru"));
    place.0.command(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
    place.0.command(&["CONFIG", "SET", "requirepass", "hush"]);
    let with = |password: &str| place.0.url().replace("//", &format!("//:{password}@"));
    for url in [place.0.url(), with("hush2"), "http://hush".into(), "hush".into(), "redis://127.0.0.1:1".into()] {
        let error = connect(&url);
        assert_eq!(error.kind(), ErrorKind::Store);
        assert!(!format!("{error} {error:?}").contains("hush"), "{error:?}");
    }
    let store = place.1.block_on(Redis::connect(&with("hush"))).unwrap();
    assert_eq!(format!("{store:?}"), "Redis");
}

#[test]
fn a_user_of_redis_who_may_do_no_more_than_the_store_needs_will_do() {
    let Some(place) = Shared::new() else { return };
    let user = [&["ACL", "SETUSER", "service", "on", ">hush", "~{ably-auth}:*"], &RIGHTS[..]].concat();
    assert_eq!(place.0.command(&user), "OK");
    let url = place.0.url().replace("//", "//service:hush@");
    let world = World::over(place.1.block_on(connect_to_new(&url)).unwrap(), &place.1, None);
    let request = world.sign(KEY, &params());
    assert_eq!(world.exchange(&request).code(), (201, 0));
    assert_eq!(world.exchange(&request).code(), (401, 40105));
    assert_eq!(revoke(&world, "clientId:bob"), 201);
}

#[test]
fn a_redis_that_speaks_tls_and_knows_its_users_is_shared_as_any_other() {
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
