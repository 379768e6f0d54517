//! The responses that must survive a crash, and the check that they do.

use std::fmt;

use endurance::realtime::{CONNECTED, DISCONNECTED, ERROR, Realtime, is};
use endurance::{CONTROL, Client, LASTING, REVOCABLE, Response, Result, basic, now};
use serde_json::{Value, json};

/// Number of recorded responses of each kind that are checked after a start: the latest, since older ones were checked
/// before.
const MAX_CHECKED: usize = 40;

/// Recorded responses.
#[derive(Default)]
pub(super) struct Promises {
    /// Token requests that were exchanged; the service must refuse them.
    used: Vec<Value>,
    /// Revoked tokens; the service must refuse them.
    revoked: Vec<String>,
    /// Unexpired tokens, most of them stored by reference; the service must accept them.
    tokens: Vec<String>,
    /// Created keys; the service must accept them.
    keys: Vec<String>,
    /// The number of realtime connections that a revocation ended.
    ended: usize,
    /// Messages with which connections did not end although their token was revoked.
    not_ended: Vec<Value>,
}

/// Number of recorded tokens of each kind with which connections are opened after a start.
const MAX_CONNECTED: usize = 10;

impl Promises {
    pub(super) fn add(&mut self, more: Vec<Self>) {
        for mut more in more {
            self.used.append(&mut more.used);
            self.revoked.append(&mut more.revoked);
            self.tokens.append(&mut more.tokens);
            self.keys.append(&mut more.keys);
            self.ended += more.ended;
            self.not_ended.append(&mut more.not_ended);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        [self.used.len(), self.revoked.len(), self.tokens.len(), self.keys.len(), self.ended].contains(&0)
    }

    /// Checks that the service still honours the latest recorded responses.
    pub(super) fn check(&self, client: &Client, kills: usize) -> Result {
        let held = |what: &str, holds: Option<bool>| match holds {
            Some(true) => Ok(()),
            Some(false) => {
                Err(vec![format!("after kill {kills}, {what}; the service lost data that it had confirmed")])
            }
            None => Err(vec![format!("after kill {kills}, the service did not respond; see its log above")]),
        };
        let stats = |credential: &str| client.ask("GET", "/stats", credential, &Value::Null);
        for request in latest(&self.used) {
            let answer = exchange(client, request).map(|answer| answer.code() == 40105);
            held("a token request was exchanged a second time", answer)?;
        }
        for token in latest(&self.revoked) {
            held("a revoked token was accepted", stats(token).map(|answer| answer.code() == 40141))?;
        }
        for token in latest(&self.tokens) {
            held("a valid token was refused", stats(token).map(|answer| answer.status == 200))?;
        }
        for key in latest(&self.keys) {
            held("a created key was refused", stats(key).map(|answer| answer.status == 200))?;
        }
        let opened = |token: &str| Realtime::open(client, token, "").map(|(_, first)| first);
        for token in latest(&self.revoked).iter().rev().take(MAX_CONNECTED) {
            let is_refused = opened(token).map(|first| is(&first, ERROR, 40141));
            held("a revoked token opened a connection", is_refused)?;
        }
        for token in latest(&self.tokens).iter().rev().take(MAX_CONNECTED) {
            held("a client could not connect again", opened(token).map(|first| is(&first, CONNECTED, 0)))?;
        }
        match self.not_ended.first() {
            None => Ok(()),
            Some(message) => Err(vec![format!("before kill {kills}, a revoked connection got {message}")]),
        }
    }
}

impl fmt::Display for Promises {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (used, revoked, tokens, keys) = (self.used.len(), self.revoked.len(), self.tokens.len(), self.keys.len());
        let ended = self.ended;
        write!(
            f,
            "{used} used nonces, {revoked} revoked tokens, {tokens} large tokens, {keys} new keys and {ended} ends of \
             connections"
        )
    }
}

fn latest<T>(promises: &[T]) -> &[T] {
    promises.get(promises.len().saturating_sub(MAX_CHECKED)..).unwrap_or_default()
}

/// Sends requests until the service stops, and records the responses.
pub(super) fn collect(client: &Client, nth: usize) -> Promises {
    let mut promises = Promises::default();
    for turn in 0.. {
        if ask(client, &format!("{nth}-{turn}-{}", now()), &mut promises).is_none() {
            break;
        }
    }
    promises
}

/// Sends one request of each kind.
fn ask(client: &Client, unique: &str, promises: &mut Promises) -> Option<()> {
    let request = json!({ "keyName": "app.lasting", "timestamp": now(), "nonce": format!("nonce-of-chaos-{unique}") });
    if exchange(client, &request)?.status == 201 {
        promises.used.push(request);
    }

    let client_id = format!("client-{unique}");
    let request = json!({ "keyName": "app.revocable", "clientId": client_id, "timestamp": now() });
    let token = client.ask("POST", "/keys/app.revocable/requestToken", &basic(REVOCABLE), &request)?.text("token")?;
    let (mut connection, _) = Realtime::open(client, &token, "")?;
    let targets = json!({ "targets": [format!("clientId:{client_id}")] });
    if client.ask("POST", "/keys/app.revocable/revokeTokens", &basic(REVOCABLE), &targets)?.status == 201 {
        promises.revoked.push(format!("Bearer {token}"));
        let last = connection.receive()?;
        if is(&last, DISCONNECTED, 40141) {
            promises.ended += 1;
        } else {
            promises.not_ended.push(last);
        }
    }

    let mut channels: serde_json::Map<_, _> =
        (0..300).map(|nth| (format!("channel-{nth:04}-with-a-rather-long-name"), json!(["publish"]))).collect();
    channels.insert("*".into(), json!(["stats"]));
    let capability = json!(channels).to_string();
    let request = json!({ "keyName": "app.lasting", "capability": capability, "ttl": 60_000 * 10, "timestamp": now() });
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

/// Exchanges an unsigned request, authenticated by the key. Its nonce and timestamp are checked as in a signed request.
fn exchange(client: &Client, request: &Value) -> Option<Response> {
    client.ask("POST", "/keys/app.lasting/requestToken", &basic(LASTING), request)
}
