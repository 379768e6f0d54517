//! The options of a client of a case.

use ably_auth::{AuthMethod, AuthUrl, TokenParams};
use ably_auth_reqwest::ClientOptions;
use serde_json::Value;

use super::super::credentials::{Answer, fetch};
use super::super::encode;
use super::seen::Watched;
use super::{App, Fault, Setting};

impl Setting {
    /// Returns the URL of what the issuer hands out, or our kit.
    fn artifact(&self, kind: &str, app: &App, asked: &Value) -> String {
        let key = app.key(asked["use"].as_str().unwrap_or("root"));
        let (path, query) = kind.split_once('?').unwrap_or((kind, ""));
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let query: String = pairs.map(|(name, value)| format!("{name}={}&", encode(value))).collect();
        let (server, path) = path.strip_prefix("kit/").map_or((&*self.issuer, path), |form| (&*self.kit, form));
        format!("{server}/{path}?{query}key={}", encode(key))
    }

    /// Returns the options of a client of the service on this port. The calls of its callback are counted.
    pub(super) async fn options(
        &self,
        app: &App,
        asked: &Value,
        port: u16,
        seen: &Watched,
    ) -> Result<ClientOptions, Fault> {
        let text = |name: &str| asked[name].as_str();
        let endpoint = format!("{}://localhost:{port}", self.scheme);
        let mut options = ClientOptions::new()
            .endpoint(endpoint)
            .add_root_certificates(self.certificate.clone())
            .allow_basic_on_loopback(true);
        if asked["useTokenAuth"] == true {
            options = options.use_token_auth(true);
        }
        if let Some(key) = text("key") {
            options = options.key(if key.contains(':') { app.fill(key, "root") } else { app.key(key).to_owned() });
        }
        if let Some(client_id) = text("clientId") {
            options = options.client_id(client_id);
        }
        if let Some(kind) = text("token").or(text("details")) {
            options = if kind.contains('.') && !kind.contains('?') {
                options.token(kind)
            } else {
                match fetched(self.artifact(kind, app, asked)).await? {
                    Answer::Token(token) => options.token(token),
                    Answer::Details(details) => options.token(details),
                    Answer::Request(_) => return Err("a token request is no token".into()),
                }
            };
        }
        if let Some(kind) = text("authUrl") {
            let method = if text("authMethod") == Some("POST") { AuthMethod::Post } else { AuthMethod::Get };
            let headers = asked["authHeaders"].as_object().into_iter().flatten();
            let headers = headers.map(|(name, value)| Ok((name.parse()?, value.as_str().unwrap_or_default().parse()?)));
            let headers = headers.collect::<Result<http::HeaderMap, Fault>>()?;
            let url = AuthUrl::new(&self.artifact(kind, app, asked))?.auth_headers(headers).auth_method(method);
            options = options.auth_url(url);
        }
        let kinds = match &asked["callback"] {
            Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
            kind => Vec::from_iter(kind.as_str()),
        };
        let urls: Vec<String> = kinds.into_iter().map(|kind| self.artifact(kind, app, asked)).collect();
        if urls.is_empty() {
            return Ok(options);
        }
        let seen = seen.clone();
        Ok(options.auth_callback(move |_: TokenParams| {
            let call = seen.change(|seen| {
                seen.calls += 1;
                seen.calls - 1
            });
            fetched(urls[call.min(urls.len() - 1)].clone())
        }))
    }
}

/// Fetches a response from the issuer, on a thread that may wait.
async fn fetched(url: String) -> Result<Answer, Fault> {
    tokio::task::spawn_blocking(move || fetch(&url)).await?
}
