//! An application's own routes, guarded by the token service that it runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ably_auth_axum::{Authenticate, Identified, Operation, VerifyToken as _, require};
use ably_auth_core::{
    ApiKey, Capability, JwtFields, Nonce, Timestamp, Token, TokenDetails, TokenParams, TokenRequest, Ttl,
};
use ably_auth_server::{Apps, Service, ServiceBuilder};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use serde_json::{Value, json};
use test_support::SECRET;
use tower::ServiceExt as _;

const NOW: u64 = 1_449_746_287_000;
const CHAT: &str = r#"{"*":["stats"],"chat:*":["history"]}"#;

fn key(name: &str) -> ApiKey {
    format!("{name}:{SECRET}").parse().unwrap()
}

fn params() -> TokenParams {
    TokenParams::new().client_id("bob").capability(CHAT)
}

/// The service, and an application's route that it guards.
struct World {
    service: Service,
    guarded: Router,
    now: Arc<AtomicU64>,
    nonces: AtomicU64,
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    fn of<B>(response: &Response<B>, body: &[u8]) -> Self {
        let body = String::from_utf8_lossy(body).into_owned();
        Self { status: response.status().as_u16(), headers: response.headers().clone(), body }
    }

    /// Returns the status, the code and the message, and checks that body and headers agree.
    fn refused(&self) -> (u16, u64, String) {
        let error = &serde_json::from_str::<Value>(&self.body).unwrap()["error"];
        let (code, message) = (error["code"].as_u64().unwrap(), error["message"].as_str().unwrap());
        assert_eq!(error["statusCode"], self.status);
        assert_eq!(self.headers["x-ably-errorcode"], code.to_string());
        assert_eq!(self.headers["x-ably-errormessage"].as_bytes().len(), message.chars().count().min(400));
        assert_eq!(self.headers["cache-control"], "no-store");
        assert_eq!(self.headers.contains_key("www-authenticate"), self.status == 401);
        (self.status, code, message.to_owned())
    }

    fn code(&self) -> (u16, u64) {
        if self.status < 400 {
            return (self.status, 0);
        }
        let (status, code, _) = self.refused();
        (status, code)
    }
}

impl World {
    fn new() -> Self {
        let now = Arc::new(AtomicU64::new(NOW));
        let service = Self::builder(&now).build().unwrap();
        let heard = get(|who: Identified| async move { format!("{} listens", who.identity()) });
        let guarded = Router::new()
            .route("/rooms/{room}", heard.layer(require("chat:{room}", Operation::History).unwrap()))
            .layer(Authenticate::new(service.clone()));
        Self { service, guarded, now, nonces: AtomicU64::new(0) }
    }

    fn builder(now: &Arc<AtomicU64>) -> ServiceBuilder {
        let apps = json!({ "apps": [{ "appId": "app1", "keys": [
            { "id": "key1", "secret": SECRET },
            { "id": "revocable", "secret": SECRET, "revocableTokens": true },
            { "id": "small", "secret": SECRET, "capability": r#"{"chat:a":["history"]}"# },
            { "id": "off", "secret": SECRET, "enabled": false },
        ] }] });
        let clock = Arc::clone(now);
        Service::builder()
            .apps(Apps::from_json(&apps.to_string()).unwrap())
            .sandbox(true)
            .service_secret([7; 32])
            .clock(move || Timestamp::from_millis(clock.load(Ordering::SeqCst)))
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now.load(Ordering::SeqCst))
    }

    async fn token(&self, key_name: &str, params: &TokenParams) -> TokenDetails {
        let nonce = format!("nonce-{:016}", self.nonces.fetch_add(1, Ordering::SeqCst));
        let request = TokenRequest::sign(&key(key_name), params, self.now(), Nonce::parse(&nonce).unwrap()).unwrap();
        let body = Bytes::from(serde_json::to_vec(&request).unwrap());
        let request = Request::post(format!("/keys/{key_name}/requestToken")).body(body).unwrap();
        serde_json::from_slice(self.service.handle(request).await.body()).unwrap()
    }

    fn jwt(&self, key_name: &str, fields: impl FnOnce(&mut JwtFields<'_>)) -> Token {
        let key = key(key_name);
        let mut jwt = JwtFields::new(key.key_name().as_str(), self.now(), Ttl::from_millis(60_000).unwrap());
        (jwt.client_id, jwt.capability) = (Some("bob"), Some(CHAT));
        fields(&mut jwt);
        jwt.mint(&key.signer()).unwrap()
    }

    async fn shows(&self, token: &str) -> Answer {
        self.asks("/rooms/a", &format!("Bearer {token}")).await
    }

    async fn asks(&self, uri: &str, authorization: &str) -> Answer {
        let request = Request::get(uri).header("authorization", authorization).body(Body::empty()).unwrap();
        let mut response = self.guarded.clone().oneshot(request).await.unwrap();
        let body = to_bytes(std::mem::take(response.body_mut()), 1 << 20).await.unwrap();
        Answer::of(&response, &body)
    }

    /// Returns the service's own answer to a request with the token.
    async fn on_the_wire(&self, token: &str) -> Answer {
        let request = Request::get("/channels/chat:a/messages").header("authorization", format!("Bearer {token}"));
        let response = self.service.handle(request.body(Bytes::new()).unwrap()).await;
        Answer::of(&response, response.body())
    }

    async fn revoke(&self, target: &str) {
        let basic = test_support::basic(&format!("app1.revocable:{SECRET}"));
        let request = Request::post("/keys/app1.revocable/revokeTokens").header("authorization", basic);
        let body = json!({ "targets": [target] }).to_string();
        assert_eq!(self.service.handle(request.body(body.into()).unwrap()).await.status(), 201);
    }
}

fn embedded(token: &str) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.c2ln", part(&json!({ "alg": "RS256", "x-ably-token": token })), part(&json!({})))
}

#[tokio::test]
async fn every_kind_of_token_opens_route() {
    let world = World::new();
    let issued = world.token("app1.key1", &params()).await;
    let many = (0..600).fold(CHAT.parse::<Capability>().unwrap(), |all, nth| {
        all.with(&format!("a-channel-with-a-long-name:{nth}"), [Operation::Publish]).unwrap()
    });
    let referred = world.token("app1.key1", &params().capability(many)).await;
    let jwt = world.jwt("app1.key1", |_| {});
    let issued = issued.token().expose();
    for token in [issued, referred.token().expose(), jwt.expose(), &embedded(issued), &embedded(jwt.expose())] {
        let answer = world.shows(token).await;
        assert_eq!((answer.status, &*answer.body), (200, "bob listens"), "{token}");
    }
}

/// The application gets the claims of the token, and a JWT's custom claims too.
#[tokio::test]
async fn verified_token_has_claims_and_limits_of_key() {
    let world = World::new();
    let issued = world.token("app1.key1", &params()).await;
    let seen = world.service.verify_token(issued.token()).await.unwrap();
    assert_eq!(seen.key_name().as_str(), "app1.key1");
    assert_eq!((Some(seen.issued()), Some(seen.expires())), (issued.issued(), issued.expires()));
    assert_eq!((seen.capability().to_string().as_str(), seen.claims()), (CHAT, None));
    let jwt = world.jwt("app1.small", |jwt| jwt.revocation_key = Some("group1"));
    let seen = world.service.verify_token(&jwt).await.unwrap();
    assert_eq!(seen.capability().to_string(), r#"{"chat:a":["history"]}"#, "limited to the key's capability");
    assert_eq!(seen.claims().unwrap().revocation_key(), Some("group1"));
}

#[tokio::test]
async fn revocation_takes_effect_at_once() {
    let world = World::new();
    let bob = world.token("app1.revocable", &params()).await;
    let alice = world.token("app1.revocable", &params().client_id("alice")).await;
    let group = world.jwt("app1.revocable", |jwt| {
        (jwt.client_id, jwt.revocation_key) = (Some("carol"), Some("group1"));
    });
    world.now.fetch_add(1_000, Ordering::SeqCst);
    let of = async |token: &Token| world.shows(token.expose()).await.code();
    assert_eq!((of(bob.token()).await, of(&group).await), ((200, 0), (200, 0)));
    world.revoke("clientId:bob").await;
    assert_eq!((of(bob.token()).await, of(&group).await), ((401, 40141), (200, 0)));
    assert_eq!(world.shows(&embedded(bob.token().expose())).await.code(), (401, 40141));
    world.revoke("revocationKey:group1").await;
    assert_eq!((of(alice.token()).await, of(&group).await), ((200, 0), (401, 40141)));
    let again = world.token("app1.revocable", &params()).await;
    assert_eq!(of(again.token()).await, (200, 0), "a new token is accepted");
    // Without its key, every token of the key is refused.
    let apps = Apps::of_key(key("app1.key1"));
    world.service.reload(apps).await.unwrap();
    assert_eq!(of(alice.token()).await, (401, 40141));
}

#[tokio::test]
async fn refusal_names_missing_operation() {
    let world = World::new();
    let token = world.token("app1.small", &TokenParams::new().client_id("bob")).await;
    let bearer = format!("Bearer {}", token.token().expose());
    assert_eq!(world.asks("/rooms/a", &bearer).await.code(), (200, 0));
    let message = "capability does not permit `history` on `chat:b`; ask for a token that has it";
    assert_eq!(world.asks("/rooms/b", &bearer).await.refused(), (401, 40160, message.to_owned()));
}

/// The application refuses a token with the same error as the service.
#[tokio::test]
async fn refusals_equal_those_of_service() {
    let world = World::new();
    let old = world.token("app1.key1", &params().ttl(Ttl::from_millis(1_000).unwrap())).await;
    let old_jwt = world.jwt("app1.key1", |jwt| jwt.ttl = Ttl::from_millis(1_000).unwrap());
    let off = world.jwt("app1.off", |_| {});
    let elsewhere = world.jwt("app1.small", |jwt| jwt.capability = Some(r#"{"other":["*"]}"#));
    let too_long = world.jwt("app1.revocable", |jwt| jwt.ttl = Ttl::MAX);
    let stranger = Service::builder().apps(Apps::of_key(key("app1.key1"))).service_secret([8; 32]).build().unwrap();
    let sealed = world.token("app1.key1", &params()).await;
    world.now.fetch_add(2_000, Ordering::SeqCst);
    let ours = sealed.token().expose();
    let forged = format!("{}AAAA", &ours[..ours.len() - 4]);
    for (token, code) in [
        (old.token().expose(), 40142),
        (old_jwt.expose(), 40142),
        (off.expose(), 40141),
        (elsewhere.expose(), 40160),
        (&*forged, 40143),
        ("app1.short", 40145),
        ("bm90IGEgdG9rZW4", 40145),
        ("a.b.c", 40144),
        (&embedded(&embedded(ours)), 40144),
    ] {
        let (guarded, wire) = (world.shows(token).await.refused(), world.on_the_wire(token).await.refused());
        assert_eq!(guarded, wire);
        assert_eq!((guarded.0, guarded.1), (401, code), "{token}");
    }
    assert_eq!(world.shows(too_long.expose()).await.code(), (400, 40003));
    let error = stranger.verify_token(sealed.token()).await.unwrap_err();
    assert_eq!((error.status(), error.info().code().as_u32()), (401, 40143));
}

/// The route exists, so an unknown key is an error of the token, not a 404.
#[tokio::test]
async fn unknown_key_is_no_unknown_route() {
    let world = World::new();
    for name in ["app1.nokey", "noapp.key1"] {
        let jwt = world.jwt(name, |_| {});
        assert_eq!(world.shows(jwt.expose()).await.code(), (401, 40143));
    }
    let key = test_support::basic(&format!("app1.key1:{SECRET}"));
    assert_eq!(world.asks("/rooms/a", &key).await.code(), (401, 40101), "a key is not accepted");
}

/// A backend that has the service's secret verifies tokens without a request to the service.
#[tokio::test]
async fn service_with_same_secret_verifies_tokens() {
    let world = World::new();
    let token = world.token("app1.key1", &params()).await;
    let verifier = World::builder(&world.now).build().unwrap();
    assert!(verifier.verify_token(token.token()).await.unwrap().client_id().permits("bob"));
}
