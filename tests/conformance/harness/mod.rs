//! The common parts of all cases: clients, server, network and clock.

mod clock;
mod driver;
mod network;
mod options;
mod reply;
mod sandbox;
mod setup;
mod tls;
mod wire;
mod world;

pub(crate) use clock::TestClock;
pub(crate) use driver::{Client, Kind};
pub(crate) use network::Host;
pub(crate) use reply::{Gate, Reply};
pub(crate) use sandbox::Sandbox;
pub(crate) use setup::{AuthCallback, AuthSetup, AuthUrlSetup, Setup, token};
pub(crate) use wire::Incoming;
pub(crate) use world::World;

pub(crate) use test_support::bearer;

use ably_auth::{TokenDetails, Ttl};
use serde_json::{Value, json};

/// The specification's key.
pub(crate) const KEY: &str = "appId.keyId:keySecret";
/// An hour, in milliseconds.
pub(crate) const HOUR: u64 = 3_600_000;

/// Returns the service's answer to a token request.
pub(crate) fn issued(token: &str, now: u64) -> Value {
    json!({ "token": token, "issued": now, "expires": now + HOUR, "keyName": "appId.keyId" })
}

/// Returns a token that expires an hour after the start of the clients' clock.
pub(crate) fn details(token: &str) -> TokenDetails {
    details_with(token, json!({}))
}

/// Returns such a token with additional or different fields.
pub(crate) fn details_with(token: &str, fields: Value) -> TokenDetails {
    let now = TestClock::START;
    let mut all = json!({ "token": token, "issued": now, "expires": now + HOUR });
    for (name, value) in fields.as_object().unwrap() {
        all[name] = value.clone();
    }
    serde_json::from_value(all).unwrap()
}

pub(crate) fn ttl(millis: u64) -> Ttl {
    Ttl::from_millis(millis).unwrap()
}
