//! Clients that act at random.

use std::rc::Rc;
use std::time::Duration;

use ably_auth_core::{Nonce, Timestamp, TokenParams, TokenRequest, Ttl};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Request;
use http::request::Builder;
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::oracle::{Asked, CHANNELS, Key, Revocation, Rights, Signed, Token};
use crate::world::{CONTROL, World};

const CLIENTS: [&str; 3] = ["alice", "bob", "carol"];
/// The index of the key whose tokens can be revoked.
const REVOCABLE: usize = 1;
/// The largest number of keys that are created.
const MAX_KEYS: usize = 12;

fn post(path: &str) -> Builder {
    Request::post(format!("https://simulation{path}")).header("X-Ably-Version", "6")
}

fn basic(key: &Key) -> String {
    format!("Basic {}", STANDARD.encode(format!("{}:{}", key.key.key_name(), key.key.secret().expose())))
}

fn body(request: Builder, body: impl Into<Bytes>) -> Request<Bytes> {
    request.header("Content-Type", "application/json").body(body.into()).unwrap()
}

impl World {
    pub fn below(&self, end: usize) -> usize {
        self.rng.borrow_mut().usize(..end)
    }

    pub fn any_node(&self) -> usize {
        self.below(self.nodes.len())
    }

    /// Acts until the run is over.
    pub async fn act_as_client(self: Rc<Self>) {
        while !self.is_over.get() {
            let pause = self.rng.borrow_mut().u64(1..300);
            sleep(Duration::from_millis(pause)).await;
            let node = self.any_node();
            match self.below(20) {
                0..6 => self.request_new(node).await,
                6..9 => self.request_again(node).await,
                9..14 => self.use_token(node).await,
                14..16 => self.revoke(node).await,
                16 => self.create_key(node).await,
                17 => self.revoke_key(node).await,
                18 => self.use_key(node).await,
                _ => self.reload(node).await,
            }
        }
    }

    async fn request_new(&self, node: usize) {
        let signed = self.sign();
        self.exchange(node, signed).await;
    }

    /// Signs a token request at random, and records it.
    pub fn sign(&self) -> usize {
        let key = self.below(self.oracle.borrow().keys.len());
        let mut rng = self.rng.borrow_mut();
        let rights = rng.bool().then(|| Rights::random(&mut rng));
        let off = match rng.u32(..12) {
            0 => rng.i64(-600_000..600_000),
            1 => rng.i64(-100_000..100_000),
            _ => rng.i64(-2_000..2_000),
        };
        drop(rng);
        self.sign_as(key, rights, off)
    }

    /// Signs a token request with a clock that is off by so many ms, and records it.
    pub fn sign_as(&self, key: usize, rights: Option<Rights>, off: i64) -> usize {
        let mut oracle = self.oracle.borrow_mut();
        let mut rng = self.rng.borrow_mut();
        let client = CLIENTS[rng.usize(..CLIENTS.len())].to_owned();
        let ttl = rng.u64(2..1_800) * 1_000;
        let mut params = TokenParams::new().client_id(&*client).ttl(Ttl::from_millis(ttl).unwrap());
        if let Some(rights) = &rights {
            params = params.capability(rights.to_json().to_string());
        }
        let nonce = Nonce::parse(&format!("nonce-{:016x}", rng.u64(..))).unwrap();
        let timestamp = Timestamp::from_millis(self.now().saturating_add_signed(off));
        let request = TokenRequest::sign(&oracle.keys[key].key, &params, timestamp, nonce).unwrap();
        oracle.signed.push(Signed {
            key,
            request,
            rights,
            client,
            ttl,
            timestamp: timestamp.as_millis(),
            off,
            attempts: 0,
            token: None,
        });
        oracle.signed.len() - 1
    }

    async fn request_again(&self, node: usize) {
        let known = self.oracle.borrow().signed.len();
        if known > 0 {
            // A recent one, most often.
            let back = if self.below(3) > 0 { self.below(known.min(6)) } else { self.below(known) };
            self.exchange(node, known - 1 - back).await;
        }
    }

    pub async fn exchange(&self, node: usize, signed: usize) {
        let request = {
            let mut oracle = self.oracle.borrow_mut();
            let signed = &mut oracle.signed[signed];
            signed.attempts += 1;
            let path = format!("/keys/{}/requestToken", signed.request.key_name());
            body(post(&path), serde_json::to_vec(&signed.request).unwrap())
        };
        let Some((response, at)) = self.send(node, request).await else { return };
        self.note(node, "requestToken", response.status, response.code(), format_args!("request {signed}"));
        let judgement = self.oracle.borrow().judge_request(signed, &response, at);
        self.check(judgement);
        if let Some(granted) = response.token().filter(|_| response.is_success()) {
            let mut oracle = self.oracle.borrow_mut();
            let token = Token {
                key: oracle.signed[signed].key,
                text: granted.text,
                rights: granted.rights,
                client: oracle.signed[signed].client.clone(),
                issued: granted.issued,
                expires: granted.expires,
            };
            oracle.tokens.push(token);
            oracle.signed[signed].token = Some(oracle.tokens.len() - 1);
        }
    }

    async fn use_token(&self, node: usize) {
        let known = self.oracle.borrow().tokens.len();
        if known > 0 {
            let back = if self.below(2) > 0 { self.below(known.min(8)) } else { self.below(known) };
            self.present(node, known - 1 - back).await;
        }
    }

    /// Publishes or reads with a token.
    pub async fn present(&self, node: usize, token: usize) {
        let channel = CHANNELS[self.below(CHANNELS.len())];
        let operation = if self.below(2) == 0 { "publish" } else { "history" };
        let credential = format!("Bearer {}", STANDARD.encode(&self.oracle.borrow().tokens[token].text));
        let path = format!("/channels/{channel}/messages");
        let request = if operation == "publish" {
            body(post(&path).header("Authorization", credential), r#"{"name":"n","data":"d"}"#)
        } else {
            let request = Request::get(format!("https://simulation{path}"));
            body(request.header("Authorization", credential), "")
        };
        let Some((response, at)) = self.send(node, request).await else { return };
        self.note(node, operation, response.status, response.code(), format_args!("token {token} on {channel}"));
        let judgement = self.oracle.borrow().judge_use(token, (channel, operation), &response, at);
        self.check(judgement);
    }

    async fn revoke(&self, node: usize) {
        let client = CLIENTS[self.below(CLIENTS.len())];
        let (request, revocation) = {
            let mut oracle = self.oracle.borrow_mut();
            let key = &oracle.keys[REVOCABLE];
            let path = format!("/keys/{}/revokeTokens", key.key.key_name());
            let targets = json!({ "targets": [format!("clientId:{client}")] }).to_string();
            let request = body(post(&path).header("Authorization", basic(key)), targets);
            let at = Asked { asked: Some(Instant::now()), answered: None };
            oracle.revocations.push(Revocation { key: REVOCABLE, client: client.into(), issued_before: None, at });
            (request, oracle.revocations.len() - 1)
        };
        let Some((response, at)) = self.send(node, request).await else { return };
        self.note(node, "revokeTokens", response.status, response.code(), client);
        let judgement = self.oracle.borrow().judge_change(&response, at);
        self.check(judgement);
        let result = response.body().get("results").and_then(|results| results.get(0)).unwrap_or(response.body());
        let result = result.get(0).unwrap_or(result);
        let before = result.get("issuedBefore").and_then(serde_json::Value::as_u64);
        if response.is_success() {
            if before.is_none() {
                self.fail(format!("a revocation has no `issuedBefore`: {}", response.body()));
            }
            let revocation = &mut self.oracle.borrow_mut().revocations[revocation];
            revocation.issued_before = before;
            revocation.at.answered = Some(at.answered);
        }
    }

    async fn create_key(&self, node: usize) {
        if self.oracle.borrow().keys.len() >= MAX_KEYS {
            return;
        }
        let rights = Rights::random(&mut self.rng.borrow_mut());
        let asked = json!({ "name": "created", "capability": rights.to_json() }).to_string();
        let request = post("/v1/apps/app1/keys").header("Authorization", format!("Bearer {CONTROL}"));
        let Some((response, at)) = self.send(node, body(request, asked)).await else { return };
        self.note(node, "create key", response.status, response.code(), "");
        let judgement = self.oracle.borrow().judge_change(&response, at);
        self.check(judgement);
        if let Some(key) =
            response.body().get("key").and_then(serde_json::Value::as_str).filter(|_| response.is_success())
        {
            let key = Key { key: key.parse().unwrap(), rights, is_created: true, revoked: Asked::default() };
            self.oracle.borrow_mut().keys.push(key);
        }
    }

    /// Revokes a key that was created, or the one of the configuration that is there for it.
    async fn revoke_key(&self, node: usize) {
        let count = self.oracle.borrow().keys.len();
        let key = self.below(count.saturating_sub(3)) + 3;
        if self.below(4) > 0 || self.oracle.borrow().keys[key].revoked.asked.is_some() {
            return;
        }
        let path = {
            let mut oracle = self.oracle.borrow_mut();
            let key = &mut oracle.keys[key];
            key.revoked.asked = Some(Instant::now());
            format!("/v1/apps/app1/keys/{}/revoke", key.key.key_name().key_id())
        };
        let request = post(&path).header("Authorization", format!("Bearer {CONTROL}"));
        let Some((response, at)) = self.send(node, body(request, "")).await else { return };
        self.note(node, "revoke key", response.status, response.code(), format_args!("key {key}"));
        let judgement = self.oracle.borrow().judge_change(&response, at);
        self.check(judgement);
        if response.is_success() {
            self.oracle.borrow_mut().keys[key].revoked.answered = Some(at.answered);
        }
    }

    async fn use_key(&self, node: usize) {
        let count = self.oracle.borrow().keys.len();
        let key = self.below(count);
        self.present_key(node, key).await;
    }

    /// Lists channels with a key.
    pub async fn present_key(&self, node: usize, key: usize) {
        let credential = basic(&self.oracle.borrow().keys[key]);
        let request = Request::get("https://simulation/channels?limit=1").header("Authorization", credential);
        let Some((response, at)) = self.send(node, body(request, "")).await else { return };
        self.note(node, "key", response.status, response.code(), format_args!("key {key}"));
        // Not every key may list channels.
        if response.code() == 40160 {
            return;
        }
        let judgement = self.oracle.borrow().judge_basic(key, &response, at);
        self.check(judgement);
    }

    async fn reload(&self, node: usize) {
        if self.below(4) > 0 {
            return;
        }
        if let Some(service) = self.service(node) {
            let reloaded = service.reload(crate::world::apps()).await;
            self.trace.note(format!("node{node} reloaded: {}", reloaded.is_ok()));
        }
    }

    pub fn note(&self, node: usize, what: &str, status: u16, code: u64, detail: impl std::fmt::Display) {
        self.trace.note(format!("node{node} {what} {status} {code} {detail}"));
        self.oracle.borrow_mut().count(format!("{what} {status} {code}"));
    }
}
