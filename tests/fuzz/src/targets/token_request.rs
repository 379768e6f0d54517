//! Token requests in JSON and in MessagePack. One verifies only if its mac is right by another library, for a text that a
//! sender may sign. A request that was read is written as it was; so are token details.
//!
//! The first byte selects the format, and can give the request the right mac.

use ably_auth_core::{ApiKey, Capability, TokenDetails, TokenRequest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::memory::Bound;
use crate::{SECRET, hmac};

const MEMORY: Bound = Bound { fixed: 8 * 1024, factor: 64 };

pub fn run(data: &[u8]) {
    let Some((mode, rest)) = data.split_first() else { return };
    match mode % 4 {
        0 => {
            check_reader(rest);
            drop(MEMORY.check(rest.len(), || serde_json::from_slice(rest)).map(|request| judge(&request)));
        }
        1 => drop(MEMORY.check(rest.len(), || rmp_serde::from_slice(rest)).map(|request| judge(&request))),
        2 => sign_and_judge(rest),
        _ => check_details(rest),
    }
}

/// Checks that the reader for what SDKs write reads the same as serde_json.
fn check_reader(json: &[u8]) {
    let read = MEMORY.check(json.len(), || TokenRequest::from_json_known_fields(json));
    let read = read.map_err(|error| error.to_string());
    let mut reader = serde_json::Deserializer::from_slice(json);
    let expected = TokenRequest::deserialize_known_fields(&mut reader)
        .and_then(|request| reader.end().map(|()| request))
        .map_err(|error| error.to_string());
    assert_eq!(read, expected);
}

/// Reads token details, which a client gets from a service, from MessagePack.
fn check_details(bytes: &[u8]) {
    let Ok(details) = MEMORY.check(bytes.len(), || rmp_serde::from_slice::<TokenDetails>(bytes)) else { return };
    let packed = rmp_serde::to_vec_named(&details).unwrap();
    let again: TokenDetails = rmp_serde::from_slice(&packed).unwrap();
    assert_eq!(rmp_serde::to_vec_named(&again).unwrap(), packed);
    let mut json = String::new();
    details.write_json(&mut json).unwrap();
    assert_eq!(json, serde_json::to_string(&details).unwrap());
    let token = details.token().expose();
    assert!(token.len() < 12 || !format!("{details:?}").contains(token));
}

/// Returns the mac of the members of an object, in base64.
fn mac(request: &Value) -> Option<String> {
    let text = |name: &str| match request.get(name) {
        None | Some(Value::Null) => Some(String::new()),
        Some(Value::String(text)) => Some(text.clone()),
        Some(Value::Number(number)) => number.as_u64().map(|number| number.to_string()),
        Some(_) => None,
    };
    let mut canonical = String::new();
    for name in ["keyName", "ttl", "capability", "clientId", "timestamp", "nonce"] {
        canonical += &text(name)?;
        canonical.push('\n');
    }
    Some(STANDARD.encode(hmac(SECRET, canonical.as_bytes())))
}

/// Gives a request the right mac, which has to verify if its values are valid.
fn sign_and_judge(json: &[u8]) {
    let Ok(mut request) = serde_json::from_slice::<Value>(json) else { return };
    let Some(mac) = mac(&request) else { return };
    let Some(members) = request.as_object_mut() else { return };
    members.insert("mac".into(), mac.into());
    let Ok(parsed) = serde_json::from_value::<TokenRequest>(request.clone()) else { return };
    let is_accepted = judge(&parsed);
    let is_text = |name: &str, least: usize| {
        let text = request.get(name).and_then(Value::as_str).unwrap_or_default();
        text.len() >= least && text.len() < 100 && !text.chars().any(char::is_control)
    };
    let is_plain = request["keyName"] == "app.key"
        && request["timestamp"].is_u64()
        && request.get("ttl").is_none_or(|ttl| ttl.as_u64().is_some_and(|ttl| ttl > 0))
        && request.get("capability").is_none_or(Value::is_string)
        && request.get("clientId").is_none_or(|id| id.is_string() && is_text("clientId", 1))
        && is_text("nonce", 16);
    assert!(is_accepted || !is_plain, "{request} is refused: {:?}", verify(&parsed).err());
}

fn verify(request: &TokenRequest) -> Result<(), ably_auth_core::Error> {
    let key = ApiKey::parse(&format!("app.key:{SECRET}")).unwrap();
    request.verify(&key).map(drop)
}

fn judge(request: &TokenRequest) -> bool {
    let json = serde_json::to_value(request).unwrap();
    let again: TokenRequest = serde_json::from_value(json.clone()).unwrap();
    assert_eq!(serde_json::to_value(&again).unwrap(), json);
    let packed: TokenRequest = rmp_serde::from_slice(&rmp_serde::to_vec_named(request).unwrap()).unwrap();
    assert_eq!(serde_json::to_value(&packed).unwrap(), json);
    let shown = format!("{request:?}");
    let sent = json["mac"].as_str().unwrap_or_default();
    assert!(sent.len() < 43 || !shown.contains(sent), "{shown}");

    let verified = verify(request);
    if let Err(error) = &verified {
        assert!(!format!("{error} {error:?}").contains(SECRET));
        return false;
    }
    // The forms that a sender may sign instead of what it sends.
    let mut forms = vec![json.clone()];
    if json.get("ttl").is_none_or(Value::is_null) {
        forms.push(with(&json, "ttl", 3_600_000.into()));
    } else if json["ttl"] == 0 {
        forms.push(with(&json, "ttl", "".into()));
    }
    if let Ok(capability) = Capability::parse_lenient(json["capability"].as_str().unwrap_or_default()) {
        let canonical: Vec<_> =
            forms.iter().map(|form| with(form, "capability", capability.to_string().into())).collect();
        forms.extend(canonical);
    }
    let forms = forms.iter().map(|form| form.as_object().cloned().unwrap_or_default());
    let macs: Vec<_> = forms.filter_map(|form| mac(&form.into())).collect();
    assert!(macs.iter().any(|mac| mac == sent), "{json} verifies, and none of {macs:?} is its mac");
    true
}

fn with(request: &Value, name: &str, value: Value) -> Value {
    let mut request = request.clone();
    request[name] = value;
    request
}
