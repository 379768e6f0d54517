//! Tests of large tokens, whose claims are in the store because they do not fit into a header.

use ably_auth_core::TokenDetails;
use ably_auth_core::jwt::HeaderFit;
use ably_auth_server::Service;
use ably_auth_server::store::{Memory, StoreLimits};
use http::Request;
use serde_json::json;

use crate::support::*;

/// Returns a capability of `count` channels, `channel-0000-with-a-long-name` and so on.
pub(crate) fn channels(count: usize) -> String {
    let entries: serde_json::Map<_, _> =
        (0..count).map(|nth| (format!("channel-{nth:04}-with-a-long-name"), json!(["publish"]))).collect();
    json!(entries).to_string()
}

fn publish(world: &World, token: &TokenDetails, channel: &str) -> (u16, u64) {
    world.post(&format!("/channels/{channel}/messages"), &bearer(token), &json!({})).code()
}

#[test]
fn large_token_is_short_and_has_every_right() {
    let world = World::new();
    let token = world.token(KEY, &of("bob").ttl(ttl(MINUTE)).capability(channels(1_000)));
    assert_eq!(HeaderFit::of(token.token().expose()), HeaderFit::Fits);
    assert!(token.token().expose().len() < 500);
    assert_eq!(token.capability_text(), Some(&*channels(1_000)));
    for channel in ["channel-0000-with-a-long-name", "channel-0999-with-a-long-name"] {
        assert_eq!(publish(&world, &token, channel), (201, 0));
    }
    assert_eq!(publish(&world, &token, "channel-1000-with-a-long-name"), (401, 40160));
    assert_eq!(world.get("/channels/x", &bearer(&token)).code(), (401, 40160));
    let other = world.token(KEY, &of("bob").ttl(ttl(MINUTE)).capability(channels(1_000)));
    assert_ne!(token.token(), other.token());
    world.set(NOW + MINUTE - 1);
    assert_eq!(publish(&world, &token, "channel-0001-with-a-long-name"), (201, 0));
    world.set(NOW + MINUTE);
    assert_eq!(publish(&world, &token, "channel-0001-with-a-long-name"), (401, 40142));
}

#[test]
fn every_token_fits_into_header() {
    let world = World::new();
    let mut over = 0;
    for count in (80..200).step_by(5) {
        let token = world.token(KEY, &can(&channels(count)));
        assert!(HeaderFit::of(token.token().expose()) < HeaderFit::Over, "{count}");
        over += usize::from(token.token().expose().len() < 500);
    }
    assert!((1..24).contains(&over), "{over} of 24 are references");
}

#[test]
fn large_token_is_revoked() {
    let world = World::new();
    let token = world.token(REVOCABLE, &of("bob").capability(channels(1_000)));
    assert_eq!(publish(&world, &token, "channel-0001-with-a-long-name"), (201, 0));
    let targets = json!({ "targets": ["channel:channel-0777-with-a-long-name"] });
    world.post(&format!("/keys/{REVOCABLE}/revokeTokens"), &basic(REVOCABLE), &targets);
    assert_eq!(publish(&world, &token, "channel-0001-with-a-long-name"), (401, 40141));
}

#[test]
fn large_token_missing_in_store_is_refused() {
    let world = World::new();
    let token = world.token(KEY, &can(&channels(1_000)));
    let restarted = Service::builder()
        .apps(apps())
        .service_secret([7; 32])
        .clock(|| ably_auth_core::Timestamp::from_millis(NOW))
        .build()
        .unwrap();
    let request = Request::get("/channels/chat").header("Authorization", bearer(&token));
    assert_eq!(answer(&restarted, request, "").code(), (401, 40143));
}

/// Returns limits with room for two large tokens of each app, and for three in total.
pub(crate) fn few() -> StoreLimits {
    let mut limits = StoreLimits::default();
    (limits.large_token_bytes, limits.large_token_bytes_per_app) = (160_000, 110_000);
    limits
}

/// Checks that an app cannot use up the share of another one. `world` needs a store with the limits of [`few`].
pub(crate) fn check_app_limit_spares_other_apps(world: &World) {
    let capability: ably_auth_core::Capability = channels(1_000).parse().unwrap();
    let exchange = |key_name: &str| {
        let params = params().ttl(ttl(MINUTE)).capability(capability.clone());
        world.exchange(&world.sign(key_name, &params)).code()
    };
    assert_eq!([KEY, REVOCABLE, KEY].map(exchange), [(201, 0), (201, 0), (429, 42910)]);
    assert_eq!([ELSEWHERE, ELSEWHERE].map(exchange), [(201, 0), (429, 42910)], "the total limit is reached");
    world.pass(MINUTE);
    assert_eq!([ELSEWHERE, ELSEWHERE, KEY, KEY].map(exchange), [(201, 0), (201, 0), (201, 0), (429, 42910)]);
}

#[test]
fn app_limit_spares_other_apps_in_memory() {
    let runtime = tokio::runtime::Runtime::new().unwrap().into();
    check_app_limit_spares_other_apps(&World::over(Memory::with_limits(few()), &runtime, None));
}

#[test]
fn nonces_over_limit_are_refused() {
    let mut limits = StoreLimits::default();
    limits.nonces = 2;
    let runtime = tokio::runtime::Runtime::new().unwrap().into();
    let world = World::over(Memory::with_limits(limits), &runtime, None);
    let exchange = || world.exchange(&world.sign(KEY, &params())).code();
    assert_eq!([exchange(), exchange(), exchange()], [(201, 0), (201, 0), (429, 42910)]);
    world.pass(2 * MINUTE + 1);
    assert_eq!(exchange(), (201, 0));
}

#[test]
fn rotated_secret_keeps_tokens_valid() {
    let world = World::new();
    let service = |current: u8, earlier: &[u8]| {
        Service::builder()
            .apps(apps())
            .service_secret([current; 32])
            .earlier_secrets(earlier.iter().map(|secret| [*secret; 32]).collect::<Vec<_>>())
            .clock(|| ably_auth_core::Timestamp::from_millis(NOW))
            .build()
            .unwrap()
    };
    let token = world.token(KEY, &params());
    let accepts = |service: &Service| {
        answer(service, Request::get("/channels/chat").header("Authorization", bearer(&token)), "").code()
    };
    assert_eq!(accepts(&service(8, &[7])), (200, 0));
    assert_eq!(accepts(&service(8, &[6, 7, 5])), (200, 0));
    assert_eq!(accepts(&service(8, &[])), (401, 40143));
    let request = world.sign(KEY, &params());
    let path = format!("/keys/{KEY}/requestToken");
    let new = answer(&service(8, &[7]), Request::post(path), serde_json::to_vec(&request).unwrap());
    let new: TokenDetails = serde_json::from_slice(&new.body).unwrap();
    assert_eq!(world.accepts(&new).code(), (401, 40143), "new tokens are sealed with the new secret");
}
