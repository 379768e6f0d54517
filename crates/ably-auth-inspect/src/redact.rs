//! Redaction of secrets: values that have the form of a key or a token, and members whose name says so.

use std::borrow::Cow;

use ably_auth_core::jwt::has_jwt_form;
use ably_auth_core::{ApiKeyRef, KeyName};
use serde_json::Value;

use crate::lenient::plain;

/// The text that replaces a secret.
pub(crate) const PLACEHOLDER: &str = "[redacted]";

/// The minimum length of a secret in a value that has the form of a key. A shorter text is rather a clientId with colons.
const MIN_SECRET_BYTES: usize = 16;
/// The minimum length of the part of a native token after its dot. A shorter text is rather a name with a dot.
pub(crate) const MIN_TOKEN_BYTES: usize = 24;

/// Returns true if the claim, header field or member `name` may contain a token.
fn is_secret(name: &str) -> bool {
    plain(name).contains("token")
}

/// Redacts `text` if it has the form of a key or a token.
pub(crate) fn text(text: &str) -> Cow<'_, str> {
    if let Ok(key) = ApiKeyRef::parse(text) {
        let name = key.key_name();
        let is_long = text.len().saturating_sub(name.len()) > MIN_SECRET_BYTES;
        return if is_long { format!("{name}:{PLACEHOLDER}").into() } else { text.into() };
    }
    let is_jwt = text.starts_with("eyJ") && has_jwt_form(text);
    if is_jwt || is_native_token(text) { PLACEHOLDER.into() } else { text.into() }
}

/// Returns true if `text` has the form of a native token, and is longer than usual names.
pub(crate) fn is_native_token(text: &str) -> bool {
    text.split_once('.').is_some_and(|(app_id, rest)| {
        rest.len() >= MIN_TOKEN_BYTES
            && !app_id.is_empty()
            && [app_id, rest]
                .iter()
                .all(|part| part.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-=+/".contains(&b)))
    })
}

/// Redacts the name of a key that was sent as a whole key.
pub(crate) fn key_name(text: &str) -> Cow<'_, str> {
    match text.split_once(':') {
        Some((name, _)) if KeyName::parse(name).is_ok() => format!("{name}:{PLACEHOLDER}").into(),
        Some(_) => PLACEHOLDER.into(),
        None => text.into(),
    }
}

/// Redacts the value of the member `name`, at any depth.
pub(crate) fn value(name: &str, value: &Value) -> Value {
    match value {
        _ if is_secret(name) => PLACEHOLDER.into(),
        Value::String(text) if name == "kid" => key_name(text).into(),
        Value::String(text) => self::text(text).into(),
        Value::Array(values) => values.iter().map(|value| self::value("", value)).collect(),
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), self::value(name, value))).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_and_tokens_are_redacted_at_any_depth() {
        let sent = json!({
            "kid": "app.key:short",
            "accessToken": 1,
            "sub": "user.bob:7",
            "deep": [{ "key": "app.key:a-secret-of-the-shop" }, "shop.AbCdEfGhIjKlMnOpQrStUvWxYz", "eyJ.e30.c2ln"],
        });
        let shown = json!({
            "kid": "app.key:[redacted]",
            "accessToken": "[redacted]",
            "sub": "user.bob:7",
            "deep": [{ "key": "app.key:[redacted]" }, "[redacted]", "[redacted]"],
        });
        assert_eq!(value("", &sent), shown);
    }
}
