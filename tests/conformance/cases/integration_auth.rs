//! `uts/rest/integration/auth.md`: both clients with the real service.

use ably_auth::{ApiKey, ErrorCode, Timestamp, TokenParams};
use ably_auth_core::jwt;

use super::{Case, OfClient};
use crate::harness::{AuthCallback, HOUR, Kind, Sandbox, Setup, ttl};

pub(super) const CASES: &[Case] = &[
    OfClient("rest/integration/RSA4/basic-auth-key-0", basic),
    OfClient("rest/integration/RSA8/token-auth-jwt-0", jwt_token),
    OfClient("rest/integration/RSA8/token-auth-native-1", native_token),
    OfClient("rest/integration/RSA8/auth-callback-token-request-2", callback_with_token_request),
    OfClient("rest/integration/RSA8/auth-callback-jwt-3", callback_with_jwt),
    OfClient("rest/integration/RSA4/invalid-credentials-rejected-1", invalid_credentials),
    OfClient("rest/integration/RSC10/token-renewal-expired-jwt-0", expired_jwt_renewed),
    OfClient("rest/integration/RSA8/capability-restriction-4", restricted_capability),
];

const CHANNEL: &str = "/channels/chat:lobby";

fn mint(sandbox: &Sandbox, params: &TokenParams, at: Timestamp) -> ably_auth::Token {
    jwt::mint(&sandbox.key(), params, at).unwrap()
}

fn basic(kind: Kind) {
    let sandbox = Sandbox::start();
    let client = sandbox.connect(kind, sandbox.with_key());
    assert_eq!(client.get(CHANNEL).unwrap().status(), 200);
}

fn jwt_token(kind: Kind) {
    let sandbox = Sandbox::start();
    let token = mint(&sandbox, &TokenParams::new().ttl(ttl(HOUR)), sandbox.now());
    assert_eq!(sandbox.connect(kind, Setup::token(token)).get(CHANNEL).unwrap().status(), 200);
}

fn native_token(kind: Kind) {
    let sandbox = Sandbox::start();
    let details = sandbox.connect(kind, sandbox.with_key()).request_token(None).unwrap();
    assert!(!details.token().expose().is_empty());
    assert!(details.expires().unwrap() > sandbox.now());
    let client = sandbox.connect(kind, Setup::token(details.token().clone()));
    assert_eq!(client.get(CHANNEL).unwrap().status(), 200);
}

fn callback_with_token_request(kind: Kind) {
    let sandbox = Sandbox::start();
    let backend = sandbox.connect(kind, sandbox.with_key());
    let callback = AuthCallback::new(move |_, params| {
        backend.create_token_request(Some(params)).map_err(|error| error.to_string())
    });
    let client = sandbox.connect(kind, Setup::callback(&callback));
    assert_eq!(client.get(CHANNEL).unwrap().status(), 200);
    client.authorize(None).unwrap();
    assert_eq!(callback.asked().len(), 2, "each time with a new request");
}

fn callback_with_jwt(kind: Kind) {
    let sandbox = Sandbox::start();
    let (key, now) = (sandbox.key(), sandbox.now());
    let callback = AuthCallback::new(move |_, params| jwt::mint(&key, params, now).map_err(|error| error.to_string()));
    let client = sandbox.connect(kind, Setup::callback(&callback).client_id("bob"));
    assert_eq!(client.get(CHANNEL).unwrap().status(), 200);
    assert_eq!(callback.asked()[0].get_client_id().as_str(), Some("bob"));
}

fn invalid_credentials(kind: Kind) {
    let sandbox = Sandbox::start();
    let unknown = format!("{}.invalidKey:invalidSecret", sandbox.key().key_name().app_id());
    let error = sandbox.connect(kind, Setup::key(&unknown)).get(CHANNEL).unwrap_err();
    assert_eq!((error.ably_code().as_u32(), error.status_code()), (40_400, 401));

    let wrong = format!("{}:invalidSecret", sandbox.key().key_name());
    let error = sandbox.connect(kind, Setup::key(&wrong)).get(CHANNEL).unwrap_err();
    assert_eq!((error.ably_code(), error.status_code()), (ErrorCode::INVALID_CREDENTIALS, 401));
}

fn expired_jwt_renewed(kind: Kind) {
    let sandbox = Sandbox::start();
    let (key, now): (ApiKey, _) = (sandbox.key(), sandbox.now());
    let callback = AuthCallback::new(move |call, _| {
        let minted = if call == 1 { now.as_millis() - HOUR - 5_000 } else { now.as_millis() };
        let params = TokenParams::new().ttl(ttl(HOUR));
        jwt::mint(&key, &params, Timestamp::from_millis(minted)).map_err(|error| error.to_string())
    });
    let client = sandbox.connect(kind, Setup::callback(&callback));
    assert_eq!(client.get(CHANNEL).unwrap().status(), 200);
    assert_eq!(callback.asked().len(), 2);
}

fn restricted_capability(kind: Kind) {
    let sandbox = Sandbox::start();
    let params = TokenParams::new().capability(r#"{"chat:allowed":["publish","subscribe"]}"#);
    let client = sandbox.connect(kind, Setup::token(mint(&sandbox, &params, sandbox.now())));
    assert_eq!(client.request(sandbox.message_to("chat:allowed")).unwrap().status(), 201);
    let error = client.request(sandbox.message_to("chat:denied")).unwrap_err();
    assert_eq!((error.ably_code().as_u32(), error.status_code()), (40_160, 401));
}
