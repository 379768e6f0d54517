//! `uts/rest/integration/revoke_tokens.md`: revocation with the real service. The suite watches a Realtime connection;
//! these cases check whether the token is accepted.

use std::time::Duration;

use ably_auth::{RevokeTokensRequest, TokenParams, TokenRevocationResult, TokenRevocationTargetSpecifier as Target};
use ably_auth_core::jwt;

use super::{Case, OfClient};
use crate::harness::{AuthCallback, Client, Kind, Sandbox, Setup};

pub(super) const CASES: &[Case] = &[
    OfClient("rest/integration/RSA17g/revoke-token-prevents-use-0", revoked_token_fails),
    OfClient("rest/integration/RSA17d/token-auth-revoke-rejected-0", not_with_token),
    OfClient("rest/integration/RSA17e/issued-before-reauth-margin-0", issued_before_and_margin),
    OfClient("rest/integration/RSA17c/mixed-success-failure-0", some_fail),
];

const CHANNEL: &str = "/channels/chat:lobby";

/// Returns a client with a token of `bob`, after a successful request.
fn of_bob(kind: Kind, sandbox: &Sandbox, backend: &dyn Client) -> std::sync::Arc<dyn Client> {
    let params = TokenParams::new().client_id("bob");
    let token = backend.request_token(Some(&params)).unwrap();
    // The callback returns the same token again at a renewal, so that the service's refusal becomes the client's error.
    let client = sandbox.connect(kind, Setup::callback(&AuthCallback::giving(token)));
    client.get(CHANNEL).unwrap();
    client
}

/// Checks that the service refuses the client's token as revoked.
fn is_refused(client: &dyn Client) {
    assert_eq!(client.get(CHANNEL).unwrap_err().ably_code().as_u32(), 40_141);
}

fn revoked_token_fails(kind: Kind) {
    let sandbox = Sandbox::start();
    let backend = sandbox.connect(kind, sandbox.with_key());
    let bob = of_bob(kind, &sandbox, &*backend);
    let batch = backend.revoke_tokens(&RevokeTokensRequest::new([Target::client_id("bob")])).unwrap();
    assert_eq!((batch.success_count, batch.failure_count), (1, 0));
    let [TokenRevocationResult::Success(success)] = &batch.results[..] else { panic!("{batch:?}") };
    assert_eq!(success.target.as_str(), "clientId:bob");
    assert!(success.applies_at >= success.issued_before);
    is_refused(&*bob);
}

fn not_with_token(kind: Kind) {
    let sandbox = Sandbox::start();
    let jwt = jwt::mint(&sandbox.key(), &TokenParams::new(), sandbox.now()).unwrap();
    let client = sandbox.connect(kind, Setup::token(jwt));
    let error = client.revoke_tokens(&RevokeTokensRequest::new([Target::client_id("anyone")])).unwrap_err();
    assert_eq!((error.ably_code().as_u32(), error.status_code()), (40_162, 401));
}

fn issued_before_and_margin(kind: Kind) {
    let sandbox = Sandbox::start();
    let backend = sandbox.connect(kind, sandbox.with_key());
    let service_time = backend.time().unwrap();
    let issued_before = service_time - Duration::from_secs(20 * 60);
    let request = RevokeTokensRequest::new([Target::client_id("bob")]);
    let request = request.issued_before(issued_before).allow_reauth_margin(true);
    let batch = backend.revoke_tokens(&request).unwrap();
    let [TokenRevocationResult::Success(success)] = &batch.results[..] else { panic!("{batch:?}") };
    assert_eq!((batch.success_count, success.issued_before), (1, issued_before));
    assert!(success.applies_at.as_millis() >= service_time.as_millis() + 30_000, "{success:?}");
}

fn some_fail(kind: Kind) {
    let sandbox = Sandbox::start();
    let backend = sandbox.connect(kind, sandbox.with_key());
    let bob = of_bob(kind, &sandbox, &*backend);
    let targets = [Target::client_id("bob"), Target::parse("invalidType:abc").unwrap()];
    let batch = backend.revoke_tokens(&RevokeTokensRequest::new(targets)).unwrap();
    assert_eq!((batch.success_count, batch.failure_count), (1, 1));
    let [TokenRevocationResult::Success(success), TokenRevocationResult::Failure(failure)] = &batch.results[..] else {
        panic!("{batch:?}")
    };
    assert_eq!((success.target.as_str(), &*failure.target), ("clientId:bob", "invalidType:abc"));
    assert_eq!(failure.error.status_code(), 400);
    is_refused(&*bob);
}
