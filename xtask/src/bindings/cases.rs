//! The test vectors as lines, for programs in languages without a JSON parser.
//!
//! Each line is a case: its kind, and its fields in hexadecimal, separated by tabs; `-` is an absent field.

use std::path::Path;

use serde_json::Value;

use super::folders::VECTORS;
use crate::Result;
use crate::files::read;

/// The fields of a token request, in the order of the wire.
const REQUEST: [&str; 7] = ["keyName", "ttl", "capability", "clientId", "timestamp", "nonce", "mac"];
/// The claims of a JWT that the C library mints.
const CLAIMS: [&str; 4] = ["capability", "clientId", "ttl", "timestamp"];

/// Returns the cases that the C library can run.
pub(super) fn lines() -> Result<String> {
    let capabilities = vectors("capabilities.json")?;
    let credentials = vectors("credentials.json")?;
    let mut lines = Vec::new();
    for case in cases(&credentials, "keys")? {
        lines.push(line("key", &[&case["text"], &case["keyName"]]));
    }
    for case in cases(&credentials, "refusedKeys")? {
        lines.push(refused("refused-key", case));
    }
    for case in cases(&credentials, "tokenRequests")? {
        let (params, request) = (&case["params"], &case["request"]);
        let values = REQUEST.iter().filter(|name| !request[*name].is_null());
        let json: Vec<String> = values.map(|name| format!("\"{name}\":{}", request[*name])).collect();
        let json = Value::from(format!("{{{}}}", json.join(",")));
        let [capability, client_id, ttl, timestamp] = CLAIMS.map(|name| &params[name]);
        let fields = [&case["key"], capability, client_id, ttl, timestamp, &params["nonce"], &json];
        lines.push(line("request", &fields));
    }
    for case in cases(&credentials, "jwts")? {
        let claims = &case["claims"];
        if claims.as_object().is_some_and(|claims| claims.keys().all(|name| CLAIMS.contains(&name.as_str()))) {
            let [capability, client_id, ttl, timestamp] = CLAIMS.map(|name| &claims[name]);
            lines.push(line("jwt", &[&case["key"], capability, client_id, ttl, timestamp, &case["jwt"]]));
        }
    }
    for case in cases(&capabilities, "permits")? {
        let permitted = Value::from(u8::from(case["permitted"] == Value::Bool(true)));
        lines.push(line("permits", &[&case["capability"], &case["operation"], &case["channel"], &permitted]));
    }
    for case in cases(&capabilities, "errors")? {
        lines.push(refused("refused-capability", case));
    }
    Ok(lines.concat())
}

fn refused(kind: &str, case: &Value) -> String {
    line(kind, &[&case["text"], &case["code"], &case["place"], &case["message"]])
}

fn line(kind: &str, fields: &[&Value]) -> String {
    let fields = fields.iter().map(|field| match field {
        Value::Null => "\t-".to_owned(),
        Value::String(text) => format!("\t{}", hex(text)),
        other => format!("\t{}", hex(&other.to_string())),
    });
    format!("{kind}{}\n", fields.collect::<String>())
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn vectors(file: &str) -> Result<Value> {
    let text = read(&Path::new(VECTORS).join(file))?;
    serde_json::from_str(&text).map_err(|error| format!("cannot read `{VECTORS}/{file}`: {error}").into())
}

/// Returns the cases of a list, of which there must be some.
fn cases<'a>(vectors: &'a Value, list: &str) -> Result<&'a Vec<Value>> {
    let cases = vectors[list].as_array().filter(|cases| !cases.is_empty());
    cases.ok_or_else(|| format!("the vectors have no `{list}`").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_field_differs_from_empty_text() {
        assert_eq!(
            line("key", &[&Value::Null, &Value::from(""), &Value::from("a\t"), &Value::from(7)]),
            "key\t-\t\t6109\t37\n"
        );
    }
}
