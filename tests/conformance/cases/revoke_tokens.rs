//! `uts/rest/unit/auth/revoke_tokens.md`: revocation of tokens with the key.

use ably_auth::{
    BatchResult, Error, RevokeTokensRequest, Timestamp, TokenRevocationResult, TokenRevocationTargetSpecifier as Target,
};
use serde_json::{Value, json};

use super::{Case, OfClient};
use crate::harness::{AuthSetup, Kind, Reply, Setup, World, token};

pub(super) const CASES: &[Case] = &[
    OfClient("rest/unit/RSA17g/sends-post-correct-path-0", posts_to_path),
    OfClient("rest/unit/RSA17b/single-specifier-targets-0", single_target),
    OfClient("rest/unit/RSA17b/multiple-specifier-types-1", several_targets),
    OfClient("rest/unit/RSA17c/all-success-result-0", all_succeed),
    OfClient("rest/unit/RSA17c/mixed-success-failure-1", some_fail),
    OfClient("rest/unit/RSA17c/all-failure-result-2", all_fail),
    OfClient("rest/unit/TRS2/success-result-attributes-0", success_attributes),
    OfClient("rest/unit/TRF2/failure-result-attributes-0", failure_attributes),
    OfClient("rest/unit/RSA17d/token-auth-revoke-rejected-0", not_with_token),
    OfClient("rest/unit/RSA17d/use-token-auth-revoke-rejected-1", not_with_use_token_auth),
    OfClient("rest/unit/RSA17e/issued-before-included-0", issued_before),
    OfClient("rest/unit/RSA17e/issued-before-omitted-1", no_issued_before),
    OfClient("rest/unit/RSA17f/reauth-margin-included-0", reauth_margin),
    OfClient("rest/unit/RSA17f/reauth-margin-omitted-1", no_reauth_margin),
    OfClient("rest/unit/RSA17f/both-options-together-2", both_options),
    OfClient("rest/unit/RSA17/server-error-propagated-0", server_error),
    OfClient("rest/unit/RSA17/request-uses-basic-auth-0", by_basic),
];

const KEY: &str = "appId.keyName:keySecret";
const MOMENT: u64 = 1_700_000_000_000;

fn revoked(target: &str) -> Value {
    json!({ "target": target, "issuedBefore": MOMENT, "appliesAt": MOMENT + 1_000 })
}

fn not_revoked(target: &str) -> Value {
    let error = json!({ "code": 40_000, "statusCode": 400, "message": "Invalid target type" });
    json!({ "target": target, "error": error })
}

/// Returns a service that answers a revocation with these results.
fn answering(results: &[Value]) -> World {
    let failures = results.iter().filter(|result| result.get("error").is_some()).count();
    let batch =
        json!({ "successCount": results.len() - failures, "failureCount": failures, "results": results.to_vec() });
    World::new(move |_, _| Reply::json(201, &batch))
}

fn alice() -> RevokeTokensRequest {
    RevokeTokensRequest::new([Target::client_id("alice")])
}

fn revoke(kind: Kind, world: &World, targets: &[&str]) -> Result<BatchResult<TokenRevocationResult>, Error> {
    let targets = targets.iter().map(|target| Target::parse(target).unwrap());
    kind.connect(world, &Setup::key(KEY)).revoke_tokens(&RevokeTokensRequest::new(targets))
}

/// Returns the body of the request that revokes the tokens of `alice`.
fn body_of(kind: Kind, request: &RevokeTokensRequest) -> Value {
    let world = answering(&[revoked("clientId:alice")]);
    kind.connect(&world, &Setup::key(KEY)).revoke_tokens(request).unwrap();
    world.only().json()
}

fn posts_to_path(kind: Kind) {
    let world = answering(&[revoked("clientId:alice")]);
    revoke(kind, &world, &["clientId:alice"]).unwrap();
    let request = world.only();
    assert_eq!((&*request.method, &*request.path), ("POST", "/keys/appId.keyName/revokeTokens"));
}

fn single_target(kind: Kind) {
    assert_eq!(body_of(kind, &alice())["targets"], json!(["clientId:alice"]));
}

fn several_targets(kind: Kind) {
    let targets = ["clientId:alice", "revocationKey:group-1", "channel:secret"];
    let world = answering(&targets.map(revoked));
    let request = RevokeTokensRequest::new([
        Target::client_id("alice"),
        Target::revocation_key("group-1"),
        Target::channel("secret"),
    ]);
    kind.connect(&world, &Setup::key(KEY)).revoke_tokens(&request).unwrap();
    assert_eq!(world.only().json()["targets"], json!(targets));
}

fn counts(kind: Kind, targets: &[&str], results: &[Value]) -> (usize, usize, usize) {
    let batch = revoke(kind, &answering(results), targets).unwrap();
    (batch.success_count, batch.failure_count, batch.results.len())
}

fn all_succeed(kind: Kind) {
    let targets = ["clientId:alice", "clientId:bob"];
    assert_eq!(counts(kind, &targets, &targets.map(revoked)), (2, 0, 2));
}

fn some_fail(kind: Kind) {
    let results = [revoked("clientId:alice"), not_revoked("invalidType:abc")];
    assert_eq!(counts(kind, &["clientId:alice", "invalidType:abc"], &results), (1, 1, 2));
}

fn all_fail(kind: Kind) {
    let targets = ["invalidType:foo", "invalidType:bar"];
    assert_eq!(counts(kind, &targets, &targets.map(not_revoked)), (0, 2, 2));
}

fn success_attributes(kind: Kind) {
    let batch = revoke(kind, &answering(&[revoked("clientId:alice")]), &["clientId:alice"]).unwrap();
    let [TokenRevocationResult::Success(success)] = &batch.results[..] else { panic!("{batch:?}") };
    assert_eq!(success.target.as_str(), "clientId:alice");
    assert_eq!(success.issued_before, Timestamp::from_millis(MOMENT));
    assert_eq!(success.applies_at, Timestamp::from_millis(MOMENT + 1_000));
}

fn failure_attributes(kind: Kind) {
    let batch = revoke(kind, &answering(&[not_revoked("invalidType:abc")]), &["invalidType:abc"]).unwrap();
    let [TokenRevocationResult::Failure(failure)] = &batch.results[..] else { panic!("{batch:?}") };
    assert_eq!(failure.target, "invalidType:abc");
    assert_eq!((failure.error.code().as_u32(), failure.error.status_code()), (40_000, 400));
    assert_eq!(failure.error.message(), "Invalid target type");
}

fn is_refused(kind: Kind, setup: &Setup) {
    let world = answering(&[]);
    let error = kind.connect(&world, setup).revoke_tokens(&alice()).unwrap_err();
    assert_eq!((error.ably_code().as_u32(), error.status_code()), (40_162, 401));
    assert_eq!(world.connections(), 0);
}

fn not_with_token(kind: Kind) {
    is_refused(kind, &Setup::token(token("a.token.string")));
}

fn not_with_use_token_auth(kind: Kind) {
    is_refused(kind, &AuthSetup::default().key(KEY).use_token_auth(true).into());
}

fn issued_before(kind: Kind) {
    let request = alice().issued_before(Timestamp::from_millis(1_699_999_000_000));
    assert_eq!(body_of(kind, &request)["issuedBefore"], 1_699_999_000_000_u64);
}

fn no_issued_before(kind: Kind) {
    assert_eq!(body_of(kind, &alice()).get("issuedBefore"), None);
}

fn reauth_margin(kind: Kind) {
    let request = alice().allow_reauth_margin(true);
    assert_eq!(body_of(kind, &request)["allowReauthMargin"], true);
}

fn no_reauth_margin(kind: Kind) {
    assert_eq!(body_of(kind, &alice()).get("allowReauthMargin"), None);
}

fn both_options(kind: Kind) {
    let request = alice().issued_before(Timestamp::from_millis(1_699_999_000_000)).allow_reauth_margin(true);
    let body =
        json!({ "targets": ["clientId:alice"], "issuedBefore": 1_699_999_000_000_u64, "allowReauthMargin": true });
    assert_eq!(body_of(kind, &request), body);
}

fn server_error(kind: Kind) {
    let world = World::new(|_, _| Reply::error(500, 50_000, "Internal error"));
    let error = revoke(kind, &world, &["clientId:alice"]).unwrap_err();
    assert_eq!((error.ably_code().as_u32(), error.status_code()), (50_000, 500));
}

fn by_basic(kind: Kind) {
    let world = answering(&[revoked("clientId:alice")]);
    revoke(kind, &world, &["clientId:alice"]).unwrap();
    assert!(world.only().authorization().is_some_and(|sent| sent.starts_with("Basic ")));
}
