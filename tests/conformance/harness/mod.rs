//! What every case stands on.

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

use ably_auth::{TokenDetails, Ttl};
use serde_json::{Value, json};

/// The specification's key.
pub(crate) const KEY: &str = "appId.keyId:keySecret";
/// An hour, in milliseconds.
pub(crate) const HOUR: u64 = 3_600_000;

/// The answer that a token request gets.
pub(crate) fn issued(token: &str, now: u64) -> Value {
    json!({ "token": token, "issued": now, "expires": now + HOUR, "keyName": "appId.keyId" })
}

/// A token with that and an hour to live, by the clients' clock as it starts.
pub(crate) fn details(token: &str) -> TokenDetails {
    details_with(token, json!({}))
}

/// The same with more, or with other fields than that.
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

pub(crate) fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}
