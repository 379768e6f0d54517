//! What the service has promised, and whether it holds.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::client::{Client, basic};
use super::service::{CONTROL, LASTING, REVOCABLE};
use crate::Result;

/// As many of each kind are held against the service after each start, the latest ones: the others were held before.
const CHECKED: usize = 40;

/// What was answered.
#[derive(Default)]
pub(super) struct Promises {
    /// Requests that were exchanged: never again.
    used: Vec<Value>,
    /// Tokens that were revoked: never again.
    revoked: Vec<String>,
    /// Tokens, most of them by reference: as long as they live.
    tokens: Vec<String>,
    /// Keys that were made: until they are revoked.
    keys: Vec<String>,
}

impl Promises {
    pub(super) fn add(&mut self, more: Vec<Self>) {
        for mut more in more {
            self.used.append(&mut more.used);
            self.revoked.append(&mut more.revoked);
            self.tokens.append(&mut more.tokens);
            self.keys.append(&mut more.keys);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        [self.used.len(), self.revoked.len(), self.tokens.len(), self.keys.len()].contains(&0)
    }

    /// Holds the service to them.
    pub(super) fn check(&self, client: &Client, kills: usize) -> Result {
        let held = |what: &str, holds: Option<bool>| match holds {
            Some(true) => Ok(()),
            Some(false) => Err(format!("after kill {kills}, {what}; the promise is broken")),
            None => Err(format!("after kill {kills}, the service does not answer; see why")),
        };
        let stats = |credential: &str| client.ask("GET", "/stats", credential, &Value::Null);
        for request in latest(&self.used) {
            let answer = exchange(client, request).map(|answer| answer.code() == 40105);
            held("a request is exchanged that was exchanged before", answer)?;
        }
        for token in latest(&self.revoked) {
            held("a token works that was revoked", stats(token).map(|answer| answer.code() == 40141))?;
        }
        for token in latest(&self.tokens) {
            held("a token is lost", stats(token).map(|answer| answer.status == 200))?;
        }
        for key in latest(&self.keys) {
            held("a key is lost", stats(key).map(|answer| answer.status == 200))?;
        }
        Ok(())
    }
}

impl fmt::Display for Promises {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (used, revoked, tokens, keys) = (self.used.len(), self.revoked.len(), self.tokens.len(), self.keys.len());
        write!(f, "{used} used nonces, {revoked} revoked tokens, {tokens} large tokens and {keys} new keys")
    }
}

fn latest<T>(promises: &[T]) -> &[T] {
    promises.get(promises.len().saturating_sub(CHECKED)..).unwrap_or_default()
}

/// Asks until the service is gone, and notes what it answers.
pub(super) fn collect(client: &Client, nth: usize) -> Promises {
    let mut promises = Promises::default();
    for turn in 0.. {
        if ask(client, &format!("{nth}-{turn}-{}", now()), &mut promises).is_none() {
            break;
        }
    }
    promises
}

/// One of each.
fn ask(client: &Client, unique: &str, promises: &mut Promises) -> Option<()> {
    let request = json!({ "keyName": "app.lasting", "timestamp": now(), "nonce": format!("nonce-of-chaos-{unique}") });
    if exchange(client, &request)?.status == 201 {
        promises.used.push(request);
    }

    let client_id = format!("client-{unique}");
    let request = json!({ "keyName": "app.revocable", "clientId": client_id });
    let token = client.ask("POST", "/keys/app.revocable/requestToken", &basic(REVOCABLE), &request)?.text("token")?;
    let targets = json!({ "targets": [format!("clientId:{client_id}")] });
    if client.ask("POST", "/keys/app.revocable/revokeTokens", &basic(REVOCABLE), &targets)?.status == 201 {
        promises.revoked.push(format!("Bearer {token}"));
    }

    let mut channels: serde_json::Map<_, _> =
        (0..300).map(|nth| (format!("channel-{nth:04}-with-a-rather-long-name"), json!(["publish"]))).collect();
    channels.insert("*".into(), json!(["stats"]));
    let request = json!({ "keyName": "app.lasting", "capability": json!(channels).to_string(), "ttl": 60_000 * 10 });
    let answer = client.ask("POST", "/keys/app.lasting/requestToken", &basic(LASTING), &request)?;
    if let Some(token) = answer.text("token") {
        promises.tokens.push(format!("Bearer {token}"));
    }

    let asked = json!({ "name": "chaos", "capability": { "*": ["*"] } });
    let answer = client.ask("POST", "/v1/apps/app/keys", &format!("Bearer {CONTROL}"), &asked)?;
    if let Some(key) = answer.text("key") {
        promises.keys.push(basic(&key));
    }
    Some(())
}

/// The key vouches for the request, which has a nonce and a timestamp as if it were signed.
fn exchange(client: &Client, request: &Value) -> Option<super::client::Answer> {
    client.ask("POST", "/keys/app.lasting/requestToken", &basic(LASTING), request)
}

pub(crate) fn now() -> u64 {
    #[allow(clippy::disallowed_methods, reason = "a request says when it was made")]
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
}
