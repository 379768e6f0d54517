//! The promises, of which each holds whatever the store, and over its restart.

use std::thread;

use ably_auth_core::TokenDetails;
use http::Request;
use serde_json::{Value, json};

use super::Place;
use crate::support::*;

/// From a place that was opened for the first time, once it takes requests.
fn first(place: &dyn Place) -> World {
    place.open(None)
}

fn revoke(world: &World, targets: &Value) -> Answer {
    let request = Request::post(format!("/keys/{REVOCABLE}/revokeTokens"));
    let request = request.header("Authorization", basic(REVOCABLE)).header("X-Ably-Version", "6");
    world.send(request, targets.to_string())
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

pub(super) fn a_request_is_exchanged_once(place: &dyn Place) {
    let world = first(place);
    let request = world.sign(KEY, &of("bob"));
    let in_future = world.sign(KEY, &of("bob"));
    assert_eq!(world.exchange(&request).code(), (201, 0));
    world.set(NOW - MINUTE);
    assert_eq!(world.exchange(&in_future).code(), (201, 0));
    world.set(NOW);
    assert_eq!(world.exchange(&request).code(), (401, 40105));
    let world = place.again(world);
    for moment in [NOW - 2 * MINUTE, NOW, NOW + 2 * MINUTE] {
        world.set(moment);
        assert_eq!(world.exchange(&request).code(), (401, 40105), "{moment}");
        assert_eq!(world.exchange(&in_future).code(), (401, 40105), "{moment}");
        assert_eq!(world.exchange(&world.sign(KEY, &params())).code(), (201, 0));
    }
    world.set(NOW + 2 * MINUTE + 1);
    assert_eq!(place.again(world).exchange(&request).code(), (401, 40104));
}

pub(super) fn the_same_request_at_once_is_exchanged_once(place: &dyn Place) {
    let world = first(place);
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

pub(super) fn what_is_not_signed_leaves_nothing(place: &dyn Place) {
    let world = first(place);
    let good = world.sign(KEY, &params());
    for _ in 0..100 {
        let mut forged = serde_json::to_value(&good).unwrap();
        forged["mac"] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".into();
        let path = format!("/keys/{KEY}/requestToken");
        assert_eq!(world.send(Request::post(path), forged.to_string()).code(), (401, 40101));
    }
    assert_eq!(place.again(world).exchange(&good).code(), (201, 0));
}

pub(super) fn what_was_revoked_stays_revoked(place: &dyn Place) {
    let world = first(place);
    let [bob, alice] = ["bob", "alice"].map(|name| world.token(REVOCABLE, &of(name)));
    assert_eq!(revoke(&world, &json!({ "targets": ["clientId:bob", "clientId:a/b:c"] })).json()["successCount"], 2);
    let margin = revoke(&world, &json!({ "targets": ["clientId:alice"], "allowReauthMargin": true }));
    assert_eq!(margin.json()["results"][0]["appliesAt"], NOW + 30_000);
    let world = place.again(world);
    assert_eq!(world.accepts(&bob).code(), (401, 40141));
    assert_eq!(world.accepts(&alice).code(), (200, 0));
    let renewed = world.token(REVOCABLE, &of("bob"));
    assert_eq!(renewed.issued().unwrap().as_millis(), NOW + 1, "within the millisecond, after is after");
    world.set(NOW + 30_000);
    let world = place.again(world);
    assert_eq!(world.accepts(&alice).code(), (401, 40141));
    assert_eq!(world.accepts(&renewed).code(), (200, 0));
    assert_eq!(world.accepts(&bob).code(), (401, 40141));
}

pub(super) fn a_revocation_without_a_moment_takes_what_a_clock_ahead_issued(place: &dyn Place) {
    let world = first(place);
    world.set(NOW + 5_000);
    let early = world.token(REVOCABLE, &of("bob"));
    let world = place.again(world);
    world.set(NOW);
    assert_eq!(revoke(&world, &json!({ "targets": ["clientId:bob"] })).status, 201);
    assert_eq!(world.accepts(&early).code(), (401, 40141));
    let late = world.token(REVOCABLE, &of("bob"));
    assert_eq!(place.again(world).accepts(&late).code(), (200, 0));
}

pub(super) fn a_large_token_is_good_until_it_expires(place: &dyn Place) {
    let world = first(place);
    let token = world.token(KEY, &of("bob").ttl(ttl(HOUR)).capability(channels(1_000).parse().unwrap()));
    let publish = |world: &World, channel: &str| {
        world.post(&format!("/channels/{channel}/messages"), &bearer(&token), &json!({})).code()
    };
    let world = place.again(world);
    world.set(NOW + HOUR - 1);
    assert_eq!(publish(&world, "channel-0777-with-a-long-name"), (201, 0));
    assert_eq!(publish(&world, "channel-1000-with-a-long-name"), (401, 40160));
    world.set(NOW + HOUR);
    assert_eq!(publish(&world, "channel-0777-with-a-long-name"), (401, 40142));
}

pub(super) fn keys_made_and_changed_at_run_time_stay(place: &dyn Place) {
    let world = first(place);
    let made = control(&world, "POST", "app1/keys", &json!({ "name": "web", "capability": { "*": ["*"] } }));
    assert_eq!(made.status, 201);
    let (id, key) = (made.json()["id"].as_str().unwrap().to_owned(), made.json()["key"].as_str().unwrap().to_owned());
    let world = place.again(world);
    let stats = |world: &World| world.get("/stats", &basic_of(&key)).code();
    assert_eq!(stats(&world), (200, 0));
    let narrow = json!({ "capability": { "chat": ["publish"] } });
    assert_eq!(control(&world, "PATCH", &format!("app1/keys/{id}"), &narrow).status, 200);
    let world = place.again(world);
    assert_eq!(stats(&world), (401, 40160));
    let path = format!("/keys/app1.{id}/requestToken");
    let body = json!({ "keyName": format!("app1.{id}") });
    let token: TokenDetails = serde_json::from_slice(&world.post(&path, &basic_of(&key), &body).body).unwrap();
    assert_eq!(world.accepts(&token).code(), (401, 40160));
    // One that was made now, and one that the service is told of whenever it starts.
    let listed = world.token(KEY, &params());
    for id in [&*id, "key1"] {
        assert_eq!(control(&world, "POST", &format!("app1/keys/{id}/revoke"), &json!({})).status, 200);
    }
    let world = place.again(world);
    assert_eq!(stats(&world), (401, 40131));
    assert_eq!((world.accepts(&token).code(), world.accepts(&listed).code()), ((401, 40141), (401, 40141)));
    let described = control(&world, "GET", "app1/keys", &json!({})).json();
    let described = described.as_array().unwrap().iter().find(|key| key["id"] == *id).unwrap().clone();
    assert_eq!((&described["name"], &described["status"]), (&json!("web"), &json!(1)));
    assert_eq!(described["capability"], narrow["capability"]);
}

pub(super) fn apps_made_and_deleted_at_run_time_stay(place: &dyn Place) {
    let world = first(place);
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
    let world = place.again(world);
    assert_eq!(delete(&world, &path(&deleted), &credential(&deleted, 1)), 204);
    assert_eq!(delete(&world, "/apps/app2", &basic(ELSEWHERE)), 204);
    let world = place.again(world);
    assert_eq!(world.get("/stats", &credential(&kept, 0)).code(), (200, 0));
    assert_eq!(world.get("/stats", &credential(&kept, 1)).code(), (200, 0));
    assert_eq!(world.get("/stats", &credential(&deleted, 0)).code(), (404, 40400));
    assert_eq!(world.get("/stats", &basic(ELSEWHERE)).code(), (404, 40400), "also one that is in the file");
    assert_eq!(world.get("/stats", &basic(KEY)).code(), (200, 0));
}

pub(super) fn a_clock_that_steps_back_opens_nothing(place: &dyn Place) {
    let world = first(place);
    let used = world.sign(KEY, &params());
    let token = world.token(KEY, &params().ttl(ttl(10 * MINUTE)));
    assert_eq!(world.exchange(&used).code(), (201, 0));
    world.set(NOW + 10 * MINUTE);
    assert_eq!(world.accepts(&token).code(), (401, 40142));
    // What is used now makes the store forget what is over.
    assert_eq!(world.exchange(&world.sign(KEY, &params())).code(), (201, 0));
    let world = place.again(world);
    world.set(NOW + 1);
    assert_eq!(world.accepts(&token).code(), (401, 40142));
    let code = world.exchange(&used).code();
    assert!([(401, 40104), (401, 40105)].contains(&code), "{code:?}");
    let new = world.token(KEY, &params().ttl(ttl(MINUTE)));
    assert_eq!(world.accepts(&new).code(), (200, 0), "and closes nothing");
}

pub(super) fn changes_at_once_are_all_made(place: &dyn Place) {
    let world = first(place);
    let tokens: Vec<_> = (0..8).map(|nth| world.token(REVOCABLE, &of(&format!("user{nth}")))).collect();
    let keys = thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|nth| {
                let world = &world;
                scope.spawn(move || {
                    let targets = json!({ "targets": [format!("clientId:user{nth}"), "clientId:everybody"] });
                    assert_eq!(revoke(world, &targets).json()["successCount"], 2);
                    let key = json!({ "name": "one of many", "capability": { "*": ["*"] } });
                    let made = control(world, "POST", "app1/keys", &key);
                    assert_eq!(made.status, 201, "{}", made.text());
                    made.json()["key"].as_str().unwrap().to_owned()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    let world = place.again(world);
    for token in &tokens {
        assert_eq!(world.accepts(token).code(), (401, 40141));
    }
    for key in &keys {
        assert_eq!(world.get("/stats", &basic_of(key)).code(), (200, 0));
    }
}
