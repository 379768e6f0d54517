//! Apps that anybody can create and delete: in a sandbox only.

use ably_auth_core::{Capability, ErrorCode};
use http::StatusCode;
use http::header::HOST;
use http::uri::Authority;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::call::Call;
use super::lists::{AtMost, Object};
use super::reply::Reply;
use crate::apps::{self, App, Key};
use crate::error::Error;
use crate::policy::control;
use crate::raw::{RawList, RawValue};
use crate::refusal::Refusal;
use crate::state::registry::unknown_app;

const HTTP_PORT: u16 = 80;
const HTTPS_PORT: u16 = 443;

/// The maximum number of keys that one request creates.
const MAX_KEYS: usize = 100;

/// The maximum memory, in bytes, that an app's `namespaces` use; its `channels` have the same limit.
const MAX_SETTINGS: usize = 8 * 1024;

/// An upper bound of the size, in bytes, of a key in an answer, without its capability.
const MAX_KEY_SIZE: usize = 512;

/// The body of `POST /apps`. Unknown fields are ignored: test suites send fields that do not concern tokens.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewApp {
    #[serde(default = "one_key")]
    keys: AtMost<Object<NewKey>, MAX_KEYS>,
    #[serde(default)]
    namespaces: RawList,
    #[serde(default)]
    channels: RawList,
    #[serde(default)]
    revocation_by_channel: bool,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewKey {
    capability: Option<String>,
    revocable_tokens: Option<bool>,
}

fn one_key() -> AtMost<Object<NewKey>, MAX_KEYS> {
    AtMost(vec![Object(NewKey::default())])
}

pub(super) async fn create(call: &Call<'_>) -> Result<Reply, Refusal> {
    let Object(new_app): Object<NewApp> = call.read()?;
    if [&new_app.namespaces, &new_app.channels].into_iter().any(|list| list.0.size() > MAX_SETTINGS) {
        let message = "invalid app: `namespaces` or `channels` use more than 8 KiB; send fewer entries";
        return Err(Refusal::new(ErrorCode::BAD_REQUEST, message));
    }
    let mut app = App::new(&apps::random_id().map_err(failed)?)
        .map_err(failed)?
        .with_settings(new_app.namespaces.0, new_app.channels.0)
        .with_revocation_by_channel(new_app.revocation_by_channel);
    for Object(new_key) in new_app.keys.0 {
        let mut key = Key::new(apps::random_key(app.id()).map_err(failed)?)
            .with_revocable_tokens(new_key.revocable_tokens.unwrap_or(false));
        if let Some(capability) = &new_key.capability {
            key = key.with_capability(Capability::parse_strict(capability)?);
        }
        app = app.with_key(key).map_err(failed)?;
    }
    let app = app.created(call.now);
    call.note(|notes| notes.app = Some(app.id().to_owned()));
    let keys_size = app.keys().len().saturating_mul(MAX_KEY_SIZE);
    call.reserve_answer(call.max_echo_size().saturating_add(keys_size))?;
    control::add_app(call.state, &app, call.now).await?;
    call.note(|notes| notes.secrets = Some(app.keys().len() > 0));
    call.reply(StatusCode::CREATED, &CreatedApp::of(&app, call))
}

/// The app with its keys' secrets, which no later response contains.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CreatedApp<'a> {
    app_id: &'a str,
    account_id: &'a str,
    keys: Vec<Value>,
    namespaces: &'a RawValue,
    channels: &'a RawValue,
    endpoint: String,
    port: u16,
    tls: bool,
}

impl<'a> CreatedApp<'a> {
    fn of(app: &'a App, call: &Call<'_>) -> Self {
        let (namespaces, channels) = app.settings();
        let (endpoint, port) = address(call);
        Self {
            app_id: app.id(),
            account_id: app.account_id(),
            keys: app.keys().map(describe_key).collect(),
            namespaces,
            channels,
            endpoint,
            port,
            tls: call.is_tls(),
        }
    }
}

fn describe_key(key: &Key) -> Value {
    let (name, secret) = (key.name(), key.api_key().secret().expose());
    json!({
        "id": name.key_id(),
        "value": secret,
        "keyName": name.as_str(),
        "keySecret": secret,
        "keyStr": format!("{name}:{secret}"),
        "capability": key.capability(),
        "revocableTokens": key.revocable_tokens(),
    })
}

/// Returns the host and port by which the client reached this service.
fn address(call: &Call<'_>) -> (String, u16) {
    let authority = call.parts.uri.authority().cloned();
    let authority = authority.or_else(|| call.header(HOST.as_str())?.parse::<Authority>().ok());
    let default_port = if call.is_tls() { HTTPS_PORT } else { HTTP_PORT };
    match (authority, call.arrival.map(|arrival| arrival.local)) {
        (Some(authority), _) => (authority.host().into(), authority.port_u16().unwrap_or(default_port)),
        (None, Some(local)) => (local.ip().to_string(), local.port()),
        (None, None) => ("localhost".into(), default_port),
    }
}

pub(super) async fn delete(call: &Call<'_>, app_id: &str) -> Result<Reply, Refusal> {
    let principal = call.principal().await?;
    if !principal.is_key_holder() {
        let message = "a token cannot delete an app; use one of the app's keys";
        return Err(Refusal::new(ErrorCode::BASIC_AUTH_NEEDED, message));
    }
    if call.state.registry.app(app_id).is_none() {
        return Err(unknown_app(&app_id.escape_debug().to_string()));
    }
    if principal.app.app.id() != app_id {
        return Err(Refusal::new(ErrorCode::FORBIDDEN, "the key belongs to another app; use one of the app's keys"));
    }
    control::remove_app(call.state, app_id, call.now).await?;
    Ok(Reply::empty())
}

fn failed(_: Error) -> Refusal {
    Refusal::internal()
}
