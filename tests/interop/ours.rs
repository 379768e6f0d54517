//! Plays `cases.json` with our two clients, and `realtime.json` with our connection, as the drivers in the same folder do
//! with the official SDKs. Mints JWTs for them, and serves as their backend.
//!
//! `ours reqwest|blocking|json|msgpack CASES SERVICE ISSUER`, with the service's certificate in the file named by `CA`, the
//! backend's address as `KIT`, and the access token of the Control API as `CONTROL`; `ours mint KEY JSON`; `ours kit`.

mod credentials;
mod kit;
mod reading;
mod realtime;

use std::error::Error as StdError;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ably_auth::{
    ApiKey, AuthMethod, AuthUrl, Clock as _, Error, RevokeTokensRequest, SystemClock, Timestamp, TokenDetails,
    TokenParams, TokenRevocationResult, TokenRevocationTargetSpecifier, Ttl,
};
use bytes::Bytes;
use credentials::{Answer, fetch, mint};
use http::{Request, Response};
use serde_json::{Value, json};

type Fault = Box<dyn StdError + Send + Sync>;

/// One of our clients. The async one has a runtime to wait for it.
enum Client {
    Reqwest(ably_auth_reqwest::Client, tokio::runtime::Runtime),
    Blocking(ably_auth_blocking::Client),
}

macro_rules! ask {
    ($client:expr, $it:ident => $call:expr) => {
        match $client {
            Client::Reqwest($it, runtime) => runtime.block_on($call),
            Client::Blocking($it) => $call,
        }
    };
}

fn main() -> Result<(), Fault> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match *args.as_slice() {
        ["mint", key, values] => {
            println!("{}", mint(&ApiKey::parse(key)?, &serde_json::from_str(values)?)?.expose());
            Ok(())
        }
        ["kit"] => kit::serve(),
        [format @ ("json" | "msgpack"), cases, service, issuer] => realtime::play(format, cases, service, issuer),
        [face @ ("reqwest" | "blocking"), cases, service, issuer] => {
            let mut player = Player { face, service, issuer, app: Value::Null, message: String::new() };
            for (nth, case) in
                serde_json::from_str::<Vec<Value>>(&std::fs::read_to_string(cases)?)?.into_iter().enumerate()
            {
                let (key, answer) = match &case["na"]["ours"] {
                    Value::String(reason) => ("na", reason.clone()),
                    _ => ("saw", player.play(&case, nth)),
                };
                println!("{}", json!({ "case": case["case"], key: answer }));
            }
            Ok(())
        }
        _ => {
            Err("usage: ours reqwest|blocking|json|msgpack CASES SERVICE ISSUER, ours mint KEY JSON, or ours kit"
                .into())
        }
    }
}

fn now() -> Timestamp {
    SystemClock.now()
}

struct Player<'a> {
    face: &'a str,
    service: &'a str,
    issuer: &'a str,
    app: Value,
    /// The message of the last error.
    message: String,
}

impl Player<'_> {
    fn play(&mut self, case: &Value, nth: usize) -> String {
        let calls = Arc::new(AtomicUsize::new(0));
        let client = match self.client(&case["client"], &calls) {
            Ok(client) => client,
            Err(fault) => return said(fault),
        };
        let channel = format!("chat:{nth}");
        let steps = case["steps"].as_array().into_iter().flatten().map(|step| {
            let (name, arg) = match step.as_array() {
                Some(words) => (words[0].as_str().unwrap_or_default(), &words[1]),
                None => (step.as_str().unwrap_or_default(), &Value::Null),
            };
            match (name, arg.as_str()) {
                ("calls", _) => return calls.load(Ordering::Relaxed).to_string(),
                ("said", Some(text)) if self.message.contains(text) => return "yes".into(),
                ("said", _) => return format!("no: {}", self.message),
                _ => {}
            }
            self.step(&client, &channel, name, arg).unwrap_or_else(|fault| {
                self.message = fault.to_string();
                said(fault)
            })
        });
        steps.collect::<Vec<_>>().join(" | ")
    }

    fn key(&self, name: &str) -> &str {
        self.app["keys"][["root", "chat", "revocable"].iter().position(|it| *it == name).unwrap_or(0)]["keyStr"]
            .as_str()
            .unwrap_or_default()
    }

    fn artifact(&self, kind: &str, client: &Value) -> String {
        let key = self.key(client["use"].as_str().unwrap_or("root"));
        let (path, query) = kind.split_once('?').unwrap_or((kind, ""));
        let mut query: Vec<(String, String)> = query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        query.push(("key".into(), key.into()));
        let query: Vec<_> = query.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        let kit = std::env::var("KIT").unwrap_or_default();
        let (server, path) = path.strip_prefix("kit/").map_or((self.issuer, path), |form| (&*kit, form));
        format!("{server}/{path}?{}", query.join("&"))
    }

    fn client(&self, asked: &Value, calls: &Arc<AtomicUsize>) -> Result<Client, Fault> {
        let text = |name: &str| asked[name].as_str();
        macro_rules! common {
            ($options:ty) => {{
                let mut options = <$options>::new()
                    .endpoint(self.service)
                    .allow_basic_on_loopback(true)
                    .query_time(asked["queryTime"] == true);
                if let Some(name) = text("key") {
                    options = options.key(self.key(name));
                }
                if asked["useTokenAuth"] == true {
                    options = options.use_token_auth(true);
                }
                if let Some(client_id) = text("clientId") {
                    options = options.client_id(client_id);
                }
                if asked["defaultTokenParams"].is_object() {
                    options = options.default_token_params(params(&asked["defaultTokenParams"])?);
                }
                if let Some(kind) = text("token").or(text("details")) {
                    options = if kind.contains('.') && !kind.contains('?') {
                        options.token(kind)
                    } else {
                        match fetch(&self.artifact(kind, asked))? {
                            Answer::Token(token) => options.token(token),
                            Answer::Details(details) => options.token(details),
                            Answer::Request(_) => return Err("a token request is no token".into()),
                        }
                    };
                }
                if let Some(kind) = text("authUrl") {
                    let post = text("authMethod") == Some("POST");
                    let own = json!({ "x-own": "yes" });
                    let headers = asked["authHeaders"].as_object().into_iter().chain(own.as_object()).flatten();
                    let headers = headers.map(|(name, value)| {
                        Ok((name.parse()?, value.as_str().unwrap_or_default().parse()?))
                    });
                    let headers = headers.collect::<Result<http::HeaderMap, Fault>>()?;
                    let url = AuthUrl::new(&self.artifact(kind, asked))?.auth_headers(headers);
                    options = options.auth_url(url.auth_method(if post { AuthMethod::Post } else { AuthMethod::Get }));
                }
                options
            }};
        }
        let callback = text("callback").map(|kind| (self.artifact(kind, asked), Arc::clone(calls)));
        let certificate = std::fs::read(std::env::var("CA")?)?;
        if self.face == "blocking" {
            let mut options = common!(ably_auth_blocking::ClientOptions);
            if let Some((url, calls)) = callback {
                options = options.auth_callback(move |_: &TokenParams| {
                    calls.fetch_add(1, Ordering::Relaxed);
                    fetch(&url)
                });
            }
            let roots = ureq::tls::RootCerts::new_with_certs(&[ureq::tls::Certificate::from_pem(&certificate)?]);
            let tls = ureq::tls::TlsConfig::builder().root_certs(roots).build();
            let agent = ureq::Agent::config_builder().tls_config(tls).build().new_agent();
            return Ok(Client::Blocking(ably_auth_blocking::Client::with_agent(options, agent)?));
        }
        let mut options = common!(ably_auth_reqwest::ClientOptions);
        if let Some((url, calls)) = callback {
            options = options.auth_callback(move |_: TokenParams| {
                calls.fetch_add(1, Ordering::Relaxed);
                let answer = fetch(&url);
                async { answer }
            });
        }
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .tls_certs_only([reqwest::Certificate::from_pem(&certificate)?]);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        Ok(Client::Reqwest(ably_auth_reqwest::Client::with_http(options, http.build()?)?, runtime))
    }

    /// Returns an argument with its placeholders replaced.
    fn filled(&self, arg: &Value, channel: &str) -> Value {
        let key = self.key(arg["of"].as_str().unwrap_or("root")).split(':').next().unwrap_or_default();
        let app_id = self.app["appId"].as_str().unwrap_or_default();
        let values = [("{app}", app_id), ("{key}", key), ("{channel}", channel)];
        let text = values.iter().fold(arg.to_string(), |text, (name, value)| text.replace(name, value));
        serde_json::from_str(&text).unwrap_or_default()
    }

    fn step(&mut self, client: &Client, channel: &str, name: &str, arg: &Value) -> Result<String, Fault> {
        let own = self.filled(arg, channel);
        let channel = encode(arg["channel"].as_str().unwrap_or(channel));
        let messages = format!("/channels/{channel}/messages");
        Ok(match name {
            "provision" => {
                let answer = send(client, "POST", "/apps", Some(arg))?;
                self.app = serde_json::from_slice(answer.body())?;
                describe(answer.status().as_u16(), &self.app, self.service)
            }
            "time" => {
                let time = ask!(client, it => it.auth().time())?;
                if time.abs_diff(now()) < 60_000 { "now" } else { "another time" }.into()
            }
            "requestToken" => details(&ask!(client, it => it.auth().request_token(&params(arg)?))?),
            "authorize" => details(&ask!(client, it => it.auth().authorize(&params(arg)?))?),
            "publish" => {
                let complete = |given: &Value| {
                    let mut message = json!({ "name": "n", "data": "d" });
                    for (name, value) in given.as_object().into_iter().flatten() {
                        message[name] = value.clone();
                    }
                    message
                };
                let several = arg["messages"].as_array().map(|all| all.iter().map(complete).collect());
                let body = several.map_or_else(|| complete(&arg["message"]), Value::Array);
                send(client, "POST", &messages, Some(&body)).map(|_| "ok".into())?
            }
            "history" => count(&list(client, &messages)?),
            "author" => list(client, &messages)?[0]["clientId"].as_str().unwrap_or("-").into(),
            "last" => reading::see(&list(client, &messages)?[0], &arg["see"]),
            "presence" => count(&list(client, &format!("/channels/{channel}/presence"))?),
            "presenceHistory" => count(&list(client, &format!("/channels/{channel}/presence/history"))?),
            "walk" => {
                let path = match own["path"].as_str() {
                    None => messages,
                    Some("stats") => "/stats".into(),
                    Some(path) => path.into(),
                };
                reading::walk(client, &path, &own["query"])?
            }
            "stats" if arg["see"].is_array() => {
                let path = format!("/stats?{}", reading::query(&arg["query"]));
                reading::see(&list(client, &path)?, &arg["see"])
            }
            "status" => {
                let answer = send(client, "GET", &format!("/channels/{channel}"), None)?;
                let status: Value = serde_json::from_slice(answer.body())?;
                if status["status"]["isActive"] == true { "active" } else { "inactive" }.into()
            }
            "stats" => {
                let intervals = list(client, "/stats?limit=1")?;
                let by_minute = intervals.as_array().into_iter().flatten().all(|interval| interval["unit"] == "minute");
                if by_minute { "ok" } else { "other" }.into()
            }
            "revoke" => {
                let own = arg["with"].as_str().map(|key| self.client(&json!({ "key": key }), &Arc::default()));
                let own = own.transpose()?;
                let targets: Result<Vec<_>, _> = arg["targets"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(|target| TokenRevocationTargetSpecifier::parse(target.as_str().unwrap_or_default()))
                    .collect();
                let request = RevokeTokensRequest::new(targets?);
                let batch = ask!(own.as_ref().unwrap_or(client), it => it.auth().revoke_tokens(&request))?;
                let each: Vec<_> = batch.results.iter().map(outcome).collect();
                format!("{}+{}: {}", batch.success_count, batch.failure_count, each.join(" "))
            }
            "ask" => reading::ask(client, &own)?,
            "sleep" => {
                std::thread::sleep(Duration::from_millis(arg.as_u64().unwrap_or_default()));
                ".".into()
            }
            _ => return Err(format!("no such step: {name}").into()),
        })
    }
}

fn encode(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

fn send(client: &Client, method: &str, path: &str, body: Option<&Value>) -> Result<Response<Bytes>, Fault> {
    let mut request = Request::builder().method(method).uri(path);
    if body.is_some() {
        request = request.header("content-type", "application/json");
    }
    self::request(client, request.body(body.map_or_else(Bytes::new, |body| body.to_string().into()))?)
}

fn request(client: &Client, request: Request<Bytes>) -> Result<Response<Bytes>, Fault> {
    Ok(ask!(client, it => it.request(request))?)
}

fn count(list: &Value) -> String {
    list.as_array().map_or(0, Vec::len).to_string()
}

fn list(client: &Client, path: &str) -> Result<Value, Fault> {
    Ok(serde_json::from_slice(send(client, "GET", path, None)?.body())?)
}

fn params(given: &Value) -> Result<TokenParams, Error> {
    let mut params = TokenParams::new();
    if let Some(ttl) = given["ttl"].as_u64() {
        params = params.ttl(Ttl::from_millis(ttl)?);
    }
    if let Some(capability) = given["capability"].as_str() {
        params = params.capability(capability);
    }
    if let Some(client_id) = given["clientId"].as_str() {
        params = params.client_id(client_id);
    }
    Ok(params)
}

fn details(details: &TokenDetails) -> String {
    let life = match (details.issued(), details.expires()) {
        (Some(issued), Some(expires)) => expires.millis_since(issued).to_string(),
        _ => "-".into(),
    };
    let client_id = details.client_id().as_str().unwrap_or("-");
    format!("{client_id} {} {life}", details.capability_text().unwrap_or("-"))
}

fn outcome(result: &TokenRevocationResult) -> String {
    match result {
        TokenRevocationResult::Success(_) => "ok".into(),
        TokenRevocationResult::Failure(failure) => {
            format!("{}/{}", failure.error.code().as_u32(), failure.error.status_code())
        }
    }
}

fn describe(status: u16, app: &Value, service: &str) -> String {
    let keys: Vec<&Value> = app["keys"].as_array().into_iter().flatten().collect();
    let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    let described: Vec<_> = keys
        .iter()
        .map(|key| text(&key["capability"]) + if key["revocableTokens"] == true { " revocable" } else { "" })
        .collect();
    let consistent = keys.iter().all(|key| {
        key["keyStr"] == format!("{}:{}", text(&key["keyName"]), text(&key["keySecret"]))
            && key["value"] == key["keySecret"]
            && key["keyName"] == format!("{}.{}", text(&app["appId"]), text(&key["id"]))
    });
    let scheme = if app["tls"] == true { "https" } else { "http" };
    let found = service == format!("{scheme}://{}:{}", text(&app["endpoint"]), app["port"]);
    let namespace = text(&app["namespaces"][0]["id"]);
    format!("{status}; {}; {namespace}; {}", described.join(", "), consistent && found && app["accountId"].is_string())
}

fn said(fault: Fault) -> String {
    match fault.downcast_ref::<Error>() {
        Some(error) => format!("{}/{}", error.ably_code().as_u32(), error.status_code()),
        None => fault.to_string(),
    }
}
