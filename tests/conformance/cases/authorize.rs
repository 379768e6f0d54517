//! `uts/rest/unit/auth/authorize.md`: new tokens on request.

use ably_auth::TokenParams;
use serde_json::json;

use super::{Case, OfClient};
use crate::harness::{
    AuthCallback, AuthSetup, AuthUrlSetup, HOUR, KEY, Kind, Reply, Setup, World, details, issued, ttl,
};

pub(super) const CASES: &[Case] = &[
    OfClient("rest/unit/RSA10a/authorize-default-params-0", with_default_params),
    OfClient("rest/unit/RSA10b/authorize-explicit-params-0", with_explicit_params),
    OfClient("rest/unit/RSA10e/authorize-saves-params-0", saves_params),
    OfClient("rest/unit/RSA10g/authorize-updates-token-details-0", updates_token_details),
    OfClient("rest/unit/RSA10h/authorize-replaces-auth-options-0", replaces_auth_options),
    OfClient("rest/unit/RSA10i/authorize-preserves-key-0", preserves_key),
    OfClient("rest/unit/RSA10j/authorize-replaces-existing-token-0", replaces_token),
    OfClient("rest/unit/RSA10k/authorize-query-time-0", queries_time),
    OfClient("rest/unit/RSA10l/authorize-error-propagated-0", propagates_error),
];

/// Returns a service that issues `obtained-token`.
fn issuing() -> World {
    World::with_clock(|clock| {
        move |_, request| {
            if request.is_token_request() {
                Reply::json(200, &issued("obtained-token", clock.millis()))
            } else {
                Reply::ok()
            }
        }
    })
}

fn with_default_params(kind: Kind) {
    let world = issuing();
    let client = kind.connect(&world, &Setup::key(KEY));
    assert_eq!(client.authorize(None).unwrap().token().expose(), "obtained-token");
    client.get("/channels/test").unwrap();
    assert_eq!(world.log().last().unwrap().authorization(), Some("Bearer obtained-token"));
}

fn with_explicit_params(kind: Kind) {
    let world = World::new(|_, _| Reply::ok());
    let callback = AuthCallback::giving(details("callback-token"));
    let client = kind.connect(&world, &Setup::callback(&callback).client_id("default-client"));
    let params = TokenParams::new().client_id("override-client").ttl(ttl(2 * HOUR));
    client.authorize(Some(&params)).unwrap();
    let asked = &callback.asked()[0];
    assert_eq!((asked.get_client_id().as_str(), asked.get_ttl()), (Some("override-client"), Some(ttl(2 * HOUR))));
}

fn saves_params(kind: Kind) {
    let world = World::new(|_, _| Reply::ok());
    let callback = AuthCallback::new(|call, _| Ok(details(&format!("token-{call}"))));
    let client = kind.connect(&world, &Setup::callback(&callback));
    let params = TokenParams::new().client_id("saved-client").ttl(ttl(HOUR));
    client.authorize(Some(&params)).unwrap();
    client.authorize(None).unwrap();
    let asked = callback.asked();
    assert_eq!(asked.len(), 2);
    assert_eq!((asked[1].get_client_id().as_str(), asked[1].get_ttl()), (Some("saved-client"), Some(ttl(HOUR))));
}

fn updates_token_details(kind: Kind) {
    let world = World::with_clock(|clock| {
        move |_, _| {
            let mut token = issued("new-token", clock.millis());
            token["clientId"] = json!("token-client");
            Reply::json(200, &token)
        }
    });
    let client = kind.connect(&world, &Setup::key(KEY));
    assert_eq!(client.token_details(), None);
    let authorized = client.authorize(None).unwrap();
    assert_eq!((authorized.token().expose(), authorized.client_id().as_str()), ("new-token", Some("token-client")));
    assert_eq!(client.token_details(), Some(authorized));
}

fn replaces_auth_options(kind: Kind) {
    let world = World::new(|_, _| Reply::ok());
    let original = AuthCallback::giving(details("original"));
    let new = AuthCallback::giving(details("new"));
    let client = kind.connect(&world, &Setup::callback(&original));
    client.authorize_with(None, &AuthSetup::default().callback(&new)).unwrap();
    assert_eq!((original.asked().len(), new.asked().len()), (0, 1));
    client.authorize(None).unwrap();
    assert_eq!((original.asked().len(), new.asked().len()), (0, 2), "later calls use the new callback");
}

fn preserves_key(kind: Kind) {
    let world = World::with_clock(|clock| {
        move |_, request| match request.host() {
            "new-auth.example.com" => Reply::json(200, &issued("token-via-url", clock.millis())),
            _ => Reply::ok(),
        }
    });
    let client = kind.connect(&world, &Setup::key(KEY));
    let auth_url = AuthUrlSetup::new("https://new-auth.example.com/token");
    let authorized = client.authorize_with(None, &AuthSetup::default().auth_url(auth_url)).unwrap();
    assert_eq!(authorized.token().expose(), "token-via-url");
    assert_eq!(client.create_token_request(None).unwrap().key_name(), "appId.keyId", "the key still signs");
}

fn replaces_token(kind: Kind) {
    let world = World::new(|_, _| Reply::ok());
    let callback = AuthCallback::new(|call, _| Ok(details(&format!("token-{call}"))));
    let client = kind.connect(&world, &Setup::callback(&callback));
    assert_eq!(client.authorize(None).unwrap().token().expose(), "token-1");
    assert_eq!(client.authorize(None).unwrap().token().expose(), "token-2");
    assert_eq!(client.token_details().unwrap().token().expose(), "token-2");
}

fn queries_time(kind: Kind) {
    const SERVICE_TIME: u64 = 1_234_567_890_000;
    let world = World::new(|_, request| match &*request.path {
        "/time" => Reply::time(SERVICE_TIME),
        _ => Reply::json(200, &issued("time-synced-token", SERVICE_TIME)),
    });
    let client = kind.connect(&world, &Setup::key(KEY));
    client.authorize_with(None, &AuthSetup::default().query_time()).unwrap();
    let log = world.log();
    assert_eq!(log.len(), 2);
    assert_eq!(log[0].path, "/time");
    assert_eq!(log[1].json()["timestamp"], SERVICE_TIME, "the service's time is used");
}

fn propagates_error(kind: Kind) {
    let world = World::new(|_, _| Reply::error(401, 40_100, "Unauthorized"));
    let error = kind.connect(&world, &Setup::key("invalid.key:secret")).authorize(None).unwrap_err();
    assert_eq!((error.ably_code().as_u32(), error.status_code()), (40_100, 401));
}
