//! `uts/rest/unit/auth/token_request_params.md`: fields of a signed token request.

use ably_auth::{ApiKey, TokenParams};
use serde_json::Value;

use super::{Case, OfClient};
use crate::harness::{KEY, Kind, Reply, Setup, World, ttl};

pub(super) const CASES: &[Case] = &[
    OfClient("rest/unit/RSA5/ttl-null-when-unspecified-0", no_ttl),
    OfClient("rest/unit/RSA5b/explicit-ttl-preserved-0", explicit_ttl),
    OfClient("rest/unit/RSA5c/ttl-from-default-params-0", default_ttl),
    OfClient("rest/unit/RSA5d/explicit-ttl-overrides-default-0", explicit_ttl_over_default),
    OfClient("rest/unit/RSA6/capability-null-when-unspecified-0", no_capability),
    OfClient("rest/unit/RSA6b/explicit-capability-preserved-0", explicit_capability),
    OfClient("rest/unit/RSA6c/capability-from-default-params-0", default_capability),
    OfClient("rest/unit/RSA6d/explicit-capability-overrides-default-0", explicit_capability_over_default),
];

/// Returns a field of a token request in JSON, by the client's default params and the params of the call.
fn field(kind: Kind, name: &str, default: Option<TokenParams>, asked: Option<TokenParams>) -> Option<Value> {
    let world = World::new(|_, _| Reply::ok());
    let setup = Setup::key(KEY);
    let setup = if let Some(default) = default { setup.default_token_params(default) } else { setup };
    let request = kind.connect(&world, &setup).create_token_request(asked.as_ref()).unwrap();
    request.verify(&ApiKey::parse(KEY).unwrap()).expect("signed with the client's key");
    assert_eq!(world.connections(), 0, "signing needs no request");
    serde_json::to_value(&request).unwrap().get(name).cloned()
}

#[allow(clippy::unnecessary_wraps, reason = "callers need an Option")]
fn for_ttl(millis: u64) -> Option<TokenParams> {
    Some(TokenParams::new().ttl(ttl(millis)))
}

#[allow(clippy::unnecessary_wraps, reason = "callers need an Option")]
fn for_capability(text: &str) -> Option<TokenParams> {
    Some(TokenParams::new().capability(text))
}

fn no_ttl(kind: Kind) {
    assert_eq!(field(kind, "ttl", None, None), None);
}

fn explicit_ttl(kind: Kind) {
    assert_eq!(field(kind, "ttl", None, for_ttl(7_200_000)).unwrap(), 7_200_000);
}

fn default_ttl(kind: Kind) {
    assert_eq!(field(kind, "ttl", for_ttl(1_800_000), None).unwrap(), 1_800_000);
}

fn explicit_ttl_over_default(kind: Kind) {
    assert_eq!(field(kind, "ttl", for_ttl(1_800_000), for_ttl(600_000)).unwrap(), 600_000);
}

fn no_capability(kind: Kind) {
    assert_eq!(field(kind, "capability", None, None), None);
}

fn explicit_capability(kind: Kind) {
    let asked = r#"{"channel-a":["publish","subscribe"]}"#;
    assert_eq!(field(kind, "capability", None, for_capability(asked)).unwrap(), asked);
}

fn default_capability(kind: Kind) {
    let default = r#"{"*":["subscribe"]}"#;
    assert_eq!(field(kind, "capability", for_capability(default), None).unwrap(), default);
}

fn explicit_capability_over_default(kind: Kind) {
    let (default, asked) = (r#"{"*":["subscribe"]}"#, r#"{"channel-x":["publish"]}"#);
    assert_eq!(field(kind, "capability", for_capability(default), for_capability(asked)).unwrap(), asked);
}
