//! A store that fails, at each of its calls once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ably_auth_core::TokenDetails;
use ably_auth_server::store::{Pending, Unavailable};
use http::Request;
use serde_json::json;

use super::runtime;
use crate::faulty::{Call, Fault, Faulty};
use crate::support::*;

/// Fails at the call of that number, counted down; before it is done, or after.
#[derive(Clone, Debug)]
struct Failing {
    until: Arc<AtomicUsize>,
    after: bool,
}

impl Failing {
    fn new(after: bool) -> Self {
        Self { until: Arc::default(), after }
    }

    /// The call of that number, from now on, fails; none if it is 0.
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
        Pending::unavailable(Unavailable::new("it was told to"))
    }
}

/// A service whose store fails when it is next asked.
pub(crate) fn about_to_fail() -> World {
    let store = Faulty::new(Failing::new(false));
    let world = World::over(store.clone(), &runtime(), None);
    store.fault.fail_at(1);
    world
}

/// Does something at a service whose store fails at one call, for each of the calls that it takes. What fails is 50003 and
/// leaves the service able to do the same once more.
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
            assert!(act(&world).status < 300, "call {nth}: it does not recover");
        }
        store.fault.fail_at(0);
        check(&world);
    }
    assert_eq!(failed, 2 * calls, "it takes another number of calls");
}

fn control(world: &World, path: &str) -> Answer {
    let request = Request::post(format!("/v1/{path}")).header("Authorization", format!("Bearer {CONTROL}"));
    world.send(request, json!({ "name": "web", "capability": { "*": ["*"] } }).to_string())
}

#[test]
fn a_token_request_that_is_signed_anew_is_exchanged() {
    fail_at_each_call(1, |world| world.exchange(&world.sign(KEY, &params())), |_| {});
}

#[test]
fn a_large_token_is_issued_whole_or_not() {
    let channels: serde_json::Map<_, _> =
        (0..1_000).map(|nth| (format!("channel-{nth:04}"), json!(["publish"]))).collect();
    let large = can(&json!(channels).to_string());
    fail_at_each_call(2, |world| world.exchange(&world.sign(KEY, &large)), |_| {});
}

#[test]
fn a_large_token_is_believed_only_if_it_can_be_read() {
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
fn nobody_is_let_in_by_guess() {
    let token = std::cell::RefCell::new(None);
    let act = |world: &World| {
        let token = token.borrow_mut().take().unwrap_or_else(|| bearer(&World::new().token(REVOCABLE, &params())));
        world.get("/stats", &token)
    };
    fail_at_each_call(1, act, |_| {});
    fail_at_each_call(1, |world| world.get("/stats", &basic(KEY)), |_| {});
}

#[test]
fn a_revocation_is_made_whole_or_not() {
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
fn an_app_is_made_with_all_its_keys_or_not() {
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
