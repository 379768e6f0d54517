//! `uts/rest/unit/auth/auth_callback.md`: tokens from an auth callback or an auth URL.

use ably_auth::sources::AuthCallbackAnswer;
use ably_auth::{ApiKey, ErrorCode, Nonce, Timestamp, TokenParams, TokenRequest};
use serde_json::json;

use super::{Case, OfClient};
use crate::harness::{
    AuthCallback, AuthUrlSetup, HOUR, KEY, Kind, Reply, Setup, World, bearer, details, issued, token, ttl,
};

pub(super) const CASES: &[Case] = &[
    OfClient("rest/unit/RSA8d/callback-invoked-for-auth-0", callback_invoked),
    OfClient("rest/unit/RSA8d/callback-returns-jwt-1", callback_returns_jwt),
    OfClient("rest/unit/RSA8d/callback-returns-token-request-2", callback_returns_token_request),
    OfClient("rest/unit/RSA8d/callback-receives-token-params-3", callback_receives_params),
    OfClient("rest/unit/RSA8c/authurl-invoked-for-auth-0", auth_url_invoked),
    OfClient("rest/unit/RSA8c/authurl-post-method-1", auth_url_by_post),
    OfClient("rest/unit/RSA8c/authurl-custom-headers-2", auth_url_headers),
    OfClient("rest/unit/RSA8c/authurl-query-params-3", auth_url_params),
    OfClient("rest/unit/RSA8c/authurl-returns-jwt-4", auth_url_returns_jwt),
    OfClient("rest/unit/RSA8d/callback-error-propagated-4", callback_error),
    OfClient("rest/unit/RSA8c/authurl-error-propagated-5", auth_url_error),
];

const URL: &str = "https://auth.example.com/token";

/// Returns a service, and a server behind the auth URL that answers `authurl-token`.
pub(super) fn with_auth_url() -> World {
    World::with_clock(|clock| {
        move |_, request| match request.host() {
            "auth.example.com" => Reply::json(200, &issued("authurl-token", clock.millis())),
            _ => Reply::ok(),
        }
    })
}

fn callback_invoked(kind: Kind) {
    let world = World::new(|_, _| Reply::ok());
    let callback = AuthCallback::giving(details("callback-token"));
    kind.connect(&world, &Setup::callback(&callback)).get("/channels/test").unwrap();
    assert_eq!(callback.asked().len(), 1);
    assert_eq!(world.only().authorization(), Some("Bearer callback-token"));
}

fn callback_returns_jwt(kind: Kind) {
    const JWT: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpYXQiOjF9.c2lnbmF0dXJl";
    let world = World::new(|_, _| Reply::ok());
    let callback = AuthCallback::new(|_, _| Ok(token(JWT)));
    kind.connect(&world, &Setup::callback(&callback)).get("/channels/test").unwrap();
    assert_eq!(world.only().authorization(), Some(&*bearer(JWT)));
}

fn callback_returns_token_request(kind: Kind) {
    let world = World::with_clock(|clock| {
        move |_, request| {
            if request.is_token_request() {
                Reply::json(200, &issued("exchanged-token", clock.millis()))
            } else {
                Reply::ok()
            }
        }
    });
    let callback = AuthCallback::new(|_, _| {
        let (key, nonce) = (ApiKey::parse(KEY).unwrap(), Nonce::parse("a-nonce-of-the-backend").unwrap());
        let params = TokenParams::new().ttl(ttl(HOUR));
        let now = Timestamp::from_millis(crate::harness::TestClock::START);
        Ok(AuthCallbackAnswer::TokenRequest(TokenRequest::sign(&key, &params, now, nonce).unwrap()))
    });
    kind.connect(&world, &Setup::callback(&callback)).get("/channels/test").unwrap();
    let log = world.log();
    assert_eq!(log.len(), 2);
    assert_eq!((&*log[0].method, &*log[0].path), ("POST", "/keys/appId.keyId/requestToken"));
    assert_eq!(log[0].json()["nonce"], "a-nonce-of-the-backend", "the signed text is unchanged");
    assert_eq!(log[0].authorization(), None, "the signature authenticates the request");
    assert_eq!(log[1].authorization(), Some("Bearer exchanged-token"));
}

fn callback_receives_params(kind: Kind) {
    let world = World::new(|_, _| Reply::ok());
    let callback = AuthCallback::giving(details("test-token"));
    let capability = r#"{"channel1":["publish"]}"#;
    let params = TokenParams::new().client_id("requested-client-id").ttl(ttl(2 * HOUR)).capability(capability);
    kind.connect(&world, &Setup::callback(&callback)).authorize(Some(&params)).unwrap();
    let asked = callback.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].get_client_id().as_str(), Some("requested-client-id"));
    assert_eq!(asked[0].get_ttl(), Some(ttl(2 * HOUR)));
    assert_eq!(asked[0].get_capability().unwrap().to_string(), capability);
}

fn auth_url_invoked(kind: Kind) {
    let world = with_auth_url();
    kind.connect(&world, &Setup::auth_url(AuthUrlSetup::new(URL))).get("/channels/test").unwrap();
    let log = world.log();
    assert_eq!(log.len(), 2);
    assert_eq!((log[0].host(), &*log[0].path, &*log[0].method), ("auth.example.com", "/token", "GET"));
    assert_eq!(log[0].sni.as_deref(), Some("auth.example.com"));
    assert_eq!(log[1].host(), "main.realtime.ably.net");
    assert_eq!(log[1].authorization(), Some("Bearer authurl-token"));
}

fn auth_url_by_post(kind: Kind) {
    let world = with_auth_url();
    let auth_url = AuthUrlSetup::new(URL).post().param("scope", "publish:*");
    kind.connect(&world, &Setup::auth_url(auth_url)).get("/channels/test").unwrap();
    let asked = &world.log()[0];
    assert_eq!(asked.method, "POST");
    let form: Vec<_> = form_urlencoded::parse(&asked.body).into_owned().collect();
    assert_eq!(form, [("scope".to_owned(), "publish:*".to_owned())], "the params go in the body");
    assert!(asked.query.is_empty());
}

fn auth_url_headers(kind: Kind) {
    let world = with_auth_url();
    let auth_url = AuthUrlSetup::new(URL).header("X-Custom-Header", "custom-value").header("X-API-Key", "my-api-key");
    kind.connect(&world, &Setup::auth_url(auth_url)).get("/channels/test").unwrap();
    let log = world.log();
    assert_eq!(log[0].header("x-custom-header"), Some("custom-value"));
    assert_eq!(log[0].header("x-api-key"), Some("my-api-key"));
    assert_eq!(log[1].header("x-api-key"), None, "the headers are for the auth URL only");
}

fn auth_url_params(kind: Kind) {
    let world = with_auth_url();
    let auth_url = AuthUrlSetup::new(URL).param("client_id", "my-client").param("scope", "publish:*");
    kind.connect(&world, &Setup::auth_url(auth_url)).get("/channels/test").unwrap();
    let asked = &world.log()[0];
    assert_eq!(asked.param("client_id"), Some("my-client"));
    assert_eq!(asked.param("scope"), Some("publish:*"));
}

fn auth_url_returns_jwt(kind: Kind) {
    const JWT: &str = "eyJhbGciOiJIUzI1NiJ9.eyJpYXQiOjF9.signature";
    let world = World::new(|_, request| match request.host() {
        "auth.example.com" => Reply::body(200, "text/plain", JWT),
        _ => Reply::ok(),
    });
    kind.connect(&world, &Setup::auth_url(AuthUrlSetup::new(URL))).get("/channels/test").unwrap();
    assert_eq!(world.log()[1].authorization(), Some(&*bearer(JWT)));
}

fn callback_error(kind: Kind) {
    let world = World::new(|_, _| Reply::ok());
    let callback = AuthCallback::new(|_, _| Err::<AuthCallbackAnswer, _>("authentication server unavailable".into()));
    let error = kind.connect(&world, &Setup::callback(&callback)).get("/channels/test").unwrap_err();
    assert_eq!(error.ably_code(), ErrorCode::AUTH_SOURCE_FAILED);
    let source = std::error::Error::source(&error).expect("the callback's own error");
    assert_eq!(source.to_string(), "authentication server unavailable");
    assert!(world.log().is_empty());
}

fn auth_url_error(kind: Kind) {
    let world = World::new(|_, request| match request.host() {
        "auth.example.com" => Reply::json(500, &json!({ "error": "Internal server error" })),
        _ => Reply::ok(),
    });
    let error = kind.connect(&world, &Setup::auth_url(AuthUrlSetup::new(URL))).get("/channels/test").unwrap_err();
    assert_eq!(error.ably_code(), ErrorCode::AUTH_SOURCE_FAILED);
    assert!(error.to_string().contains("500"), "{error}");
    assert_eq!(world.hosts(), ["auth.example.com"]);
}
