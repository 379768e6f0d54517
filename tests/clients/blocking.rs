//! The blocking client.

use ably_auth_blocking::{
    Client, ClientId, ClientOptions, Endpoint, Error, ErrorCode, ErrorKind, FaultKind, RevokeTokensRequest,
    TokenParams, TokenRevocationResult, TokenRevocationTargetSpecifier,
};
use bytes::Bytes;
use http::Request;

use super::support::{TestService, key, message};

fn client(service: &TestService, options: impl FnOnce(ClientOptions) -> ClientOptions) -> Client {
    let common = ClientOptions::new().endpoint(service.endpoint.clone()).allow_basic_on_loopback(true);
    Client::new(options(common)).unwrap()
}

fn bob() -> ClientId {
    ClientId::parse("bob").unwrap()
}

#[test]
fn token_of_key_is_within_its_capability() {
    let service = TestService::start();
    let client = client(&service, |options| options.key(key()));
    let asked = r#"{"chat:lobby":["publish"],"vault":["*"]}"#;
    let details = client.auth().request_token(&TokenParams::new().client_id(bob()).capability(asked)).unwrap();
    assert_eq!(details.capability_text(), Some(r#"{"chat:lobby":["publish"]}"#));
    assert_eq!((details.client_id(), details.key_name().unwrap().as_str()), (&bob(), "shop.backend"));
    let hour = details.expires().unwrap().millis_since(details.issued().unwrap());
    assert_eq!(hour, 3_600_000);
    assert_eq!(client.auth().token_details(), None, "requesting a token changes nothing");
}

/// rest/integration/RSA8/capability-restriction-4
#[test]
fn capability_beyond_key_is_40160() {
    let service = TestService::start();
    let client = client(&service, |options| options.key(key()));
    let vault = TokenParams::new().capability(r#"{"vault":["*"]}"#);
    let error = client.auth().request_token(&vault).unwrap_err();
    assert_eq!(error.ably_code(), ErrorCode::CAPABILITY_REFUSED);
}

/// rest/integration/RSA4/basic-auth-key-0
/// rest/integration/RSA4/invalid-credentials-rejected-1
#[test]
fn right_key_publishes_and_wrong_key_is_refused() {
    let service = TestService::start();
    let right = client(&service, |options| options.key(key()));
    assert_eq!(right.request(message()).unwrap().status(), 201);
    let wrong = client(&service, |options| options.key("shop.backend:a-wrong-secret"));
    let error = wrong.request(message()).unwrap_err();
    assert_eq!((error.kind(), error.ably_code()), (ErrorKind::Refused, ErrorCode::INVALID_CREDENTIALS));
}

/// rest/unit/RSC10/request-retried-after-renewal-0
/// rest/integration/RSA17g/revoke-token-prevents-use-0
#[test]
fn revoked_token_is_renewed_and_call_succeeds() {
    let service = TestService::start();
    let backend = client(&service, |options| options.key(key()));
    let user = client(&service, |options| options.key(key()).use_token_auth(true).client_id("bob"));
    user.request(message()).unwrap();
    let before = user.auth().token_details().unwrap();
    let request = RevokeTokensRequest::new([TokenRevocationTargetSpecifier::client_id("bob")]);
    let batch = backend.auth().revoke_tokens(&request).unwrap();
    assert!(matches!(batch.results[..], [TokenRevocationResult::Success(_)]));

    let token_only = client(&service, |options| options.token(before.clone()));
    let error = token_only.request(message()).unwrap_err();
    assert_eq!(error.ably_code(), ErrorCode::NO_MEANS_TO_RENEW);

    user.request(message()).unwrap();
    let after = user.auth().token_details().unwrap();
    assert_ne!(before.token(), after.token());
    let history = Request::get("/channels/chat:lobby/messages").body(Bytes::new()).unwrap();
    let history = backend.request(history).unwrap();
    let messages: Vec<serde_json::Value> = serde_json::from_slice(history.body()).unwrap();
    assert_eq!(messages.len(), 2, "each message was published once");
}

/// rest/integration/RSA8/auth-callback-token-request-2
#[test]
fn callback_may_return_token_request() {
    let service = TestService::start();
    let backend = std::sync::Arc::new(client(&service, |options| options.key(key())));
    let user = client(&service, |options| {
        options.client_id("bob").auth_callback(move |params: &TokenParams| backend.auth().create_token_request(params))
    });
    user.request(message()).unwrap();
    assert_eq!(user.auth().client_id(), bob());
    let replaced = user.auth().token_details().unwrap();
    let authorized = user.auth().authorize(&TokenParams::new()).unwrap();
    assert_ne!(replaced.token(), authorized.token());
    assert_eq!(user.auth().token_details(), Some(authorized));
}

#[test]
fn error_of_callback_is_source_of_error() {
    let service = TestService::start();
    let user = client(&service, |options| {
        options.auth_callback(|_: &TokenParams| Err::<ably_auth::Token, _>("the user is logged out"))
    });
    let error = user.request(message()).unwrap_err();
    assert_eq!(error.ably_code(), ErrorCode::AUTH_SOURCE_FAILED);
    assert!(std::error::Error::source(&error).unwrap().to_string().contains("logged out"));
}

#[test]
fn time_needs_no_credentials() {
    let service = TestService::start();
    let client = client(&service, |options| options.token(ably_auth::Token::new("app.invalid").unwrap()));
    assert!(client.time().unwrap().as_millis() > 1_700_000_000_000);
}

#[test]
fn refused_connection_is_transient_fault() {
    // The listener is dropped at once, so nothing listens on the port.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let endpoint = Endpoint::parse(&format!("http://127.0.0.1:{port}")).unwrap();
    let client = Client::new(ClientOptions::new().key(key()).use_token_auth(true).endpoint(endpoint)).unwrap();
    let error: Error = client.time().unwrap_err();
    assert_eq!(error.transport_fault().map(|fault| fault.kind()), Some(FaultKind::Unreachable));
    assert!(error.is_transient());
}
