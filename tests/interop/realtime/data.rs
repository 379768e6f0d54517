//! The data of messages, as SDKs write and read it: `encoding` says what text stands for.

use ably_auth::connection::{Format, Value};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Returns the data that a case names, or else the name as text.
pub(super) fn named(name: &str) -> Value {
    match name {
        "text" => "grüße".into(),
        "object" => object(),
        "bytes" => Value::Binary(vec![0, 1, 255]),
        other => other.into(),
    }
}

fn object() -> Value {
    let inner = Value::map([("b", Value::Null)]);
    Value::map([("a", Value::List(vec![1_u64.into(), inner]))])
}

/// Sets the data of a message.
pub(super) fn encode(message: &mut Value, data: Value, format: Format) {
    let Value::Map(fields) = message else { return };
    let encoding = match (&data, format) {
        (Value::Binary(_), Format::Json) => Some("base64"),
        (Value::Map(_) | Value::List(_), _) => Some("json"),
        _ => None,
    };
    let data = match encoding {
        Some("json") => serde_json::to_string(&data).unwrap_or_default().into(),
        _ => data,
    };
    fields.insert("data".into(), data);
    fields.extend(encoding.map(|encoding| ("encoding".into(), encoding.into())));
}

/// Decodes the data of a received message.
pub(super) fn decode(message: &mut Value) {
    let Value::Map(fields) = message else { return };
    let Some(Value::Text(encoding)) = fields.remove("encoding") else { return };
    let Some(mut data) = fields.remove("data") else { return };
    for step in encoding.rsplit('/') {
        data = match (step, data) {
            ("base64", Value::Text(text)) => STANDARD.decode(&text).map_or(Value::Text(text), Value::Binary),
            ("json", Value::Text(text)) => serde_json::from_str(&text).unwrap_or(Value::Text(text)),
            ("utf-8", Value::Binary(bytes)) => Value::Text(String::from_utf8_lossy(&bytes).into_owned()),
            (_, data) => data,
        };
    }
    fields.insert("data".into(), data);
}
