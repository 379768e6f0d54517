//! A report about a token request, field by field, also if it is malformed.

use ably_auth_core::{Capability, ClientId, KeyName, Mac, Nonce, Timestamp, TokenRequest, Ttl};
use serde_json::{Map, Value};

use crate::date::format_utc;
use crate::redact;
use crate::report::{Kind, Report};

const FIELDS: &[&str] = &["keyName", "ttl", "capability", "clientId", "timestamp", "nonce", "mac"];

/// The maximum difference between a request's timestamp and the service's clock, in milliseconds.
const WINDOW_MS: u64 = 2 * 60 * 1000;
/// The times in milliseconds that are probably meant in seconds: as seconds, these are the years 2001 to 5138.
const SECONDS: std::ops::Range<u64> = 1_000_000_000..100_000_000_000;
/// The lifetime below which a number is probably meant in seconds.
const SHORT_TTL_MS: u64 = 10_000;

pub(super) fn inspect(text: &str, fields: &Map<String, Value>, now: Timestamp) -> Report {
    let mut report = Report::new(Kind::TokenRequest, "token request, not verified");
    let field = |name: &str| fields.get(name).filter(|value| !value.is_null());
    key_name(&mut report, field("keyName"));
    let is_signed = field("mac").is_some();
    if let Some(value) = field("ttl") {
        ttl(&mut report, value);
    }
    if let Some(value) = field("clientId") {
        report.fact("client id", "clientId", value.clone());
        if let Some(error) = value.as_str().filter(|text| !text.is_empty()).and_then(|text| ClientId::parse(text).err())
        {
            report.problems.push(format!("`clientId`: {error}"));
        }
    }
    match field("timestamp") {
        Some(value) => timestamp(&mut report, value, now),
        None if is_signed => {
            report.problems.push("`timestamp` is missing; sign the request with the current time".into());
        }
        None => {}
    }
    match field("nonce") {
        Some(value) => {
            report.fact("nonce", "nonce", value.clone());
            if let Some(error) = value.as_str().and_then(|text| Nonce::parse(text).err()) {
                report.problems.push(format!("`nonce`: {error}"));
            }
        }
        None if is_signed => report.problems.push("`nonce` is missing; sign the request with a random nonce".into()),
        None => {}
    }
    mac(&mut report, field("mac"));
    if let Some(value) = field("capability") {
        capability(&mut report, value);
    }
    for name in fields.keys().filter(|name| !FIELDS.contains(&name.as_str())) {
        if let Some(known) = FIELDS.iter().find(|known| redact::plain(known) == redact::plain(name)) {
            report.problems.push(format!("unknown field `{name}`; did you mean `{known}`?"));
        }
    }
    if let (true, Err(error)) = (report.problems.is_empty(), serde_json::from_str::<TokenRequest>(text)) {
        report.problems.push(not_json_of("token request", &error));
    }
    report
}

/// Returns the problem of JSON that is not of the expected form. It does not quote the JSON.
pub(super) fn not_json_of(what: &str, error: &serde_json::Error) -> String {
    let (line, column) = (error.line(), error.column());
    format!("it is not the JSON of a {what} (line {line} column {column}); send it unchanged")
}

fn key_name(report: &mut Report, value: Option<&Value>) {
    match value.and_then(Value::as_str) {
        Some(text) => match KeyName::parse(text) {
            Ok(name) => report.key(&name),
            Err(_) => {
                report.note("key name", "keyName", redact::key_name(text));
                report
                    .problems
                    .push("`keyName` is not the name of a key; write `appId.keyId`, without the secret".into());
            }
        },
        None => report.problems.push("`keyName` is missing; write the name of the key, `appId.keyId`".into()),
    }
}

/// Returns the milliseconds in a number or in a string of digits.
fn millis(value: &Value) -> Option<u64> {
    match value {
        Value::String(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
        Value::Number(number) => number.as_u64().or_else(|| number.as_f64()?.to_string().parse().ok()),
        _ => None,
    }
}

fn ttl(report: &mut Report, value: &Value) {
    report.fact("ttl", "ttl", value.clone());
    match millis(value) {
        None => report.problems.push("`ttl` is not a whole number of milliseconds; write a number".into()),
        Some(millis) => {
            if let Err(error) = Ttl::from_millis(millis) {
                report.problems.push(format!("`ttl`: {error}"));
            } else if millis < SHORT_TTL_MS {
                let seconds = format!("write {millis}000 if you mean {millis} seconds");
                report.problems.push(format!("`ttl` is {millis} milliseconds; {seconds}"));
            }
        }
    }
}

fn timestamp(report: &mut Report, value: &Value, now: Timestamp) {
    let Some(at) = millis(value).map(Timestamp::from_millis) else {
        report.fact("timestamp", "timestamp", value.clone());
        report
            .problems
            .push("`timestamp` is not a whole number of milliseconds; write milliseconds since the epoch".into());
        return;
    };
    report.note("timestamp", "timestamp", format!("{at} ({})", format_utc(at)));
    report.members.insert("timestamp".into(), at.as_millis().into());
    let apart = now.abs_diff(at);
    if SECONDS.contains(&at.as_millis()) {
        report.problems.push(format!("`timestamp` is in seconds; give milliseconds: {at}000"));
    } else if apart > WINDOW_MS {
        let side = if at < now { "behind" } else { "ahead of" };
        report.problems.push(format!(
            "`timestamp` is {} s {side} the clock here, and the service takes 120 s at most; sign a new request, or set \
             the clock",
            apart / 1000
        ));
    }
}

fn mac(report: &mut Report, value: Option<&Value>) {
    match value.and_then(Value::as_str) {
        Some(text) => {
            // Anyone who has a signed request can exchange it for a token, so the mac is not shown.
            report.note("mac", "mac", format!("{} characters, not shown", text.chars().count()));
            if let Err(error) = Mac::from_base64(text) {
                report.problems.push(format!("`mac`: {error}"));
            }
        }
        None => report.problems.push(
            "`mac` is missing, so the request is not signed; sign it, or send it with the key itself (Basic)".into(),
        ),
    }
}

fn capability(report: &mut Report, value: &Value) {
    match value {
        Value::String(text) if text.is_empty() => {}
        Value::String(text) => {
            report.set_capability(Some(text));
            match Capability::parse_strict(text) {
                Ok(capability) if capability.is_empty() => report
                    .problems
                    .push("`capability` permits nothing; add what the token needs, or leave `capability` out".into()),
                Ok(_) => {}
                Err(error) => report.problems.push(format!("`capability`: {error}")),
            }
        }
        other => {
            report.set_capability(Some(&other.to_string()));
            report
                .problems
                .push("`capability` is not a string; give its JSON as a string: \"{\\\"chat\\\":[…]}\"".into());
        }
    }
}
