//! The promises that every store keeps, also over a restart.

use std::thread;

use ably_auth_core::TokenDetails;
use ably_auth_server::{App, Apps};
use http::Request;
use serde_json::{Value, json};

use super::StoreSetup;
use crate::revoked_jwts;
use crate::support::*;

/// One day, in milliseconds.
const DAY: u64 = 24 * HOUR;

/// Creates the first service over a new store.
fn first(setup: &dyn StoreSetup) -> World {
    setup.open(None)
}

fn control(world: &World, method: &str, path: &str, body: &Value) -> Answer {
    let request = Request::builder().method(method).uri(format!("/v1/apps/{path}"));
    world.send(request.header("Authorization", format!("Bearer {CONTROL}")), body.to_string())
}

fn channels(count: usize) -> String {
    let entries: serde_json::Map<_, _> =
        (0..count).map(|nth| (format!("channel-{nth:04}-with-a-long-name"), json!(["publish"]))).collect();
    json!(entries).to_string()
}

pub(super) fn token_request_is_exchanged_once(setup: &dyn StoreSetup) {
    let world = first(setup);
    let request = world.sign(KEY, &of("bob"));
    let in_future = world.sign(KEY, &of("bob"));
    assert_eq!(world.exchange(&request).code(), (201, 0));
    world.set(NOW - MINUTE);
    assert_eq!(world.exchange(&in_future).code(), (201, 0));
    world.set(NOW);
    assert_eq!(world.exchange(&request).code(), (401, 40105));
    let world = setup.reopen(world);
    for moment in [NOW - 2 * MINUTE, NOW, NOW + 2 * MINUTE] {
        world.set(moment);
        assert_eq!(world.exchange(&request).code(), (401, 40105), "{moment}");
        assert_eq!(world.exchange(&in_future).code(), (401, 40105), "{moment}");
        assert_eq!(world.exchange(&world.sign(KEY, &params())).code(), (201, 0));
    }
    world.set(NOW + 2 * MINUTE + 1);
    assert_eq!(setup.reopen(world).exchange(&request).code(), (401, 40104));
}

pub(super) fn concurrent_duplicates_are_exchanged_once(setup: &dyn StoreSetup) {
    let world = first(setup);
    for _ in 0..10 {
        let request = world.sign(KEY, &params());
        let codes = thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| world.exchange(&request).code())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        });
        let granted = codes.iter().filter(|code| **code == (201, 0)).count();
        assert!(granted == 1 && codes.iter().all(|code| [(201, 0), (401, 40105)].contains(code)), "{codes:?}");
    }
}

pub(super) fn forged_request_does_not_use_nonce(setup: &dyn StoreSetup) {
    let world = first(setup);
    let good = world.sign(KEY, &params());
    for _ in 0..100 {
        let mut forged = serde_json::to_value(&good).unwrap();
        forged["mac"] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".into();
        let path = format!("/keys/{KEY}/requestToken");
        assert_eq!(world.send(Request::post(path), forged.to_string()).code(), (401, 40101));
    }
    assert_eq!(setup.reopen(world).exchange(&good).code(), (201, 0));
}

pub(super) fn revocation_survives_restart(setup: &dyn StoreSetup) {
    let world = first(setup);
    let [bob, alice] = ["bob", "alice"].map(|name| world.token(REVOCABLE, &of(name)));
    assert_eq!(world.revoke(&json!({ "targets": ["clientId:bob", "clientId:a/b:c"] })).json()["successCount"], 2);
    let margin = world.revoke(&json!({ "targets": ["clientId:alice"], "allowReauthMargin": true }));
    assert_eq!(margin.json()["results"][0]["appliesAt"], NOW + 30_000);
    let world = setup.reopen(world);
    assert_eq!(world.accepts(&bob).code(), (401, 40141));
    assert_eq!(world.accepts(&alice).code(), (200, 0));
    let renewed = world.token(REVOCABLE, &of("bob"));
    assert_eq!(renewed.issued().unwrap().as_millis(), NOW + 1, "it counts as issued after the revocation");
    world.set(NOW + 30_000);
    let world = setup.reopen(world);
    assert_eq!(world.accepts(&alice).code(), (401, 40141));
    assert_eq!(world.accepts(&renewed).code(), (200, 0));
    assert_eq!(world.accepts(&bob).code(), (401, 40141));
}

pub(super) fn revocation_covers_token_issued_by_clock_ahead(setup: &dyn StoreSetup) {
    let world = first(setup);
    world.set(NOW + 5_000);
    let early = world.token(REVOCABLE, &of("bob"));
    let world = setup.reopen(world);
    world.set(NOW);
    assert_eq!(world.revoke(&json!({ "targets": ["clientId:bob"] })).status, 201);
    assert_eq!(world.accepts(&early).code(), (401, 40141));
    let late = world.token(REVOCABLE, &of("bob"));
    assert_eq!(setup.reopen(world).accepts(&late).code(), (200, 0));
}

pub(super) fn revocation_of_jwt_of_fast_clock_survives_restart(setup: &dyn StoreSetup) {
    let world = first(setup);
    let bob = json!({ "x-ably-clientId": "bob" });
    let token = revoked_jwts::issued_at(NOW + revoked_jwts::LEEWAY, &bob);
    assert_eq!(revoked_jwts::code(&world, &token), (200, 0));
    assert_eq!(world.revoke(&json!({ "targets": ["clientId:bob"] })).status, 201);
    let world = setup.reopen(world);
    assert_eq!(revoked_jwts::code(&world, &token), (401, 40141));
    // Twice the leeway, because the clock of another service that shares the store may be ahead too.
    let after = NOW + 2 * revoked_jwts::LEEWAY + 1;
    world.set(after);
    assert_eq!(revoked_jwts::code(&world, &token), (401, 40141));
    assert_eq!(revoked_jwts::code(&world, &revoked_jwts::issued_at(after, &bob)), (200, 0));
}

pub(super) fn large_token_is_valid_until_it_expires(setup: &dyn StoreSetup) {
    let world = first(setup);
    let token = world.token(KEY, &of("bob").ttl(ttl(HOUR)).capability(channels(1_000)));
    let publish = |world: &World, channel: &str| {
        world.post(&format!("/channels/{channel}/messages"), &bearer(&token), &json!({})).code()
    };
    let world = setup.reopen(world);
    world.set(NOW + HOUR - 1);
    assert_eq!(publish(&world, "channel-0777-with-a-long-name"), (201, 0));
    assert_eq!(publish(&world, "channel-1000-with-a-long-name"), (401, 40160));
    world.set(NOW + HOUR);
    assert_eq!(publish(&world, "channel-0777-with-a-long-name"), (401, 40142));
}

pub(super) fn runtime_key_changes_survive_restart(setup: &dyn StoreSetup) {
    let world = first(setup);
    let made = control(&world, "POST", "app1/keys", &json!({ "name": "web", "capability": { "*": ["*"] } }));
    assert_eq!(made.status, 201);
    let (id, key) = (made.json()["id"].as_str().unwrap().to_owned(), made.json()["key"].as_str().unwrap().to_owned());
    let world = setup.reopen(world);
    let stats = |world: &World| world.get("/stats", &basic_of(&key)).code();
    assert_eq!(stats(&world), (200, 0));
    let narrow = json!({ "capability": { "chat": ["publish"] } });
    assert_eq!(control(&world, "PATCH", &format!("app1/keys/{id}"), &narrow).status, 200);
    let world = setup.reopen(world);
    assert_eq!(stats(&world), (401, 40160));
    let path = format!("/keys/app1.{id}/requestToken");
    let body = json!({ "keyName": format!("app1.{id}"), "timestamp": world.now() });
    let token: TokenDetails = serde_json::from_slice(&world.post(&path, &basic_of(&key), &body).body).unwrap();
    assert_eq!(world.accepts(&token).code(), (401, 40160));
    // Revoke a key that was created at run time, and a key of the configuration.
    let listed = world.token(KEY, &params());
    for id in [&*id, "key1"] {
        assert_eq!(control(&world, "POST", &format!("app1/keys/{id}/revoke"), &json!({})).status, 200);
    }
    let world = setup.reopen(world);
    assert_eq!(stats(&world), (401, 40131));
    assert_eq!((world.accepts(&token).code(), world.accepts(&listed).code()), ((401, 40141), (401, 40141)));
    let described = control(&world, "GET", "app1/keys", &json!({})).json();
    let described = described.as_array().unwrap().iter().find(|key| key["id"] == *id).unwrap().clone();
    assert_eq!((&described["name"], &described["status"]), (&json!("web"), &json!(1)));
    assert_eq!(described["capability"], narrow["capability"]);
}

pub(super) fn runtime_app_changes_survive_restart(setup: &dyn StoreSetup) {
    let world = first(setup);
    let make = |world: &World| {
        let body = json!({ "keys": [{}, { "revocableTokens": true }], "namespaces": [{ "id": "n" }] });
        world.post("/apps", "", &body).json()
    };
    let (kept, deleted) = (make(&world), make(&world));
    let credential = |app: &Value, nth: usize| basic_of(app["keys"][nth]["keyStr"].as_str().unwrap());
    let path = |app: &Value| format!("/apps/{}", app["appId"].as_str().unwrap());
    let delete = |world: &World, path: &str, credential: &str| {
        world.send(Request::delete(path).header("Authorization", credential), "").status
    };
    let world = setup.reopen(world);
    assert_eq!(delete(&world, &path(&deleted), &credential(&deleted, 1)), 204);
    assert_eq!(delete(&world, "/apps/app2", &basic(ELSEWHERE)), 204);
    let world = setup.reopen(world);
    assert_eq!(world.get("/stats", &credential(&kept, 0)).code(), (200, 0));
    assert_eq!(world.get("/stats", &credential(&kept, 1)).code(), (200, 0));
    assert_eq!(world.get("/stats", &credential(&deleted, 0)).code(), (404, 40400));
    assert_eq!(
        world.get("/stats", &basic(ELSEWHERE)).code(),
        (404, 40400),
        "an app of the configuration stays deleted too"
    );
    assert_eq!(world.get("/stats", &basic(KEY)).code(), (200, 0));
}

pub(super) fn identified_namespaces_survive_restart(setup: &dyn StoreSetup) {
    let made = json!({ "keys": [{}], "namespaces": [{ "id": "vip", "identified": true }] });
    let listed = json!({ "appId": "listed", "keys": [{ "id": "key1", "secret": SECRET }, { "id": "other", "secret": SECRET }],
        "namespaces": [{ "id": "vip", "identified": true }] });
    let world = first(setup);
    let made = world.post("/apps", "", &made).json();
    let mut world = setup.reopen_with(world, Apps::from_json(&listed.to_string()).unwrap());
    let credentials = [basic_of(made["keys"][0]["keyStr"].as_str().unwrap()), basic("listed.key1")];
    let names = [made["keys"][0]["keyName"].as_str().unwrap(), "listed.key1"];
    // A change of the app at run time must not lose the namespaces of its configuration.
    assert_eq!(control(&world, "POST", "listed/keys/other/revoke", &json!({})).status, 200);
    for _ in 0..2 {
        for (name, credential) in names.iter().zip(&credentials) {
            let token = |client_id: Value| {
                let body = json!({ "keyName": name, "timestamp": world.now(), "clientId": client_id });
                let token = world.post(&format!("/keys/{name}/requestToken"), credential, &body).json();
                format!("Bearer {}", token["token"].as_str().unwrap())
            };
            let (anonymous, bob) = (token(Value::Null), token(json!("bob")));
            assert_eq!(world.get("/channels/vip:a", &anonymous).code(), (401, 40161), "{name}");
            assert_eq!(world.get("/channels/open", &anonymous).code(), (200, 0), "{name}");
            assert_eq!(world.get("/channels/vip:a", &bob).code(), (200, 0), "{name}");
        }
        world = setup.reopen(world);
    }
}

pub(super) fn clock_that_steps_back_revives_nothing(setup: &dyn StoreSetup) {
    let world = first(setup);
    let used = world.sign(KEY, &params());
    let token = world.token(KEY, &params().ttl(ttl(10 * MINUTE)));
    assert_eq!(world.exchange(&used).code(), (201, 0));
    world.set(NOW + 10 * MINUTE);
    assert_eq!(world.accepts(&token).code(), (401, 40142));
    // This request makes the store drop expired nonces.
    assert_eq!(world.exchange(&world.sign(KEY, &params())).code(), (201, 0));
    let world = setup.reopen(world);
    world.set(NOW + 1);
    assert_eq!(world.accepts(&token).code(), (401, 40142));
    let code = world.exchange(&used).code();
    assert!([(401, 40104), (401, 40105)].contains(&code), "{code:?}");
    let new = world.token(KEY, &params().ttl(ttl(MINUTE)));
    assert_eq!(world.accepts(&new).code(), (200, 0), "new tokens are valid");
}

pub(super) fn clock_that_was_ahead_refuses_only_what_may_be_replayed(setup: &dyn StoreSetup) {
    let mut world = first(setup);
    let exchange = |world: &World| {
        let request = world.sign(KEY, &params());
        (world.exchange(&request), request)
    };
    // First, requests while the clock is right.
    for _ in 0..5 {
        assert_eq!(exchange(&world).0.code(), (201, 0));
        world.pass(MINUTE);
    }
    let right = world.now();
    let ahead = right + 2 * HOUR;
    world.jump(ahead);
    let mut used = Vec::new();
    // Enough requests that each store drops some of the first nonces.
    for nth in 0..200 {
        let (answer, request) = exchange(&world);
        assert_eq!(answer.code(), (201, 0));
        used.push(request);
        world.pass(if nth == 99 { 3 * MINUTE } else { 100 });
    }
    let end = world.now();
    world.jump(right + (end - ahead));
    assert_eq!(exchange(&world).0.code(), (201, 0), "requests with timestamps that the clock skipped are accepted");
    for _ in 0..20 {
        world.pass(5 * MINUTE);
        assert_eq!(exchange(&world).0.code(), (201, 0));
        world = setup.reopen(world);
    }
    world.set(ahead - 30_000);
    let mut waited = 0;
    for request in used.iter().step_by(20) {
        assert!([(401, 40104), (401, 40105)].contains(&world.exchange(request).code()));
    }
    while world.now() < end + 2 * MINUTE {
        let answer = exchange(&world).0;
        if answer.status != 201 {
            assert_eq!(answer.code(), (401, 40104));
            let seconds: u64 = answer.header("retry-after").parse().unwrap();
            assert!(answer.message().contains(&format!("sign a new one in {seconds} s")), "{}", answer.message());
            world.pass(seconds * 1_000);
            waited += seconds;
            assert_eq!(exchange(&world).0.code(), (201, 0), "after `Retry-After`");
        }
        let replayed = world.exchange(&used[used.len() - 1]).code();
        assert!([(401, 40104), (401, 40105)].contains(&replayed), "{replayed:?}");
        world.pass(20_000);
    }
    assert!(waited <= 5 * 60, "{waited} s");
}

pub(super) fn text_with_quotes_survives_restart(setup: &dyn StoreSetup) {
    let world = first(setup);
    let name = r#"a "quoted" \\ name"#;
    let request = Request::post("/v1/accounts/a%22b%5Cc/apps").header("Authorization", format!("Bearer {CONTROL}"));
    let app = world.send(request, json!({ "name": name }).to_string());
    assert_eq!((app.status, &app.json()["accountId"]), (201, &json!(r#"a"b\c"#)));
    let keys = format!("{}/keys", app.json()["id"].as_str().unwrap());
    let key = control(&world, "POST", &keys, &json!({ "name": name, "capability": { r#""\"#: ["*"] } }));
    assert_eq!(key.status, 201, "{}", key.text());
    assert_eq!(control(&world, "POST", "app2/keys/quoted/revoke", &json!({})).status, 200);
    let world = setup.reopen(world);
    let keys = format!("{keys}?secrets=true");
    assert_eq!(control(&world, "GET", &keys, &json!({})).json(), json!([key.json()]));
    assert_eq!(world.get("/stats", &basic_of(r#"app2.quoted:a"b\c"#)).code(), (401, 40131));
    assert_eq!(world.get("/stats", &basic(KEY)).code(), (200, 0));
}

pub(super) fn revocation_covers_earlier_tokens_at_any_clock(setup: &dyn StoreSetup) {
    let mut world = first(setup);
    let token = |world: &World| world.token(REVOCABLE, &of("bob").capability(r#"{"*":["stats"]}"#));
    let first = token(&world);
    world.set(NOW - 10 * MINUTE);
    let mut tokens = vec![first];
    for (nth, passed) in [0, 0, 1, 1_000, 0, 20_000, 0].into_iter().enumerate() {
        world.pass(passed);
        let target = ["clientId:bob", "channel:*", "clientId:bob"][nth % 3];
        assert_eq!(world.revoke(&json!({ "targets": [target] })).json()["successCount"], 1);
        for token in &tokens {
            assert_eq!(world.accepts(token).code(), (401, 40141), "{nth}");
        }
        let new = token(&world);
        assert_eq!(world.accepts(&new).code(), (200, 0), "{nth}");
        tokens.push(new);
        world = setup.reopen(world);
        assert_eq!(world.accepts(&tokens[nth]).code(), (401, 40141), "{nth}");
        assert_eq!(world.accepts(&tokens[nth + 1]).code(), (200, 0), "{nth}");
    }
}

pub(super) fn time_advances_after_clock_is_set_back(setup: &dyn StoreSetup) {
    let world = first(setup);
    let token = world.token(REVOCABLE, &of("alice"));
    let bob = world.token(REVOCABLE, &of("bob").ttl(ttl(10 * MINUTE)));
    world.set(NOW - HOUR);
    let margin = world.revoke(&json!({ "targets": ["clientId:alice"], "allowReauthMargin": true }));
    assert_eq!(margin.json()["results"][0]["appliesAt"], NOW + 30_000);
    world.pass(59_000);
    assert_eq!(world.accepts(&token).code(), (200, 0));
    world.pass(1_000);
    assert_eq!(world.accepts(&token).code(), (401, 40141), "time runs at half the pace");
    world.pass(18 * MINUTE);
    assert_eq!(world.accepts(&bob).code(), (200, 0));
    world.pass(MINUTE);
    assert_eq!(world.accepts(&bob).code(), (401, 40142));
    let new = world.token(REVOCABLE, &of("bob").ttl(ttl(MINUTE)));
    assert_eq!(new.issued().unwrap().as_millis(), NOW + 10 * MINUTE);
    let world = setup.reopen(world);
    assert_eq!(world.accepts(&new).code(), (200, 0));
    world.pass(2 * MINUTE);
    assert_eq!(world.accepts(&new).code(), (401, 40142));
    world.pass(2 * HOUR);
    assert_eq!(world.token(KEY, &params()).issued().unwrap().as_millis(), world.now(), "the clock has caught up");
}

pub(super) fn expired_token_stays_expired(setup: &dyn StoreSetup) {
    let world = first(setup);
    let token = world.token(KEY, &params().ttl(ttl(5 * MINUTE)));
    for minute in [4, 6, 30] {
        world.set(NOW + minute * MINUTE);
        let code = if minute < 5 { (200, 0) } else { (401, 40142) };
        assert_eq!(world.accepts(&token).code(), code);
    }
    world.set(NOW + MINUTE);
    assert_eq!(setup.reopen(world).accepts(&token).code(), (401, 40142));
}

pub(super) fn clock_that_is_far_off_grants_nothing(setup: &dyn StoreSetup) {
    let world = first(setup);
    let [over, revoked, good] = [("a", 1_000), ("bob", HOUR), ("c", HOUR)]
        .map(|(name, millis)| world.token(REVOCABLE, &of(name).ttl(ttl(millis))));
    assert_eq!(world.revoke(&json!({ "targets": ["clientId:bob"] })).status, 201);
    world.pass(1_000);
    assert_eq!(world.accepts(&over).code(), (401, 40142));
    let mut world = setup.reopen(world);
    let start = world.now();
    for off in [start - 2 * DAY, start - DAY - 1, start + DAY + 20, start + 400 * DAY] {
        let right = world.now();
        world.jump(off);
        for token in [&over, &revoked, &good] {
            assert_eq!(world.accepts(token).code(), (500, 50003), "{off}");
        }
        assert_eq!(world.exchange(&world.sign(KEY, &params())).code(), (500, 50003), "{off}");
        assert_eq!(world.revoke(&json!({ "targets": ["clientId:c"] })).code(), (500, 50003), "{off}");
        assert_eq!(control(&world, "GET", "app1/keys", &json!({})).status, 500);
        assert_eq!(world.send(Request::get("/time"), "").json(), json!([world.now()]));
        world.jump(right + 1);
        assert_eq!(world.accepts(&over).code(), (401, 40142), "{off}");
        assert_eq!(world.accepts(&revoked).code(), (401, 40141), "{off}");
        assert_eq!(world.accepts(&good).code(), (200, 0), "{off}");
        assert_eq!(world.exchange(&world.sign(KEY, &params())).code(), (201, 0), "{off}");
        world = setup.reopen(world);
    }
}

pub(super) fn trusted_clock_is_followed(setup: &dyn StoreSetup) {
    let world = first(setup);
    let [bob, lasting] = [world.token(REVOCABLE, &of("bob")), world.token(KEY, &params())];
    let used = world.sign(KEY, &params());
    assert_eq!(world.exchange(&used).code(), (201, 0));
    // The clock is nine days ahead, so that everything from before is dropped.
    world.set(NOW + 9 * DAY);
    assert_eq!(world.revoke(&json!({ "targets": ["clientId:bob", "clientId:alice"] })).status, 201);
    let of_wrong = [world.token(REVOCABLE, &of("bob")), world.token(KEY, &params())];
    world.pass(2 * MINUTE + 1);
    assert_eq!(world.exchange(&world.sign(KEY, &params())).code(), (201, 0));
    let world = setup.reopen(world);
    world.jump(NOW + 1_000);
    assert_eq!(world.accepts(&lasting).code(), (500, 50003));
    world.wait(world.service.trust_clock()).unwrap();
    assert_eq!(world.accepts(&lasting).code(), (200, 0));
    assert_eq!(world.accepts(&bob).code(), (401, 40141), "it may have been revoked");
    for token in &of_wrong {
        assert_eq!(world.accepts(token).code(), (401, 40141));
    }
    let is_refused = |code| [(500, 50003), (401, 40104), (401, 40105)].contains(&code);
    assert!(is_refused(world.exchange(&used).code()), "it may have been used");
    let mut world = setup.reopen(world);
    assert_eq!(world.accepts(&bob).code(), (401, 40141));
    for _ in 0..2 {
        world.pass(2 * MINUTE + 1);
        let renewed = world.token(REVOCABLE, &of("bob"));
        assert!(renewed.issued().unwrap().as_millis() < NOW + 6 * MINUTE);
        assert_eq!(world.accepts(&renewed).code(), (200, 0));
        assert_eq!(world.revoke(&json!({ "targets": ["clientId:bob"] })).status, 201);
        assert_eq!(world.accepts(&renewed).code(), (401, 40141));
        world = setup.reopen(world);
    }
    world.wait(world.service.trust_clock()).unwrap();
    assert_eq!(world.exchange(&world.sign(KEY, &params())).code(), (201, 0), "a second call changes nothing");
}

pub(super) fn key_removed_from_configuration_stays_revoked(setup: &dyn StoreSetup) {
    let world = first(setup);
    let token = world.token(LIMITED, &params());
    let made = control(&world, "POST", "app1/keys", &json!({ "name": "web", "capability": { "*": ["*"] } }));
    for id in ["limited", "revocable"] {
        assert_eq!(control(&world, "PATCH", &format!("app1/keys/{id}"), &json!({ "name": "changed" })).status, 200);
    }
    let configured = apps();
    let without = |app: &App| {
        let keys = app.keys().filter(|key| key.name().as_str() != LIMITED).cloned();
        keys.fold(App::new(app.id()).unwrap(), |app, key| app.with_key(key).unwrap())
    };
    let less = configured.iter().map(without).fold(Apps::new(), |apps, app| apps.with_app(app).unwrap());
    let mut world = setup.reopen_with(world, less);
    for _ in 0..2 {
        assert_eq!(world.get("/channels/status", &basic(LIMITED)).code(), (401, 40131));
        assert_eq!(world.accepts(&token).code(), (401, 40141));
        assert_eq!(world.get("/stats", &basic(REVOCABLE)).code(), (200, 0));
        assert_eq!(world.get("/stats", &basic_of(made.json()["key"].as_str().unwrap())).code(), (200, 0));
        world = setup.reopen(world);
    }
}

pub(super) fn concurrent_changes_are_all_stored(setup: &dyn StoreSetup) {
    let world = first(setup);
    let tokens: Vec<_> = (0..8).map(|nth| world.token(REVOCABLE, &of(&format!("user{nth}")))).collect();
    let keys = thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|nth| {
                let world = &world;
                scope.spawn(move || {
                    let targets = json!({ "targets": [format!("clientId:user{nth}"), "clientId:everybody"] });
                    assert_eq!(world.revoke(&targets).json()["successCount"], 2);
                    let key = json!({ "name": "one of many", "capability": { "*": ["*"] } });
                    let made = control(world, "POST", "app1/keys", &key);
                    assert_eq!(made.status, 201, "{}", made.text());
                    made.json()["key"].as_str().unwrap().to_owned()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    let world = setup.reopen(world);
    for token in &tokens {
        assert_eq!(world.accepts(token).code(), (401, 40141));
    }
    for key in &keys {
        assert_eq!(world.get("/stats", &basic_of(key)).code(), (200, 0));
    }
}
