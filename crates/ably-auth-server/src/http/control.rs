//! The Control API over HTTP: JSON bodies, and errors in its own format.

use ably_auth_core::{Capability, ErrorCode, Timestamp, Token};
use http::header::AUTHORIZATION;
use http::{Method, StatusCode};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::Serializer as _;
use serde_json::{Value, json};

use super::call::Call;
use super::format::Format;
use super::lists::Object;
use super::reply::Reply;
use super::route;
use crate::apps::control_token::{self, ControlToken};
use crate::apps::{App, Key};
use crate::policy::control::{self, KeyChanges};
use crate::refusal::Refusal;

/// Returns true if the request is for a path of the Control API, and the API is enabled.
pub(super) fn is_control_request(call: &Call<'_>) -> bool {
    !call.state.control_tokens.is_empty() && call.parts.uri.path().starts_with("/v1/")
}

pub(super) fn error_reply(refusal: &Refusal) -> Reply {
    let info = refusal.info();
    let body = json!({
        "message": info.message(),
        "code": info.code().as_u32(),
        "statusCode": info.status_code(),
        "href": info.href(),
    });
    Reply::error_with_body(refusal, &body, Format::Json)
}

pub(super) async fn dispatch(call: &Call<'_>) -> Result<Reply, Refusal> {
    let path = call.parts.uri.path().strip_prefix("/v1/").unwrap_or_default();
    let segments: Vec<_> = path.splitn(6, '/').map(route::decode).collect::<Result<_, _>>()?;
    let segments: Vec<&str> = segments.iter().map(|segment| &**segment).collect();
    let methods = match segments.as_slice() {
        ["apps", _] => "DELETE, OPTIONS",
        ["apps", _, "keys", _, "revoke"] => "POST, OPTIONS",
        ["accounts", _, "apps"] | ["apps", _, "keys"] => "GET, HEAD, POST, OPTIONS",
        ["apps", _, "keys", _] => "PATCH, OPTIONS",
        _ => "",
    };
    if call.parts.method == Method::OPTIONS && !methods.is_empty() {
        return Ok(Reply::options(methods));
    }
    let token = authenticate(call)?;
    let with_secrets = check_scope(call, token)?;
    let (state, now) = (call.state, call.now);
    let method = if call.parts.method == Method::HEAD { &Method::GET } else { &call.parts.method };
    match (method.as_str(), segments.as_slice()) {
        ("GET", ["accounts", account_id, "apps"]) => {
            let apps = control::apps(state, account_id, now).await?;
            call.note(|notes| notes.count = u64::try_from(apps.len()).ok());
            let apps: Vec<_> = apps.iter().map(|running| describe_app(&running.app)).collect();
            Reply::new(StatusCode::OK, &apps, Format::Json)
        }
        ("POST", ["accounts", account_id, "apps"]) => create_app(call, account_id).await,
        ("DELETE", ["apps", app_id]) => {
            control::delete_app(state, app_id, now).await?;
            Ok(Reply::empty())
        }
        ("GET", ["apps", app_id, "keys"]) => {
            let keys = control::keys(state, app_id, now).await?;
            let keys: Vec<_> = keys.iter().map(|key| describe(key, with_secrets)).collect();
            call.note(|notes| {
                notes.count = u64::try_from(keys.len()).ok();
                notes.secrets = Some(with_secrets);
            });
            Reply::new(StatusCode::OK, &keys, Format::Json)
        }
        ("POST", ["apps", app_id, "keys"]) => {
            let Object(NewKey { name, capability: CapabilityObject(capability), revocable_tokens }) = call.read()?;
            let changes = KeyChanges { name: Some(name), capability: Some(strict(&capability)?), revocable_tokens };
            call.reserve_answer(call.max_echo_size())?;
            let key = control::create_key(state, app_id, changes, now).await?;
            note_key(call, &key, true);
            Reply::new(StatusCode::CREATED, &describe(&key, true), Format::Json)
        }
        ("PATCH", ["apps", app_id, "keys", key_id]) => {
            let Object(ChangedKey { name, capability, revocable_tokens }) = call.read()?;
            let capability = capability.map(|CapabilityObject(text)| strict(&text)).transpose()?;
            let changes = KeyChanges { name, capability, revocable_tokens };
            call.reserve_answer(call.max_echo_size())?;
            let key = control::change_key(state, (app_id, key_id), changes, now).await?;
            note_key(call, &key, with_secrets);
            Reply::new(StatusCode::OK, &describe(&key, with_secrets), Format::Json)
        }
        ("POST", ["apps", app_id, "keys", key_id, "revoke"]) => {
            call.reserve_answer(call.max_echo_size())?;
            let key = control::revoke_key(state, (app_id, key_id), now).await?;
            note_key(call, &key, with_secrets);
            Reply::new(StatusCode::OK, &describe(&key, with_secrets), Format::Json)
        }
        _ if methods.is_empty() => Err(route::not_found()),
        _ => Err(Refusal::method_not_allowed(methods)),
    }
}

/// Returns the configured control token that the request carries, or refuses the request.
fn authenticate<'a>(call: &Call<'a>) -> Result<&'a ControlToken, Refusal> {
    if !call.may_hold_keys() {
        let message =
            "an access token or a key must not be sent without TLS; serve with TLS, or as a sandbox on loopback";
        return Err(Refusal::new(ErrorCode::BASIC_AUTH_WITHOUT_TLS, message));
    }
    let mut headers = call.parts.headers.get_all(AUTHORIZATION).iter();
    let sent = headers.next().and_then(|header| header.to_str().ok()?.split_once(' '));
    let sent = sent.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer") && headers.next().is_none());
    let sent = sent.and_then(|(_, token)| Token::new(token.trim()).ok());
    if let Some(token) = sent.and_then(|sent| control_token::find(&call.state.control_tokens, &sent)) {
        call.note(|notes| notes.actor = Some(token.name().to_owned()));
        return Ok(token);
    }
    let message = "the request has no valid access token of the Control API; send it as `Authorization: Bearer …`";
    Err(Refusal::new(ErrorCode::INVALID_CREDENTIALS, message))
}

/// Refuses a request that the token does not permit. Returns true if the response must contain the secrets of keys.
fn check_scope(call: &Call<'_>, token: &ControlToken) -> Result<bool, Refusal> {
    if token.is_read_only() && !matches!(call.parts.method, Method::GET | Method::HEAD) {
        let message = "the control token is read-only; use a control token that may make changes";
        return Err(Refusal::new(ErrorCode::FORBIDDEN, message));
    }
    match call.query("secrets").as_deref() {
        None | Some("false") => Ok(false),
        Some("true") if token.is_read_only() => {
            let message = "a read-only control token must not read secrets; leave out `secrets`, or use another token";
            Err(Refusal::new(ErrorCode::FORBIDDEN, message))
        }
        Some("true") => Ok(true),
        Some(_) => {
            let message = "invalid `secrets`: it is neither `true` nor `false`; use one of them, or leave it out";
            Err(Refusal::new(ErrorCode::BAD_REQUEST, message))
        }
    }
}

fn note_key(call: &Call<'_>, key: &Key, with_secret: bool) {
    call.note(|notes| {
        notes.key = Some(key.name().clone());
        notes.secrets = Some(with_secret);
    });
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewApp {
    name: String,
    status: Option<String>,
    tls_only: Option<bool>,
}

async fn create_app(call: &Call<'_>, account_id: &str) -> Result<Reply, Refusal> {
    let Object(NewApp { name, status, tls_only }) = call.read()?;
    if status.is_some_and(|status| status != "enabled") || tls_only == Some(true) {
        let message =
            "invalid app: `status` and `tlsOnly` cannot be set, since TLS is a setting of the service; leave them out";
        return Err(Refusal::new(ErrorCode::BAD_REQUEST, message));
    }
    let app = control::create_app(call.state, account_id, &name, call.now).await?;
    call.note(|notes| notes.app = Some(app.id().to_owned()));
    Reply::new(StatusCode::CREATED, &describe_app(&app), Format::Json)
}

fn describe_app(app: &App) -> Value {
    let created = app.given_created().unwrap_or(Timestamp::from_millis(0));
    json!({
        "id": app.id(),
        "accountId": app.account_id(),
        "name": app.label(),
        "status": "enabled",
        "tlsOnly": false,
        "created": created,
        "modified": created,
    })
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewKey {
    name: String,
    capability: CapabilityObject,
    revocable_tokens: Option<bool>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ChangedKey {
    name: Option<String>,
    capability: Option<CapabilityObject>,
    revocable_tokens: Option<bool>,
}

/// The JSON text of a capability that the body contains as an object. A duplicate resource is kept, so that the parser
/// can refuse it.
struct CapabilityObject(String);

impl<'de> Deserialize<'de> for CapabilityObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Resources;

        impl<'de> Visitor<'de> for Resources {
            type Value = Vec<(String, Vec<String>)>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object of resources, each with a list of operations")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut resources = Vec::new();
                while let Some(resource) = map.next_entry()? {
                    resources.push(resource);
                }
                Ok(resources)
            }
        }

        let resources = deserializer.deserialize_map(Resources)?;
        let mut text = Vec::new();
        serde_json::Serializer::new(&mut text).collect_map(resources).map_err(serde::de::Error::custom)?;
        String::from_utf8(text).map(Self).map_err(serde::de::Error::custom)
    }
}

fn strict(capability: &str) -> Result<Capability, Refusal> {
    Ok(Capability::parse_strict(capability)?)
}

/// Returns the description of a key. It contains the secret only if `with_secret` is true.
fn describe(key: &Key, with_secret: bool) -> Value {
    let (name, (created, modified)) = (key.name(), key.times());
    let mut described = json!({
        "appId": name.app_id(),
        "id": name.key_id(),
        "name": key.label(),
        "status": u8::from(!key.is_enabled()),
        "capability": serde_json::from_str::<Value>(&key.capability().to_string()).unwrap_or_default(),
        "revocableTokens": key.revocable_tokens(),
        "created": created,
        "modified": modified,
    });
    if let Some(fields) = described.as_object_mut().filter(|_| with_secret) {
        fields.insert("key".into(), format!("{name}:{}", key.api_key().secret().expose()).into());
    }
    described
}
