//! The six lines of a token request's canonical text.

use ably_auth_core::{ApiKey, TokenRequest};
use serde_json::Value;

use super::explanation::{MacExplanation, MacLine};
use crate::redact;

/// The names of the lines, in their order.
pub(super) const FIELDS: [&str; 6] = ["keyName", "ttl", "capability", "clientId", "timestamp", "nonce"];
pub(super) const TTL: usize = 1;
pub(super) const CAPABILITY: usize = 2;
pub(super) const CLIENT_ID: usize = 3;
pub(super) const TIMESTAMP: usize = 4;
pub(super) const NONCE: usize = 5;

/// The values of a token request's lines.
pub(super) type Lines = [String; 6];

/// A token request as it was received.
pub(super) struct Received {
    values: [Option<Value>; 6],
    pub(super) mac: Option<String>,
    /// The lines that the service signs.
    pub(super) lines: Lines,
}

impl Received {
    pub(super) fn of(request: &TokenRequest) -> Self {
        let mut json = serde_json::to_value(request).unwrap_or_default();
        let mut take = |name: &str| json.get_mut(name).map(Value::take).filter(|value| !value.is_null());
        let mac = take("mac").and_then(|mac| mac.as_str().map(Into::into));
        let values = FIELDS.map(&mut take);
        let lines =
            [0, 1, 2, 3, 4, 5].map(|at: usize| values.get(at).and_then(Option::as_ref).map_or_else(String::new, line));
        Self { values, mac, lines }
    }

    /// Returns true if the field was not in the request.
    pub(super) fn is_absent(&self, field: usize) -> bool {
        self.values.get(field).is_none_or(Option::is_none)
    }

    /// Returns the lines for display: with secrets redacted, next to the lines that the sender signed, if they are known.
    pub(super) fn shown(&self, signed: Option<&Lines>, key: &ApiKey) -> MacExplanation {
        let fields = FIELDS.into_iter().zip(&self.values).zip(&self.lines).enumerate();
        let lines: Vec<_> = fields
            .map(|(at, ((field, value), text))| {
                let received = value.as_ref().map(literal);
                let signed = signed.and_then(|lines| lines.get(at)).filter(|signed| *signed != text);
                let differs = signed.is_some() || received.as_deref().is_some_and(|received| received != text);
                let hide = |text: &str| hide(field, text, key);
                MacLine {
                    field,
                    text: hide(text),
                    received: received.as_deref().map(hide),
                    signed: signed.map(|signed| hide(signed)),
                    differs,
                }
            })
            .collect();
        let text = canonical(lines.iter().map(|line| &line.text));
        MacExplanation { lines, text, cause: None }
    }
}

/// Returns the text that the service signs for a value.
fn line(value: &Value) -> String {
    match value {
        // Not the JSON of the number, which may have an exponent.
        Value::Number(number) if number.is_f64() => number.as_f64().unwrap_or_default().to_string(),
        value => literal(value),
    }
}

fn literal(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), Into::into)
}

/// The minimum length of a secret that is searched for in values. A shorter text occurs by chance.
const MIN_SEARCHED_BYTES: usize = 8;

fn hide(field: &str, text: &str, key: &ApiKey) -> String {
    let secret = key.secret().expose();
    let text = if secret.len() >= MIN_SEARCHED_BYTES { text.replace(secret, redact::PLACEHOLDER) } else { text.into() };
    if field == "keyName" { redact::key_name(&text).into() } else { redact::words(&text) }
}

/// Returns the canonical text of lines: each is followed by a line feed.
pub(super) fn canonical<T: AsRef<str>>(lines: impl IntoIterator<Item = T>) -> String {
    lines.into_iter().fold(String::new(), |text, line| text + line.as_ref() + "\n")
}
