//! Plays `realtime.json` with our connection, as the drivers in the same folder do with the realtime clients of the SDKs.
//!
//! The connection has no channels of its own, so `client.rs` attaches, publishes and enters with protocol messages. Each
//! case has its own app, so several cases are played at the same time.

mod client;
mod data;
mod options;
mod outbox;
mod proxy;
mod rest;
mod seen;
mod steps;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use ably_auth::connection::Format;
use serde_json::{Value, json};
use tokio::sync::{Mutex, Semaphore};
use tokio::time::timeout;

use super::{Fault, said};
use client::Client;
use seen::PATIENCE;

const AT_ONCE: usize = 12;

/// The names that cases give the keys of their app.
const KEYS: [&str; 3] = ["root", "chat", "revocable"];

/// Things that all cases have in common.
struct Setting {
    format: Format,
    scheme: String,
    port: u16,
    issuer: String,
    /// The backend whose auth URL is `ably-auth-axum`'s.
    kit: String,
    /// The access token of the Control API.
    control: String,
    /// The service's certificate.
    certificate: Vec<u8>,
    http: reqwest::Client,
}

/// The app of a case.
struct App {
    id: String,
    keys: Vec<String>,
}

impl App {
    fn key(&self, name: &str) -> &str {
        let at = KEYS.iter().position(|known| *known == name).unwrap_or_default();
        self.keys.get(at).map_or("", |key| key)
    }

    /// Replaces the placeholders of a text; those of a key are of the key with this name.
    fn fill(&self, text: &str, key: &str) -> String {
        let name = self.key(key).split(':').next().unwrap_or_default();
        let id = name.split('.').nth(1).unwrap_or_default();
        text.replace("{app}", &self.id).replace("{key}", name).replace("{keyId}", id)
    }
}

/// Plays all cases, and prints what the client saw of each.
pub(super) fn play(format: &str, cases: &str, service: &str, issuer: &str) -> Result<(), Fault> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let certificate = std::fs::read(variable("CA"))?;
    let http = reqwest::Client::builder().tls_certs_only([reqwest::Certificate::from_pem(&certificate)?]).build()?;
    let url: http::Uri = service.parse()?;
    let setting = Arc::new(Setting {
        format: if format == "json" { Format::Json } else { Format::MsgPack },
        scheme: url.scheme_str().unwrap_or("http").to_owned(),
        port: url.port_u16().ok_or("the service's URL has no port")?,
        issuer: issuer.to_owned(),
        kit: variable("KIT"),
        control: variable("CONTROL"),
        certificate,
        http,
    });
    let read: Value = serde_json::from_str(&std::fs::read_to_string(cases)?)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let at_once = Arc::new(Semaphore::new(AT_ONCE));
        let played = read["cases"].as_array().into_iter().flatten().cloned().map(|case| {
            let (setting, at_once, mut app) = (Arc::clone(&setting), Arc::clone(&at_once), read["app"].clone());
            for (name, value) in case["app"].as_object().into_iter().flatten() {
                app[name] = value.clone();
            }
            tokio::spawn(async move {
                let _permit = at_once.acquire().await;
                let (key, answer) = match case["na"]["ours"].as_str() {
                    Some(reason) => ("na", reason.to_owned()),
                    None => ("saw", saw(&setting, &case, &app).await.unwrap_or_else(|fault| fault.to_string())),
                };
                println!("{}", json!({ "case": case["case"], key: answer }));
            })
        });
        for each in played.collect::<Vec<_>>() {
            // A case that panics has no line.
            let _ = each.await;
        }
    });
    // Connections that are still closing need not be waited for.
    runtime.shutdown_timeout(Duration::from_millis(100));
    Ok(())
}

/// The connection ids that the clients of a case have had.
type Ids = Arc<Mutex<HashSet<String>>>;

async fn saw(setting: &Setting, case: &Value, spec: &Value) -> Result<String, Fault> {
    let url = setting.url("/apps");
    let answer =
        setting.http.post(url).header("content-type", "application/json").body(spec.to_string()).send().await?;
    let app: Value = serde_json::from_slice(&answer.bytes().await?)?;
    let keys = app["keys"].as_array().into_iter().flatten();
    let app = App {
        id: app["appId"].as_str().unwrap_or_default().to_owned(),
        keys: keys.map(|key| key["keyStr"].as_str().unwrap_or_default().to_owned()).collect(),
    };
    let ids = Ids::default();
    let mut clients: BTreeMap<String, Client> = BTreeMap::new();
    let mut saw = Vec::new();
    for step in case["steps"].as_array().into_iter().flatten() {
        let (words, arg) = match step {
            Value::Array(parts) => (parts[0].as_str(), &parts[1]),
            word => (word.as_str(), &Value::Null),
        };
        let words = words.unwrap_or_default();
        let (peer, verb) = words.split_once(' ').unwrap_or(("", words));
        let step = async {
            if verb == "ask" {
                return setting.ask(&app, arg).await;
            }
            // A peer is made and connected when it is first needed, because it may need what another one has seen.
            if !clients.contains_key(peer) {
                let given = if peer.is_empty() { &case["client"] } else { &case["peers"][peer] };
                let lost = given["recover"].as_str().and_then(|name| clients.get(name));
                let mut client = Client::new(setting, &app, given, lost, &ids).await?;
                if !peer.is_empty() && !client.is_rest() {
                    client.step("connect", &Value::Null).await?;
                }
                clients.insert(peer.to_owned(), client);
            }
            clients.get_mut(peer).ok_or("no client")?.step(verb, arg).await
        };
        let outcome = timeout(PATIENCE + Duration::from_secs(3), step).await;
        saw.push(outcome.map_or_else(|_| "no answer".to_owned(), |outcome| outcome.unwrap_or_else(said)));
    }
    Ok(saw.join(" | "))
}

impl Setting {
    fn url(&self, path: &str) -> String {
        format!("{}://localhost:{}{path}", self.scheme, self.port)
    }

    /// Sends a request that a case writes out, with a key of the app or the access token of the Control API.
    async fn ask(&self, app: &App, asked: &Value) -> Result<String, Fault> {
        let key = asked["of"].as_str().unwrap_or("root");
        let fill = |name: &str| asked[name].as_str().map(|text| app.fill(text, key));
        let path = fill("path").unwrap_or_default();
        let method = asked["method"].as_str().unwrap_or("post").to_uppercase();
        let mut request = self.http.request(method.parse()?, self.url(&path));
        if path.starts_with("/v1/") {
            request = request.bearer_auth(&self.control);
        } else if let Some((name, secret)) = app.key(key).split_once(':') {
            request = request.basic_auth(name, Some(secret));
        }
        if asked["body"].is_object() {
            request =
                request.header("content-type", "application/json").body(app.fill(&asked["body"].to_string(), key));
        }
        let answer = request.send().await?;
        if answer.status().is_success() {
            return Ok("ok".into());
        }
        let body: Value = serde_json::from_slice(&answer.bytes().await?)?;
        let error = body.get("error").unwrap_or(&body);
        Ok(format!("{}/{}", error["code"], error["statusCode"]))
    }
}
