//! The options of a scenario.
//!
//! | option | |
//! | --- | --- |
//! | `key` | true: Basic authentication with a key; no token source |
//! | `key` and `useTokenAuth` | true: token requests, and the token source is the service that exchanges them |
//! | `authUrl` | true: the token source is an auth URL, otherwise it is an auth callback |
//! | `token` | the first token; without `renewable: true`, there is no token source |
//! | `clientId`, `endpoint`, `fallbackHosts` | options of the client; by default Ably's endpoint without fallbacks, and `"default"` stands for the default fallbacks |
//! | `autoConnect` | true: the first `connect` is that of the connection itself |
//! | `echo`, `format`, `recover`, `transportParams` | settings of the connection |
//! | `realtimeRequestTimeout`, `disconnectedRetryTimeout`, `suspendedRetryTimeout`, `connectionStateTtl` | times such as `"10s"` |

use std::sync::Arc;

use ably_auth::connection::{ConnectionSettings, Format, RecoveryKey};
use ably_auth::{Async, AuthUrl, ClientOptions, Token};
use serde_json::Value;

use crate::scenario::duration;
use crate::world::{Source, World, secret};

/// The text of the key of scenarios.
pub(crate) const KEY: &str = "app.key:secret-value";

const KNOWN: &[&str] = &[
    "key",
    "authUrl",
    "useTokenAuth",
    "token",
    "renewable",
    "clientId",
    "endpoint",
    "fallbackHosts",
    "autoConnect",
    "echo",
    "format",
    "recover",
    "transportParams",
    "realtimeRequestTimeout",
    "disconnectedRetryTimeout",
    "suspendedRetryTimeout",
    "connectionStateTtl",
];

/// Returns the options of the client.
pub(crate) fn client(options: &Value, world: &Arc<World>) -> ClientOptions<Async> {
    if let Some(names) = options.as_object() {
        let unknown: Vec<_> = names.keys().filter(|name| !KNOWN.contains(&name.as_str())).collect();
        assert!(unknown.is_empty(), "unknown options: {unknown:?}");
    }
    let mut client = ClientOptions::<Async>::new().clock(world.clocks.clone()).random(Arc::new(|| [0; 16]));
    let given = options["token"].as_str();
    if options["key"].as_bool() == Some(true) {
        client = client.key(KEY).use_token_auth(options["useTokenAuth"].as_bool() == Some(true));
    } else if options["authUrl"].as_bool() == Some(true) {
        client = client.auth_url(AuthUrl::new("https://auth.example.com/token").unwrap());
    } else if given.is_none() || options["renewable"].as_bool() == Some(true) {
        client = client.auth_callback(Source(Arc::clone(world)));
    }
    if let Some(name) = given {
        client = client.token(Token::new(&secret(name)).unwrap());
    }
    if let Some(client_id) = options["clientId"].as_str() {
        client = client.client_id(client_id);
    }
    if let Some(endpoint) = options["endpoint"].as_str() {
        client = client.endpoint(endpoint);
    }
    match &options["fallbackHosts"] {
        Value::String(_) => client,
        hosts => client.fallback_hosts(hosts.as_array().into_iter().flatten().filter_map(Value::as_str)),
    }
}

/// Returns the settings of the connection.
pub(crate) fn settings(options: &Value) -> ConnectionSettings {
    let time = |name: &str| options[name].as_str().map(|text| duration(text).unwrap());
    let mut settings = ConnectionSettings::new();
    if let Some(echo) = options["echo"].as_bool() {
        settings = settings.echo(echo);
    }
    if options["format"] == "json" {
        settings = settings.format(Format::Json);
    }
    match &options["recover"] {
        Value::Null => {}
        Value::String(text) => settings = settings.recover(text),
        json => {
            let mut json = json.clone();
            json["connectionKey"] = secret(json["connectionKey"].as_str().unwrap()).into();
            settings = settings.recover(RecoveryKey::parse(&json.to_string()).unwrap().to_text());
        }
    }
    for (name, value) in options["transportParams"].as_object().into_iter().flatten() {
        settings = settings.transport_param(name, value.as_str().unwrap());
    }
    if let Some(timeout) = time("realtimeRequestTimeout") {
        settings = settings.realtime_request_timeout(timeout);
    }
    if let Some(timeout) = time("disconnectedRetryTimeout") {
        settings = settings.disconnected_retry_timeout(timeout);
    }
    if let Some(timeout) = time("suspendedRetryTimeout") {
        settings = settings.suspended_retry_timeout(timeout);
    }
    if let Some(ttl) = time("connectionStateTtl") {
        settings = settings.connection_state_ttl(ttl);
    }
    settings
}
