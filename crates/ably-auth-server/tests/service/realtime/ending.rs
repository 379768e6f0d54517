//! Connections that end because their token or key is revoked, or the service stops.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ably_auth_server::Apps;
use ably_auth_server::store::Pending;

use super::*;
use crate::faulty::{Call, Fault, Faulty};

#[tokio::test]
async fn every_kind_of_target_ends_the_connections_that_it_names() {
    let service = Realtime::start().await;
    let jwt = |claims: Value| with_text(&jwt(REVOCABLE, 3_600, &claims));
    for (target, named, other) in [
        ("clientId:bob", jwt(json!({ "x-ably-clientId": "bob" })), jwt(json!({ "x-ably-clientId": "alice" }))),
        (
            "revocationKey:team",
            jwt(json!({ "x-ably-revocation-key": "team" })),
            jwt(json!({ "x-ably-revocation-key": "x" })),
        ),
        (
            "channel:room",
            jwt(json!({ "x-ably-capability": r#"{"room":["*"]}"# })),
            jwt(json!({ "x-ably-capability": r#"{"hall":["*"]}"# })),
        ),
    ] {
        let (mut named, mut other) = (service.connect(&named).await, service.connect(&other).await);
        let mut key_holder = service.connect(&with_key(REVOCABLE)).await;
        assert_eq!(service.world.revoke(&json!({ "targets": [target] })).status, 201);
        assert_eq!(named.ended().await, (DISCONNECTED, 40141, 401), "{target}");
        assert_eq!(other.look().await, Vec::<Value>::new(), "{target}");
        assert_eq!(key_holder.look().await, Vec::<Value>::new(), "{target}");
    }
}

#[tokio::test]
async fn revocation_with_margin_prompts_now_and_ends_30_s_later() {
    let service = Realtime::start().await;
    let (mut renewing, mut other) = (service.connect_as("bob").await, service.connect_as("bob").await);
    let revocation = json!({ "targets": ["clientId:bob"], "allowReauthMargin": true });
    assert_eq!(service.world.revoke(&revocation).status, 201);
    assert_eq!(renewing.expect(AUTH).await, json!({ "action": AUTH }));
    other.expect(AUTH).await;
    service.world.pass(10_000);
    renewing.authorize(&service.world.token(REVOCABLE, &of("bob"))).await;
    renewing.expect(CONNECTED).await;
    service.world.pass(20_000);
    other.send(json!({ "action": HEARTBEAT })).await;
    assert_eq!(other.ended().await, (DISCONNECTED, 40141, 401));
    assert_eq!(renewing.look().await, Vec::<Value>::new(), "the new token is not revoked");
}

#[tokio::test]
async fn key_that_is_revoked_or_removed_ends_its_connections() {
    let service = Realtime::start().await;
    let world = &service.world;
    let connect = async || {
        let token = service.connect(&with_token(&world.token(REVOCABLE, &params()))).await;
        let key = service.connect(&with_key(REVOCABLE)).await;
        let other = service.connect(&with_key(KEY)).await;
        (token, key, other)
    };
    let (mut token, mut key, mut other) = connect().await;
    let without_key = json!({ "apps": [{ "appId": "app1", "keys": [{ "id": "key1", "secret": SECRET }] }] });
    world.service.reload(Apps::from_json(&without_key.to_string()).unwrap()).await.unwrap();
    assert_eq!(token.ended().await, (DISCONNECTED, 40141, 401));
    assert_eq!(key.ended().await, (ERROR, 40101, 401));
    assert_eq!(other.look().await, Vec::<Value>::new());

    world.service.reload(apps()).await.unwrap();
    let (mut token, mut key, mut other) = connect().await;
    let revoke =
        http::Request::post("/v1/apps/app1/keys/revocable/revoke").header("Authorization", format!("Bearer {CONTROL}"));
    assert_eq!(world.send(revoke, "").status, 200);
    assert_eq!(token.ended().await, (DISCONNECTED, 40141, 401));
    assert_eq!(key.ended().await, (ERROR, 40131, 401));
    assert_eq!(other.look().await, Vec::<Value>::new());
}

#[tokio::test]
async fn key_with_another_secret_ends_what_the_old_secret_signed() {
    let service = Realtime::start().await;
    let mut native = service.connect(&with_token(&service.world.token(KEY, &params()))).await;
    let mut minted = service.connect(&with_text(&jwt(KEY, 60, &json!({})))).await;
    let mut key = service.connect(&with_key(KEY)).await;
    let changed =
        json!({ "apps": [{ "appId": "app1", "keys": [{ "id": "key1", "secret": "another-secret-of-the-key" }] }] });
    service.world.service.reload(Apps::from_json(&changed.to_string()).unwrap()).await.unwrap();
    assert_eq!(minted.ended().await, (DISCONNECTED, 40141, 401));
    assert_eq!(key.ended().await, (ERROR, 40101, 401));
    assert_eq!(native.look().await, Vec::<Value>::new(), "the service sealed the token itself");
}

#[tokio::test]
async fn key_that_expires_ends_its_connections() {
    let service = Realtime::start().await;
    let mut key = service.connect(&with_key(EXPIRING)).await;
    service.world.pass(HOUR / 2);
    key.send(json!({ "action": HEARTBEAT })).await;
    assert_eq!(key.ended().await, (ERROR, 40132, 401));
}

/// A store that other services share, and that does not answer any more once the flag is set.
#[derive(Clone, Debug)]
struct Silent(Arc<AtomicBool>);

impl Fault for Silent {
    fn on<T: Send + Unpin + 'static>(&self, _: Call, ask: impl FnOnce() -> Pending<T>) -> Pending<T> {
        if self.0.load(Ordering::SeqCst) { Pending::waiting(std::future::pending()) } else { ask() }
    }

    fn is_shared(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn connections_end_if_a_shared_store_is_silent() {
    let is_silent = Arc::<AtomicBool>::default();
    let store = Faulty::new(Silent(Arc::clone(&is_silent)));
    let mut limits = Limits::default();
    limits.store_silence = Duration::from_millis(300);
    let service = Realtime::of(World::new().with_service(|builder| builder.limits(limits).store(store))).await;
    let mut client = service.connect(&with_token(&service.world.token(KEY, &params()))).await;
    // Longer than the service would wait for a store that is silent.
    tokio::time::sleep(Duration::from_millis(900)).await;
    assert_eq!(client.look().await, Vec::<Value>::new());
    is_silent.store(true, Ordering::SeqCst);
    assert_eq!(client.ended().await, (DISCONNECTED, 50003, 500));
}

#[tokio::test]
async fn shutdown_tells_clients_to_connect_elsewhere() {
    let Realtime { world, address, _stop: stop } = Realtime::start().await;
    let service = Realtime { world, address, _stop: oneshot::channel().0 };
    let mut client = service.connect(&with_key(KEY)).await;
    drop(stop);
    assert_eq!(client.ended().await, (DISCONNECTED, 80003, 503));
}

#[tokio::test]
async fn app_that_is_removed_and_comes_back_ends_its_connections() {
    let service = Realtime::start().await;
    let mut client = service.connect(&with_token(&service.world.token(KEY, &params()))).await;
    client.attach("chat").await;
    let none = Apps::from_json(r#"{"apps":[]}"#).unwrap();
    service.world.service.reload(none).await.unwrap();
    service.world.service.reload(apps()).await.unwrap();
    assert_eq!(client.ended().await.0, DISCONNECTED, "its channels are gone");
}

#[tokio::test]
async fn reload_that_makes_a_namespace_identified_ends_anonymous_attachments() {
    let service = Realtime::start().await;
    let mut client = service.connect(&with_token(&service.world.token(KEY, &params()))).await;
    client.attach("team:x").await;
    let app = json!({ "apps": [{ "appId": "app1", "keys": [{ "id": "key1", "secret": SECRET }],
        "namespaces": [{ "id": "team", "identified": true }] }] });
    service.world.service.reload(Apps::from_json(&app.to_string()).unwrap()).await.unwrap();
    assert_eq!(refused(&client.expect(ERROR).await), (40161, "team:x"));
    assert_eq!(client.publish("team:x", 0, json!([{}])).await, 40161);
}

#[tokio::test]
async fn close_frame_is_answered() {
    let service = Realtime::start().await;
    let mut client = service.connect(&with_key(KEY)).await;
    client.send_frame(Message::Close(None)).await;
    let answer = tokio::time::timeout(PATIENCE, client.socket.next()).await.unwrap();
    assert!(matches!(answer, Some(Ok(Message::Close(_)))), "{answer:?}");
}
