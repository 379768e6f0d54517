//! Tests of a store that fails once, at each of its calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ably_auth_core::TokenDetails;
use ably_auth_server::store::{Pending, Unavailable};
use http::Request;
use serde_json::json;

use super::runtime;
use crate::faulty::{Call, Fault, Faulty};
use crate::support::*;

/// A fault that fails one call, counted down from `until`: before the call, or after it if `after` is set.
#[derive(Clone, Debug)]
struct Failing {
    until: Arc<AtomicUsize>,
    after: bool,
}

impl Failing {
    fn new(after: bool) -> Self {
        Self { until: Arc::default(), after }
    }

    /// Makes the `nth` call from now on fail, or none if `nth` is 0.
    fn fail_at(&self, nth: usize) {
        self.until.store(nth, Ordering::SeqCst);
    }
}

impl Fault for Failing {
    fn on<T: Send + Unpin + 'static>(&self, _: Call, ask: impl FnOnce() -> Pending<T>) -> Pending<T> {
        let fails = self.until.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)) == Ok(1);
        if !fails {
            return ask();
        }
        if self.after {
            drop(ask());
        }
        Pending::unavailable(Unavailable::new("injected failure"))
    }
}

/// Returns a service whose store fails at the next call.
pub(crate) fn world_with_failing_store() -> World {
    let store = Faulty::new(Failing::new(false));
    let world = World::over(store.clone(), &runtime(), None);
    store.fault.fail_at(1);
    world
}

/// Runs `act`, which makes `calls` calls of the store, and fails each call once. Checks that a failure is 50003, and that `act`
/// succeeds when it is repeated.
fn fail_at_each_call(calls: usize, act: impl Fn(&World) -> Answer, check: impl Fn(&World)) {
    let (mut failed, runtime) = (0, runtime());
    for (nth, after) in (1..=calls + 1).flat_map(|nth| [(nth, false), (nth, true)]) {
        let store = Faulty::new(Failing::new(after));
        let world = World::over(store.clone(), &runtime, None);
        store.fault.fail_at(nth);
        let answer = act(&world);
        if answer.status >= 400 {
            assert_eq!(answer.header("x-ably-errorcode"), "50003", "call {nth}: {}", answer.text());
            assert_eq!(answer.status, 500);
            failed += 1;
            assert!(act(&world).status < 300, "call {nth}: the service does not recover");
        }
        store.fault.fail_at(0);
        check(&world);
    }
    assert_eq!(failed, 2 * calls, "the number of calls differs");
}

fn control(world: &World, path: &str) -> Answer {
    let request = Request::post(format!("/v1/{path}")).header("Authorization", format!("Bearer {CONTROL}"));
    world.send(request, json!({ "name": "web", "capability": { "*": ["*"] } }).to_string())
}

#[test]
fn newly_signed_request_succeeds_after_failure() {
    fail_at_each_call(1, |world| world.exchange(&world.sign(KEY, &params())), |_| {});
}

#[test]
fn large_token_is_issued_completely_or_not_at_all() {
    let channels: serde_json::Map<_, _> =
        (0..1_000).map(|nth| (format!("channel-{nth:04}"), json!(["publish"]))).collect();
    let large = can(&json!(channels).to_string());
    fail_at_each_call(2, |world| world.exchange(&world.sign(KEY, &large)), |_| {});
}

#[test]
fn large_token_is_refused_if_store_fails() {
    let channels: serde_json::Map<_, _> = (0..1_000)
        .map(|nth| (format!("channel-{nth:04}"), json!(["publish"])))
        .chain([("*".into(), json!(["stats"]))])
        .collect();
    let large = can(&json!(channels).to_string());
    let act = |world: &World| {
        let issued = world.exchange(&world.sign(KEY, &large));
        if issued.status != 201 {
            return issued;
        }
        let token: TokenDetails = serde_json::from_slice(&issued.body).unwrap();
        world.get("/stats", &bearer(&token))
    };
    fail_at_each_call(4, act, |_| {});
}

#[test]
fn credential_is_refused_if_store_fails() {
    let token = std::cell::RefCell::new(None);
    let act = |world: &World| {
        let token = token.borrow_mut().take().unwrap_or_else(|| bearer(&World::new().token(REVOCABLE, &params())));
        world.get("/stats", &token)
    };
    fail_at_each_call(1, act, |_| {});
    fail_at_each_call(1, |world| world.get("/stats", &basic(KEY)), |_| {});
}

#[test]
fn revocation_is_stored_completely_or_not_at_all() {
    let act = |world: &World| {
        let request = Request::post(format!("/keys/{REVOCABLE}/revokeTokens")).header("X-Ably-Version", "6");
        let targets = json!({ "targets": ["clientId:bob", "clientId:alice"] });
        world.send(request.header("Authorization", basic(REVOCABLE)), targets.to_string())
    };
    let check = |world: &World| {
        let of_before = World::new();
        for name in ["bob", "alice"] {
            assert_eq!(world.accepts(&of_before.token(REVOCABLE, &of(name))).code(), (401, 40141));
            assert_eq!(world.accepts(&world.token(REVOCABLE, &of(name))).code(), (200, 0));
        }
    };
    fail_at_each_call(3, act, check);
}

#[test]
fn app_and_keys_are_stored_completely_or_not_at_all() {
    let act = |world: &World| world.post("/apps", "", &json!({ "keys": [{}, {}] }));
    fail_at_each_call(2, act, |_| {});
    fail_at_each_call(2, |world| control(world, "apps/app1/keys"), |_| {});
    fail_at_each_call(
        2,
        |world| control(world, "apps/app1/keys/key1/revoke"),
        |world| {
            assert_eq!(world.exchange(&world.sign(KEY, &params())).code(), (401, 40131));
        },
    );
}
