//! A service with a few apps, keys and a clock, and functions of a client.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ably_auth_core::{ApiKey, Nonce, Timestamp, Token, TokenDetails, TokenParams, TokenRequest, Ttl};
use ably_auth_server::store::Store;
use ably_auth_server::{Apps, Service, ServiceBuilder};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::request::Builder;
use http::{Request, Response};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::runtime::Runtime;

/// The time of the tests, and the secret of every key, which no response may contain.
pub(crate) use test_support::{NOW, SECRET, basic as basic_of};

pub(crate) const MINUTE: u64 = 60_000;
pub(crate) const HOUR: u64 = 60 * MINUTE;

/// A key that permits everything on every channel.
pub(crate) const KEY: &str = "app1.key1";
/// A key like [`KEY`] whose tokens can be revoked, also by channel.
pub(crate) const REVOCABLE: &str = "app1.revocable";
/// A key with the capability `{"chat:*":["publish","subscribe"],"status":["history"]}`.
pub(crate) const LIMITED: &str = "app1.limited";
/// A revoked key.
pub(crate) const REVOKED: &str = "app1.revoked";
/// A key that expires half an hour after [`NOW`].
pub(crate) const EXPIRING: &str = "app1.expiring";
/// A key of another app, which does not permit revocation by channel.
pub(crate) const ELSEWHERE: &str = "app2.key1";

/// The access token of the Control API.
pub(crate) const CONTROL: &str = "control-access-token-of-the-tests";

pub(crate) fn apps() -> Apps {
    let json = json!({ "apps": [
        { "appId": "app1", "revocationByChannel": true, "keys": [
            { "id": "key1", "secret": SECRET },
            { "id": "revocable", "secret": SECRET, "revocableTokens": true },
            { "id": "limited", "secret": SECRET,
              "capability": r#"{"chat:*":["publish","subscribe"],"status":["history"]}"# },
            { "id": "revoked", "secret": SECRET, "enabled": false },
            { "id": "expiring", "secret": SECRET, "expires": NOW + HOUR / 2 },
        ] },
        { "appId": "app2", "keys": [
            { "id": "key1", "secret": SECRET, "revocableTokens": true },
            { "id": "quoted", "secret": r#"a"b\c"# },
        ] },
    ] });
    Apps::from_json(&json.to_string()).unwrap()
}

pub(crate) fn key(name: &str) -> ApiKey {
    format!("{name}:{SECRET}").parse().unwrap()
}

/// The wall clock and the steady clock of a service, in milliseconds.
#[derive(Debug)]
pub(crate) struct Clocks {
    now: AtomicU64,
    elapsed: AtomicU64,
}

impl Default for Clocks {
    fn default() -> Self {
        Self { now: AtomicU64::new(NOW), elapsed: AtomicU64::new(0) }
    }
}

#[derive(Clone)]
pub(crate) struct World {
    pub(crate) service: Service,
    pub(crate) now: Arc<Clocks>,
    nonces: Arc<AtomicU64>,
    /// The apps of the configuration.
    apps: Apps,
    /// The runtime for a store whose operations wait.
    runtime: Option<Arc<Runtime>>,
}

impl World {
    /// Creates a sandbox, where keys are accepted without TLS.
    pub(crate) fn new() -> Self {
        Self::with(true, NOW)
    }

    /// Creates a sandbox whose clock starts at `now`.
    pub(crate) fn at(now: u64) -> Self {
        Self::with(true, now)
    }

    pub(crate) fn without_sandbox() -> Self {
        Self::with(false, NOW)
    }

    fn with(sandbox: bool, now: u64) -> Self {
        let now = Arc::new(Clocks { now: AtomicU64::new(now), elapsed: AtomicU64::new(0) });
        let service = Self::builder(&now, sandbox).build().unwrap();
        Self { service, now, nonces: Arc::default(), apps: apps(), runtime: None }
    }

    /// Creates a sandbox over `store`, driven by `runtime`. It shares the clock, nonces and apps of `before`, if given.
    pub(crate) fn over(store: impl Store, runtime: &Arc<Runtime>, before: Option<&Self>) -> Self {
        Self::over_as(|builder| builder.service_secret([7; 32]).store(store), runtime, before)
    }

    /// Like [`over`](Self::over), but with the secret of the store.
    #[cfg(feature = "redis")]
    pub(crate) fn with_secret_of(store: impl Store, runtime: &Arc<Runtime>, before: Option<&Self>) -> Self {
        Self::over_as(|builder| builder.store(store), runtime, before)
    }

    fn over_as(
        set_up: impl FnOnce(ServiceBuilder) -> ServiceBuilder,
        runtime: &Arc<Runtime>,
        before: Option<&Self>,
    ) -> Self {
        let (now, nonces, apps) = before.map_or_else(
            || (Arc::default(), Arc::default(), apps()),
            |before| (Arc::clone(&before.now), Arc::clone(&before.nonces), before.apps.clone()),
        );
        let service = set_up(Self::builder_without_secret(&now, true).apps(apps.clone())).build().unwrap();
        Self { service, now, nonces, apps, runtime: Some(Arc::clone(runtime)) }
    }

    /// Replaces the apps of the configuration, for services that are created later.
    pub(crate) fn with_apps(self, apps: Apps) -> Self {
        Self { apps, ..self }
    }

    /// Returns the same world with a service that `build` configures.
    pub(crate) fn with_service(self, build: impl FnOnce(ServiceBuilder) -> ServiceBuilder) -> Self {
        let service = build(Self::builder(&self.now, true)).build().unwrap();
        Self { service, ..self }
    }

    /// Waits for a future that is not a request.
    pub(crate) fn wait<T>(&self, done: impl Future<Output = T>) -> T {
        self.runtime.as_ref().unwrap().block_on(done)
    }

    /// Returns a world with the same clock, nonces and apps, and an empty service.
    pub(crate) fn clone_without_service(&self) -> Self {
        Self { service: Service::builder().build().unwrap(), ..self.clone() }
    }

    pub(crate) fn builder(now: &Arc<Clocks>, sandbox: bool) -> ServiceBuilder {
        Self::builder_without_secret(now, sandbox).service_secret([7; 32])
    }

    fn builder_without_secret(now: &Arc<Clocks>, sandbox: bool) -> ServiceBuilder {
        let (clock, steady) = (Arc::clone(now), Arc::clone(now));
        Service::builder()
            .apps(apps())
            .sandbox(sandbox)
            .control_token(Token::new(CONTROL).unwrap())
            .clock(move || Timestamp::from_millis(clock.now.load(Ordering::SeqCst)))
            .steady_clock(move || Duration::from_millis(steady.elapsed.load(Ordering::SeqCst)))
    }

    pub(crate) fn now(&self) -> u64 {
        self.now.now.load(Ordering::SeqCst)
    }

    /// Sets the clock. The steady clock advances as far, unless the clock is set back.
    pub(crate) fn set(&self, millis: u64) {
        let before = self.now.now.swap(millis, Ordering::SeqCst);
        self.now.elapsed.fetch_add(millis.saturating_sub(before), Ordering::SeqCst);
    }

    /// Advances both clocks by `millis` milliseconds.
    pub(crate) fn pass(&self, millis: u64) {
        self.set(self.now() + millis);
    }

    /// Sets the clock, but not the steady clock.
    pub(crate) fn jump(&self, millis: u64) {
        self.now.now.store(millis, Ordering::SeqCst);
    }

    pub(crate) fn send(&self, request: Builder, body: impl Into<Bytes>) -> Answer {
        match &self.runtime {
            Some(runtime) => Answer::of(runtime.block_on(self.service.handle(request.body(body.into()).unwrap()))),
            None => answer(&self.service, request, body),
        }
    }

    pub(crate) fn get(&self, path: &str, credential: &str) -> Answer {
        self.send(Request::get(path).header("Authorization", credential), "")
    }

    pub(crate) fn post(&self, path: &str, credential: &str, body: &Value) -> Answer {
        self.send(Request::post(path).header("Authorization", credential), body.to_string())
    }

    /// Revokes tokens of [`REVOCABLE`], as a client of the current version does.
    pub(crate) fn revoke(&self, body: &Value) -> Answer {
        let request = Request::post(format!("/keys/{REVOCABLE}/revokeTokens"));
        let request = request.header("Authorization", basic(REVOCABLE)).header("X-Ably-Version", "6");
        self.send(request, body.to_string())
    }

    /// Sends a request with the token. The status is 200 if the token is accepted and permits `stats` on `*`.
    pub(crate) fn accepts(&self, token: &TokenDetails) -> Answer {
        self.get("/stats", &bearer(token))
    }

    pub(crate) fn sign(&self, key_name: &str, params: &TokenParams) -> TokenRequest {
        let nonce = Nonce::parse(&format!("nonce-{:016}", self.nonces.fetch_add(1, Ordering::SeqCst))).unwrap();
        TokenRequest::sign(&key(key_name), params, Timestamp::from_millis(self.now()), nonce).unwrap()
    }

    pub(crate) fn exchange(&self, request: &TokenRequest) -> Answer {
        let path = format!("/keys/{}/requestToken", request.key_name());
        self.send(Request::post(path), serde_json::to_vec(request).unwrap())
    }

    pub(crate) fn token(&self, key_name: &str, params: &TokenParams) -> TokenDetails {
        let answer = self.exchange(&self.sign(key_name, params));
        assert_eq!(answer.status, 201, "{}", answer.text());
        serde_json::from_slice(&answer.body).unwrap()
    }
}

/// Polls the service once, which suffices for a store in memory.
pub(crate) fn answer(service: &Service, request: Builder, body: impl Into<Bytes>) -> Answer {
    let request = request.body(body.into()).unwrap();
    match pin!(service.handle(request)).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(response) => Answer::of(response),
        Poll::Pending => panic!("the service must not wait"),
    }
}

/// Returns the time of the system clock in milliseconds, for services that use it.
#[expect(clippy::disallowed_methods, reason = "a service on a socket uses the system clock")]
pub(crate) fn system_now() -> u64 {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    since_epoch.as_millis().try_into().unwrap()
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    fn of(response: Response<Bytes>) -> Self {
        let (parts, body) = response.into_parts();
        let answer = Self { status: parts.status.as_u16(), headers: parts.headers, body };
        assert!(["no-store", "no-cache"].contains(&answer.header("cache-control")));
        assert!(!answer.header("x-ably-requestid").is_empty());
        answer
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.header("content-type"), "application/json");
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Returns the status and the code, or 0 if the response is no error. Checks the other fields and headers of an error.
    pub(crate) fn code(&self) -> (u16, u64) {
        if self.status < 400 {
            return (self.status, 0);
        }
        assert!(!self.text().contains(SECRET), "{}", self.text());
        let error = &self.json()["error"];
        let code = error["code"].as_u64().unwrap();
        assert_eq!(error["statusCode"], self.status);
        assert_eq!(error["href"], format!("https://help.ably.io/error/{code}"));
        assert_eq!(self.header("x-ably-errorcode"), code.to_string());
        assert!(!self.header("x-ably-errormessage").is_empty());
        assert_eq!(error["requestId"], self.header("x-ably-requestid"));
        assert_eq!(self.headers.contains_key("www-authenticate"), self.status == 401);
        assert_eq!(self.headers.contains_key("allow"), self.status == 405);
        (self.status, code)
    }

    pub(crate) fn message(&self) -> String {
        self.json()["error"]["message"].as_str().unwrap().into()
    }
}

pub(crate) fn bearer(token: &TokenDetails) -> String {
    test_support::bearer(token.token().expose())
}

pub(crate) fn basic(key_name: &str) -> String {
    test_support::basic(&format!("{key_name}:{SECRET}"))
}

pub(crate) fn params() -> TokenParams {
    TokenParams::new()
}

pub(crate) fn of(client_id: &str) -> TokenParams {
    params().client_id(client_id)
}

pub(crate) fn can(capability: &str) -> TokenParams {
    params().capability(capability)
}

pub(crate) fn ttl(millis: u64) -> Ttl {
    Ttl::from_millis(millis).unwrap()
}

pub(crate) fn details(token: &str) -> TokenDetails {
    TokenDetails::from_token(Token::new(token).unwrap())
}

/// Returns a JWT of the key `key_name`, issued at the second of [`NOW`] for `seconds` seconds, with additional `claims`.
pub(crate) fn jwt(key_name: &str, seconds: u64, claims: &Value) -> String {
    let mut payload = json!({ "iat": NOW / 1000, "exp": NOW / 1000 + seconds });
    payload.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
    jwt_of(&json!({ "typ": "JWT", "alg": "HS256", "kid": key_name }), &payload, SECRET)
}

/// Returns a JWT with any header and payload, signed without the code under test.
pub(crate) fn jwt_of(header: &Value, payload: &Value, secret: &str) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(header), part(payload));
    let mut hmac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    hmac.update(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(hmac.finalize().into_bytes()))
}

/// Returns a token request with any values, signed without the code under test: each value is followed by a line feed.
pub(crate) fn sign_raw(fields: &[(&str, Value)]) -> Value {
    let mut hmac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    for name in ["keyName", "ttl", "capability", "clientId", "timestamp", "nonce"] {
        let text = match fields.iter().find(|(known, _)| *known == name) {
            Some((_, Value::String(text))) => text.clone(),
            Some((_, value)) => value.to_string(),
            None => String::new(),
        };
        hmac.update(text.as_bytes());
        hmac.update(b"\n");
    }
    let mut request = Value::Object(fields.iter().map(|(name, value)| ((*name).into(), value.clone())).collect());
    request["mac"] = STANDARD.encode(hmac.finalize().into_bytes()).into();
    request
}
