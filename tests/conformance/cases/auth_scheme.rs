//! `uts/rest/unit/auth/auth_scheme.md`: the choice between Basic and token authentication.

use serde_json::json;
use test_support::basic;

use super::auth_callback::with_auth_url;
use super::{Case, OfClient};
use crate::harness::{
    AuthCallback, AuthSetup, AuthUrlSetup, KEY, Kind, Reply, Setup, TestClock, World, details, details_with, issued,
    token,
};

pub(super) const CASES: &[Case] = &[
    OfClient("rest/unit/RSA4/basic-auth-key-only-0", basic_with_key_alone),
    OfClient("rest/unit/RSA3/token-auth-explicit-token-0", explicit_token),
    OfClient("rest/unit/RSA3/token-auth-token-details-1", token_details),
    OfClient("rest/unit/RSA4/use-token-auth-forced-1", use_token_auth),
    OfClient("rest/unit/RSA4/auth-callback-triggers-token-2", callback_means_tokens),
    OfClient("rest/unit/RSA4/authurl-triggers-token-3", auth_url_means_tokens),
    OfClient("rest/unit/RSC1b/no-auth-method-error-0", no_credentials),
    OfClient("rest/unit/RSA4a2/expired-token-no-renewal-0", refused_and_no_renewal),
    OfClient("rest/unit/RSA1/token-auth-takes-precedence-0", tokens_before_basic),
    OfClient("rest/unit/RSA2/basic-auth-header-format-0", basic_header),
    OfClient("rest/unit/RSC18/token-auth-over-non-tls-0", tokens_without_tls),
];

/// Returns the `Authorization` header of a client's only request.
fn authorization(kind: Kind, setup: &Setup) -> Option<String> {
    let world = World::new(|_, _| Reply::ok());
    kind.connect(&world, setup).get("/channels/test").unwrap();
    world.only().authorization().map(ToOwned::to_owned)
}

fn basic_with_key_alone(kind: Kind) {
    assert_eq!(authorization(kind, &Setup::key(KEY)), Some(basic(KEY)));
}

fn explicit_token(kind: Kind) {
    let setup = Setup::token(token("explicit-token-string"));
    assert_eq!(authorization(kind, &setup).as_deref(), Some("Bearer explicit-token-string"));
}

fn token_details(kind: Kind) {
    let setup = Setup::token(details("token-from-details"));
    assert_eq!(authorization(kind, &setup).as_deref(), Some("Bearer token-from-details"));
}

fn use_token_auth(kind: Kind) {
    let world = World::with_clock(|clock| {
        move |_, request| {
            if request.is_token_request() {
                Reply::json(200, &issued("obtained-token", clock.millis()))
            } else {
                Reply::ok()
            }
        }
    });
    let setup = AuthSetup::default().key(KEY).use_token_auth(true).into();
    kind.connect(&world, &setup).get("/channels/test").unwrap();
    let log = world.log();
    assert_eq!(log.len(), 2);
    assert!(log[0].is_token_request());
    assert_eq!(log[1].authorization(), Some("Bearer obtained-token"));
    assert!(log.iter().all(|request| request.authorization() != Some(&*basic(KEY))));
}

fn callback_means_tokens(kind: Kind) {
    let callback = AuthCallback::giving(details("callback-token"));
    assert_eq!(authorization(kind, &Setup::callback(&callback)).as_deref(), Some("Bearer callback-token"));
}

fn auth_url_means_tokens(kind: Kind) {
    let world = with_auth_url();
    let setup = Setup::auth_url(AuthUrlSetup::new("https://auth.example.com/token"));
    kind.connect(&world, &setup).get("/channels/test").unwrap();
    assert_eq!(world.log()[1].authorization(), Some("Bearer authurl-token"));
}

fn no_credentials(kind: Kind) {
    let world = World::new(|_, _| Reply::ok());
    let Err(error) = kind.try_connect(&world, &Setup::default()) else {
        panic!("a client without credentials was created")
    };
    assert_eq!(error.ably_code().as_u32(), 40_106);
    assert_eq!(world.connections(), 0);
}

fn refused_and_no_renewal(kind: Kind) {
    let world = World::new(|_, _| Reply::error(401, 40_142, "Token expired"));
    let expired = details_with("expired-token", json!({ "expires": TestClock::START - 1_000 }));
    let error = kind.connect(&world, &Setup::token(expired)).get("/channels/test").unwrap_err();
    assert_eq!(error.ably_code().as_u32(), 40_171);
}

fn tokens_before_basic(kind: Kind) {
    let callback = AuthCallback::giving(details("callback-token"));
    let setup = AuthSetup::default().key(KEY).callback(&callback).into();
    assert_eq!(authorization(kind, &setup).as_deref(), Some("Bearer callback-token"));
}

fn basic_header(kind: Kind) {
    // Contains characters that the URL-safe alphabet of base64 encodes differently.
    let key = "app123.key456:secret~~~XYZ???";
    let sent = authorization(kind, &Setup::key(key)).unwrap();
    assert_eq!(sent, basic(key));
    assert!(sent.contains('+') || sent.contains('/'), "{sent}");
}

fn tokens_without_tls(kind: Kind) {
    let world = World::new(|_, _| Reply::ok());
    kind.connect(&world, &Setup::token(token("explicit-token")).no_tls()).get("/channels/test").unwrap();
    let request = world.only();
    assert_eq!(request.authorization(), Some("Bearer explicit-token"));
    assert!(!request.is_tls);
}
