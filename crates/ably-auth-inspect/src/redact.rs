//! Redaction of secrets: values that have the form of a key or a token, and members whose name says so.

use std::borrow::Cow;

use ably_auth_core::jwt::has_jwt_form;
use ably_auth_core::{ApiKeyRef, KeyName};
use serde_json::Value;

/// The text that replaces a secret.
pub(crate) const PLACEHOLDER: &str = "[redacted]";

/// The minimum length of a secret in a value that has the form of a key. A shorter text is rather a clientId with colons.
const MIN_SECRET_BYTES: usize = 16;
/// The minimum length of the part of a native token after its dot. A shorter text is rather a name with a dot.
pub(crate) const MIN_TOKEN_BYTES: usize = 24;

/// Returns the letters and digits of a name in lower case.
pub(crate) fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

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
        Value::String(text) => words(text).into(),
        Value::Array(values) => values.iter().map(|value| self::value("", value)).collect(),
        Value::Object(members) => members.iter().map(|(name, value)| (words(name), self::value(name, value))).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// Replaces keys and tokens in a text by `[redacted]`: each word that has the form of a key with a long secret, of a native
/// token or of a JWT.
///
/// ```
/// let text = "unknown operation `app.key:a-secret-of-the-shop`";
/// assert_eq!(ably_auth_inspect::redact(text), "unknown operation `app.key:[redacted]`");
/// assert_eq!(ably_auth_inspect::redact("chat:room1"), "chat:room1");
/// ```
#[must_use]
pub fn redact(text: &str) -> Cow<'_, str> {
    // Shorter texts have neither, and most texts are shorter.
    if text.len() < MIN_SECRET_BYTES {
        return text.into();
    }
    let redacted = words(text);
    if redacted == text { text.into() } else { redacted.into() }
}

/// Redacts each word of `text` that has the form of a key or a token.
pub(crate) fn words(text: &str) -> String {
    let is_in_word = |c: char| c.is_ascii_alphanumeric() || "._-:=+/".contains(c);
    let mut redacted = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(is_in_word) {
        let (before, from_word) = rest.split_at(start);
        let (word, after) = from_word.split_at(from_word.find(|c| !is_in_word(c)).unwrap_or(from_word.len()));
        redacted.push_str(before);
        redacted.push_str(&self::text(word));
        rest = after;
    }
    redacted + rest
}

/// Returns true if the operations in the text of a capability, or anything in malformed JSON, have the form of a key or
/// a token. A resource may have the form of a key by chance.
pub(crate) fn is_in_capability(text: &str) -> bool {
    fn is_in_value(value: &Value) -> bool {
        match value {
            Value::String(text) => words(text) != *text,
            Value::Array(values) => values.iter().any(is_in_value),
            Value::Object(members) => members.values().any(is_in_value),
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }
    serde_json::from_str(text).map_or_else(|_| words(text) != text, |value| is_in_value(&value))
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

    #[test]
    fn words_of_a_text_are_redacted() {
        let text = "unknown operation `app.key:a-secret-of-the-shop`; write `appId.keyId:secret`";
        assert_eq!(words(text), "unknown operation `app.key:[redacted]`; write `appId.keyId:secret`");
    }

    #[test]
    fn resources_are_no_secrets() {
        assert!(!is_in_capability(r#"{"orders.eu:customer-notifications":["publish"]}"#));
        assert!(is_in_capability(r#"{"key":["app.key:a-secret-of-the-shop"]}"#));
        assert!(is_in_capability(r#"{"key":"app.key:a-secret-of-the-shop""#));
    }
}
