//! Recognition of JSON: a token request, the details of a token, or a capability.

use ably_auth_core::jwt::has_jwt_form;
use ably_auth_core::{Capability, Timestamp, TokenDetails};
use serde_json::Value;

use super::token_request::{self, not_json_of};
use crate::report::{Kind, Report};
use crate::{describe, lenient};

/// Reports on JSON, which may be malformed.
pub(super) fn inspect(text: &str, now: Timestamp) -> Report {
    let parsed: Result<Value, _> = serde_json::from_str(text);
    let has = |name: &str| match &parsed {
        Ok(value) => value.get(name).is_some(),
        // Malformed JSON still shows what it was meant as.
        Err(_) => text.contains(&format!("\"{name}\"")),
    };
    let kind = if has("token") {
        Kind::TokenDetails
    } else if has("mac") || (has("keyName") && (has("nonce") || has("timestamp"))) {
        Kind::TokenRequest
    } else {
        Kind::Capability
    };
    match (&parsed, kind) {
        (Ok(Value::Object(fields)), Kind::TokenRequest) => token_request::inspect(text, fields, now),
        (Ok(_), Kind::TokenDetails) => token_details(text, now),
        (Err(error), Kind::TokenRequest | Kind::TokenDetails) => {
            let what = if kind == Kind::TokenRequest { "token request" } else { "token's details" };
            let mut report = Report::new(kind, format!("{what}, not readable"));
            report.problems.push(not_json_of(what, error));
            report
        }
        _ => capability(text),
    }
}

fn token_details(text: &str, now: Timestamp) -> Report {
    let details: TokenDetails = match serde_json::from_str(text) {
        Ok(details) => details,
        Err(error) => {
            let mut report = Report::new(Kind::TokenDetails, "token's details, not readable");
            report.problems.push(not_json_of("token's details", &error));
            return report;
        }
    };
    let mut report = describe::token_details(&details, now);
    report.title = "details of a token".into();
    if let Some(Err(error)) = details.capability() {
        report.problems.push(format!("invalid capability: {error}"));
    }
    let token = details.token().expose();
    if has_jwt_form(token) {
        let problems = lenient::read(token).map(|jwt| jwt.problems).unwrap_or_default();
        report.problems.extend(problems.into_iter().map(|problem| format!("JWT in `token`: {problem}")));
    }
    report
}

fn capability(text: &str) -> Report {
    let mut report = Report::new(Kind::Capability, "capability");
    report.set_capability(Some(text));
    if report.capability.is_none() {
        report.problems.push("a key or a token is in it, so it is not shown; give a capability alone".into());
        return report;
    }
    match Capability::parse_strict(text) {
        Ok(capability) => {
            report.fact("resources", "resources", capability.len());
            report.fact("canonical text", "canonical", capability.to_string());
            if capability.is_empty() {
                report.problems.push("it permits nothing; name a resource with its operations".into());
            }
        }
        Err(error) => report.problems.push(error.to_string()),
    }
    report
}
