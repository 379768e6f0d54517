//! `uts/rest/unit/auth/token_details.md`: the client's current token.

use std::time::Duration;

use ably_auth::ClientId;
use serde_json::json;

use super::{Case, OfClient};
use crate::harness::{
    AuthCallback, AuthSetup, Client, KEY, Kind, Reply, Setup, TestClock, World, details, details_with, issued, token,
};

pub(super) const CASES: &[Case] = &[
    OfClient("rest/unit/RSA16a/token-from-callback-0", from_callback),
    OfClient("rest/unit/RSA16a/token-from-request-token-1", from_request_token),
    OfClient("rest/unit/RSA16b/token-string-in-options-0", string_in_options),
    OfClient("rest/unit/RSA16b/token-string-from-callback-1", string_from_callback),
    OfClient("rest/unit/RSA16c/set-on-instantiation-0", set_on_instantiation),
    OfClient("rest/unit/RSA16c/updated-after-authorize-1", updated_after_authorize),
    OfClient("rest/unit/RSA16c/updated-after-expiry-renewal-2", updated_after_expiry),
    OfClient("rest/unit/RSA16c/updated-after-40142-renewal-3", updated_after_refusal),
    OfClient("rest/unit/RSA16d/null-with-basic-auth-0", none_with_basic),
    OfClient("rest/unit/RSA16d/null-before-token-obtained-1", none_before_first),
    OfClient("rest/unit/RSA16d/null-after-invalidation-2", none_after_invalidation),
    OfClient("rest/unit/RSA16d/null-after-switch-to-basic-3", none_after_switch_to_basic),
    OfClient("rest/unit/RSA16a/preserved-across-requests-0", preserved_across_requests),
    OfClient("rest/unit/RSA16a/reflects-capability-1", reflects_capability),
];

fn quiet() -> World {
    World::new(|_, _| Reply::ok())
}

/// Returns the text of the client's current token.
fn in_use(client: &dyn Client) -> Option<String> {
    client.token_details().map(|details| details.token().expose().to_owned())
}

fn from_callback(kind: Kind) {
    let world = quiet();
    let given = details_with("callback-token-abc", json!({ "clientId": "my-client" }));
    let client = kind.connect(&world, &Setup::callback(&AuthCallback::giving(given.clone())));
    client.get("/channels/test").unwrap();
    let current = client.token_details().unwrap();
    assert_eq!((current.token().expose(), current.client_id().as_str()), ("callback-token-abc", Some("my-client")));
    assert_eq!((current.expires(), current.issued()), (given.expires(), given.issued()));
    assert!(current.expires().is_some() && current.issued().is_some());
}

fn from_request_token(kind: Kind) {
    let world = World::with_clock(|clock| {
        move |_, request| {
            let mut token = issued("requested-token-xyz", clock.millis());
            token["clientId"] = json!("token-client");
            if request.is_token_request() { Reply::json(200, &token) } else { Reply::ok() }
        }
    });
    let client = kind.connect(&world, &Setup::key(KEY));
    client.authorize(None).unwrap();
    let current = client.token_details().unwrap();
    assert_eq!((current.token().expose(), current.client_id().as_str()), ("requested-token-xyz", Some("token-client")));
}

fn string_in_options(kind: Kind) {
    let client = kind.connect(&quiet(), &Setup::token(token("standalone-token-string")));
    let current = client.token_details().unwrap();
    assert_eq!(current.token().expose(), "standalone-token-string");
    assert_eq!((current.expires(), current.issued(), current.capability_text()), (None, None, None));
    assert_eq!(current.client_id(), &ClientId::None);
}

fn string_from_callback(kind: Kind) {
    let world = quiet();
    let callback = AuthCallback::new(|_, _| Ok(token("just-a-token-string")));
    let client = kind.connect(&world, &Setup::callback(&callback));
    client.get("/channels/test").unwrap();
    let current = client.token_details().unwrap();
    assert_eq!(current.token().expose(), "just-a-token-string");
    assert_eq!((current.expires(), current.issued()), (None, None));
}

fn set_on_instantiation(kind: Kind) {
    let given = details_with("initial-token", json!({ "clientId": "initial-client" }));
    let client = kind.connect(&quiet(), &Setup::token(given.clone()));
    assert_eq!(client.token_details(), Some(given));
}

/// Returns a callback that gives `token-v1` with `client-v1`, then `token-v2` with `client-v2`, and so on. Each token
/// expires 1 s later than the one before.
fn versions() -> AuthCallback {
    AuthCallback::new(|call, _| {
        let expires = TestClock::START + 1_000 * call as u64;
        Ok(details_with(
            &format!("token-v{call}"),
            json!({ "clientId": format!("client-v{call}"), "expires": expires }),
        ))
    })
}

fn updated_after_authorize(kind: Kind) {
    let world = quiet();
    let client = kind.connect(&world, &Setup::callback(&versions()));
    for version in 1..=2 {
        client.authorize(None).unwrap();
        let current = client.token_details().unwrap();
        assert_eq!(current.token().expose(), format!("token-v{version}"));
        assert_eq!(current.client_id().as_str(), Some(&*format!("client-v{version}")));
    }
}

fn updated_after_expiry(kind: Kind) {
    let world = quiet();
    let client = kind.connect(&world, &Setup::callback(&versions()));
    client.get("/channels/test").unwrap();
    assert_eq!(in_use(&*client).as_deref(), Some("token-v1"));
    world.clock.advance(Duration::from_secs(1));
    client.get("/channels/test").unwrap();
    assert_eq!(in_use(&*client).as_deref(), Some("token-v2"));
}

fn updated_after_refusal(kind: Kind) {
    let world = World::new(|number, _| match number {
        0 => Reply::error(401, 40_142, "Token expired"),
        _ => Reply::ok(),
    });
    let callback = AuthCallback::new(|call, _| Ok(details(&format!("token-v{call}"))));
    let client = kind.connect(&world, &Setup::callback(&callback));
    client.authorize(None).unwrap();
    assert_eq!(in_use(&*client).as_deref(), Some("token-v1"));
    client.get("/channels/test").unwrap();
    assert_eq!(in_use(&*client).as_deref(), Some("token-v2"));
}

fn none_with_basic(kind: Kind) {
    let world = quiet();
    let client = kind.connect(&world, &Setup::key(KEY));
    client.get("/channels/test").unwrap();
    assert_eq!(client.token_details(), None);
}

fn none_before_first(kind: Kind) {
    let client = kind.connect(&quiet(), &Setup::callback(&AuthCallback::giving(details("my-token"))));
    assert_eq!(client.token_details(), None);
}

fn none_after_invalidation(kind: Kind) {
    let world = World::new(|_, _| Reply::error(401, 40_142, "Token expired"));
    let callback = AuthCallback::new(|call, _| match call {
        1 => Ok(details("first-token")),
        _ => Err("cannot obtain a new token".into()),
    });
    let client = kind.connect(&world, &Setup::callback(&callback));
    client.authorize(None).unwrap();
    assert_eq!(in_use(&*client).as_deref(), Some("first-token"));
    client.get("/channels/test").unwrap_err();
    assert_eq!(client.token_details(), None);
}

fn none_after_switch_to_basic(kind: Kind) {
    let world = World::with_clock(|clock| {
        move |_, request| {
            if request.is_token_request() { Reply::json(200, &issued("by-key", clock.millis())) } else { Reply::ok() }
        }
    });
    let client = kind.connect(&world, &Setup::callback(&AuthCallback::giving(details("my-token"))));
    client.authorize(None).unwrap();
    assert!(client.token_details().is_some());
    client.authorize_with(None, &AuthSetup::default().key(KEY).use_token_auth(false)).unwrap();
    assert_eq!(client.token_details(), None);
    client.get("/channels/test").unwrap();
    assert!(world.log().last().unwrap().authorization().is_some_and(|sent| sent.starts_with("Basic ")));
}

fn preserved_across_requests(kind: Kind) {
    let world = quiet();
    let callback = AuthCallback::giving(details("stable-token"));
    let client = kind.connect(&world, &Setup::callback(&callback));
    for _ in 0..3 {
        client.get("/channels/test").unwrap();
        assert_eq!(in_use(&*client).as_deref(), Some("stable-token"));
    }
    assert_eq!(callback.asked().len(), 1);
}

fn reflects_capability(kind: Kind) {
    let capability = r#"{"channel1":["publish","subscribe"],"channel2":["subscribe"]}"#;
    let world = quiet();
    let callback = AuthCallback::giving(details_with("capable-token", json!({ "capability": capability })));
    let client = kind.connect(&world, &Setup::callback(&callback));
    client.get("/channels/test").unwrap();
    assert_eq!(client.token_details().unwrap().capability_text(), Some(capability));
}
