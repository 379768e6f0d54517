//! `ably-auth key`

use ably_auth::KeyName;
use http::Method;
use serde_json::{Map, Value, json};

use super::control::{self, Control};
use super::generate;
use crate::args::{self, Key};
use crate::draw::printable;
use crate::input;
use crate::output::{Failure, Outcome};
use crate::prompt;

pub(crate) fn run(command: Key) -> Result<Outcome, Failure> {
    match command {
        Key::Inspect(key) => inspect(key),
        Key::Generate { app_id, key_id } => generate::run(&app_id, key_id.as_deref()),
        Key::Create { app_id, name, capability, revocable_tokens, control } => {
            let app_id = control::id("the app id", &app_id)?;
            let mut asked = changes(Some(&name), Some(&capability))?;
            asked.insert("revocableTokens".into(), revocable_tokens.into());
            let control = Control::new(&control)?;
            let key = control.call(Method::POST, &["apps", app_id, "keys"], Some(&asked.into()))?;
            Ok(Outcome::yes(printable(control::text(&key, "key")), &key))
        }
        Key::List { app_id, control } => {
            let app_id = control::id("the app id", &app_id)?;
            let keys = Control::new(&control)?.call(Method::GET, &["apps", app_id, "keys"], None)?;
            let keys: Vec<_> = keys.as_array().into_iter().flatten().map(without_secret).collect();
            let lines: Vec<_> = keys.iter().map(line).collect();
            Ok(Outcome::yes(lines.join("\n"), &Value::Array(keys)))
        }
        Key::Update { key_name, name, capability, revocable_tokens, control } => {
            let mut asked = changes(name.as_deref(), capability.as_deref())?;
            asked.extend(revocable_tokens.map(|revocable| ("revocableTokens".into(), revocable.into())));
            if asked.is_empty() {
                let problem = "no change is given; give --name, --capability or --revocable-tokens";
                return Err(Failure::Input(problem.into()));
            }
            request(&control, Method::PATCH, &key_name, &[], Some(&asked.into()))
        }
        Key::Revoke { key_name, yes, control } => {
            let question = format!("revoke the key {} and every token made from it permanently?", printable(&key_name));
            if !yes && !prompt::confirm(&question)? {
                return Err(Failure::Input("not confirmed, so nothing was revoked; answer `y`, or give --yes".into()));
            }
            request(&control, Method::POST, &key_name, &["revoke"], None)
        }
    }
}

fn inspect(key: args::KeyArg) -> Result<Outcome, Failure> {
    let key = input::key(key)?;
    let name = key.key_name();
    let characters = key.secret().expose().chars().count();
    let text = format!(
        "key name  {name}\napp id    {}\nkey id    {}\nsecret    {characters} characters, not shown",
        name.app_id(),
        name.key_id(),
    );
    Ok(Outcome::yes(text, &json!({ "keyName": name, "appId": name.app_id(), "keyId": name.key_id() })))
}

/// Sends a request about one key, and shows the key from the response.
fn request(
    control: &args::Control,
    method: Method,
    key_name: &str,
    more: &[&str],
    body: Option<&Value>,
) -> Result<Outcome, Failure> {
    let name = KeyName::parse(key_name).map_err(|error| Failure::input("the key's name", error))?;
    let path = [&["apps", name.app_id(), "keys", name.key_id()], more].concat();
    let key = without_secret(&Control::new(control)?.call(method, &path, body)?);
    Ok(Outcome::yes(line(&key), &key))
}

fn changes(name: Option<&str>, capability: Option<&str>) -> Result<Map<String, Value>, Failure> {
    let mut asked = Map::new();
    asked.extend(name.map(|name| ("name".into(), name.into())));
    if let Some(text) = capability {
        let capability = input::capability("--capability", text)?.to_string();
        let object = serde_json::from_str(&capability).map_err(|error| Failure::input("--capability", error))?;
        asked.insert("capability".into(), object);
    }
    Ok(asked)
}

fn without_secret(key: &Value) -> Value {
    let mut key = key.clone();
    if let Some(key) = key.as_object_mut() {
        key.remove("key");
    }
    key
}

/// Formats a key as a line: its name, state, capability and display name.
fn line(key: &Value) -> String {
    let text = |name| control::text(key, name);
    let state = if key.get("status").is_some_and(|status| *status == 0) { "enabled" } else { "revoked" };
    let revocable = if key.get("revocableTokens") == Some(&Value::Bool(true)) { ", revocable tokens" } else { "" };
    let capability = key.get("capability").unwrap_or(&Value::Null);
    printable(&format!("{}.{}  {state}{revocable}  {capability}  {}", text("appId"), text("id"), text("name")))
}
