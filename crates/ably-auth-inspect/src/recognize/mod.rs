//! Recognition of a credential in any text.

mod json;
mod token_request;
mod wrapping;

use std::borrow::Cow;

use ably_auth_core::jwt::has_jwt_form;
use ably_auth_core::{ApiKey, Error, KeyName, Timestamp, Token};

use crate::describe;
use crate::redact;
use crate::report::{Kind, Report};
use wrapping::{Scheme, Unwrapped};

/// The maximum length of a text that [`inspect()`] reads, in bytes.
pub const MAX_BYTES: usize = 64 * 1024;

/// Recognizes a credential, and reports everything that can be known about it without its secret.
///
/// It recognizes an API key, the name of a key, a native token, a JWT, and the JSON of a token request, of a token's
/// details or of a capability. White space, quotes, an `Authorization` header and a URL around it are accepted. A malformed
/// credential is described as far as it is readable, with its problems. Any other text gives [`Kind::Unknown`], with
/// the reason for each kind. A text longer than [`MAX_BYTES`] is not read.
///
/// ```
/// use ably_auth_core::Timestamp;
/// use ably_auth_inspect::{Kind, inspect};
///
/// let now = Timestamp::from_millis(1_449_746_287_318);
/// let report = inspect("Authorization: Basic YXBwLmtleTpzZWNyZXQ=", now);
/// assert_eq!((report.kind, &report.members()["keyName"]), (Kind::Key, &"app.key".into()));
///
/// let report = inspect(r#"{"chat":["pubish"]}"#, now);
/// assert_eq!(report.kind, Kind::Capability);
/// assert!(report.problems[0].contains("pubish"));
/// ```
#[must_use]
pub fn inspect(text: &str, now: Timestamp) -> Report {
    if text.len() > MAX_BYTES {
        let mut report = unknown();
        let bytes = text.len();
        report.problems.push(format!("it has {bytes} bytes, but only {MAX_BYTES} are read; give a single credential"));
        return report;
    }
    let Unwrapped { text, scheme, problems } = wrapping::unwrap(text);
    let mut report = match scheme {
        Some(Scheme::Basic) => basic(&text, now),
        Some(Scheme::Bearer) => bearer(&text, now),
        Some(Scheme::Query) => {
            let mut report = plain(&text, now);
            report.note("found in", "source", "the query of a URL");
            report
        }
        None => plain(&text, now),
    };
    let is_of_key = matches!(report.kind, Kind::Jwt | Kind::TokenRequest) && report.members.contains_key("keyName");
    let has_rights = report.facts.iter().any(|fact| ["capability", "embeddedToken"].contains(&fact.name.as_str()));
    if is_of_key && report.capability.is_none() && !has_rights {
        report.note("rights", "rights", "all rights of the key, because no capability is given");
    }
    let own = std::mem::replace(&mut report.problems, problems);
    // Errors quote what is invalid, which may be a key in the wrong place.
    report.problems.extend(own.iter().map(|problem| redact::words(problem)));
    report
}

/// Returns the credential in a text, without white space, quotes, a header or a URL around it.
///
/// ```
/// assert_eq!(ably_auth_inspect::bare_credential("Authorization: Bearer xVLyHw.Dtxd9tuz\n"), "xVLyHw.Dtxd9tuz");
/// ```
#[must_use]
pub fn bare_credential(text: &str) -> Cow<'_, str> {
    wrapping::unwrap(text).text
}

fn unknown() -> Report {
    Report::new(Kind::Unknown, "not recognized")
}

/// Reports on the text after `Basic`: a key in base64.
fn basic(text: &str, now: Timestamp) -> Report {
    let mut report = match ApiKey::from_basic(text) {
        Ok(key) => describe::key(&key),
        Err(error) => {
            let mut report = plain(text, now);
            report.problems.insert(
                0,
                match report.kind {
                    Kind::Key => {
                        "the key is not in base64; after `Basic`, encode the whole key, `appId.keyId:secret`".into()
                    }
                    Kind::Token | Kind::Jwt => "it is a token; send it with `Bearer`, not with `Basic`".into(),
                    _ => error.to_string(),
                },
            );
            report
        }
    };
    report.note("found in", "source", "an Authorization header with Basic");
    report
}

/// Reports on the text after `Bearer`: a token, or its base64.
fn bearer(text: &str, now: Timestamp) -> Report {
    let mut report = match Token::from_bearer(text) {
        Ok(token) => plain(token.expose(), now),
        Err(_) => plain(text, now),
    };
    if report.kind == Kind::Key {
        report.problems.insert(0, "it is a key; send it with `Basic` in base64, or request a token with it".into());
    }
    report.note("found in", "source", "an Authorization header with Bearer");
    report
}

/// Reports on a credential that nothing surrounds.
fn plain(text: &str, now: Timestamp) -> Report {
    if text.is_empty() {
        let mut report = unknown();
        report.problems.push("it is empty; give a key, a token, a token request or a capability".into());
        return report;
    }
    if let Some(problem) = no_credential(text) {
        let mut report = unknown();
        report.problems.push(problem);
        return report;
    }
    if text.starts_with(['{', '[']) {
        return json::inspect(text, now);
    }
    let Some((valid, problem)) = wrapping::without_invalid(text) else { return one_word(text, now) };
    let mut report = one_word(&valid, now);
    if report.kind == Kind::Unknown {
        // The text is not a credential with a fault. Describe it as it is.
        report = one_word(text, now);
    }
    report.problems.insert(0, problem);
    report
}

/// Describes a text that programs send in the place of a credential.
fn no_credential(text: &str) -> Option<String> {
    const VALUES: [&str; 6] = ["undefined", "null", "None", "nil", "NaN", "[object Object]"];
    if let Some(value) = VALUES.iter().find(|value| text.eq_ignore_ascii_case(value)) {
        return Some(format!("it is the text `{value}`: a variable had no value, or an object; give the token itself"));
    }
    text.starts_with('<')
        .then(|| "it is HTML, such as a page to log in; the auth endpoint has to answer with the token alone".into())
}

/// Reports on a credential that is not JSON.
fn one_word(text: &str, now: Timestamp) -> Report {
    let jwt = describe::jwt(text, now);
    if let Ok(report) = jwt {
        return report;
    }
    let key = ApiKey::parse(text);
    if let Ok(key) = key {
        return describe::key(&key);
    }
    if let Some(report) = faulty_key(text, key.err()) {
        return report;
    }
    if text.starts_with("eyJ") {
        let mut report = Report::new(Kind::Jwt, "JWT that cannot be read");
        report.problems.extend(jwt.err().map(|error| error.to_string()));
        return report;
    }
    if let Ok(name) = KeyName::parse(text) {
        if name.key_id().len() < redact::MIN_TOKEN_BYTES {
            return key_name(&name);
        }
    }
    if let Some((app_id, rest)) = text.split_once('.') {
        let is_word = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.=+/".contains(&b));
        if !app_id.is_empty() && !rest.is_empty() && is_word(app_id) && is_word(rest) && !has_jwt_form(text) {
            return describe::native_token(text);
        }
    }
    encoded(text, now).unwrap_or_else(|| unrecognized(text))
}

/// Reports on a text that was meant as a key: the name of a key, a colon, and an invalid secret.
fn faulty_key(text: &str, error: Option<Error>) -> Option<Report> {
    let name = KeyName::parse(text.split_once(':')?.0).ok()?;
    let mut report = Report::new(Kind::Key, "API key that is not valid");
    report.key(&name);
    report.problems.extend(error.map(|error| error.to_string()));
    Some(report)
}

fn key_name(name: &KeyName) -> Report {
    let mut report = Report::new(Kind::KeyName, "name of an API key");
    report.key(name);
    report.fact("key id", "keyId", name.key_id());
    report.note("secret", "secret", "not given; a key has the form `appId.keyId:secret`");
    report
}

/// Reports on a key or a token in base64, as headers carry them.
fn encoded(text: &str, now: Timestamp) -> Option<Report> {
    // Base64 has no dots. A token is not decoded again, because it has a dot.
    if text.contains('.') {
        return None;
    }
    let mut report = match (ApiKey::from_basic(text), Token::from_bearer(text)) {
        (Ok(key), _) => describe::key(&key),
        (_, Ok(token)) if token.expose().contains('.') => one_word(token.expose(), now),
        _ => return None,
    };
    report.note("encoding", "encoding", "base64, as in an Authorization header");
    (report.kind != Kind::Unknown).then_some(report)
}

/// Reports why the text is of no kind, without quoting it.
fn unrecognized(text: &str) -> Report {
    let mut report = unknown();
    let dots = text.bytes().filter(|byte| *byte == b'.').count();
    report.note("length", "length", format!("{} characters", text.chars().count()));
    report.note("not a key", "tried", "a key has the form `appId.keyId:secret`");
    report.note("not a key name", "tried", "the name of a key has the form `appId.keyId`");
    report.note(
        "not a JWT",
        "tried",
        format!("a JWT has 3 parts between dots, in base64url; this text has {dots} dots"),
    );
    report.note("not a token", "tried", "a native token has the form `appId.…`");
    report.note("not JSON", "tried", "token requests, token details and capabilities begin with `{`");
    report.problems.push("it is not an Ably credential; give a key, a token, a token request or a capability".into());
    report
}
