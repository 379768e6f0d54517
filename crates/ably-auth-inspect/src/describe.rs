//! Descriptions of credentials whose kind is known.
//!
//! [`inspect`](crate::inspect()) recognizes the kind, and accepts quotes, white space and headers around a credential.

use ably_auth_core::jwt::has_jwt_form;
use ably_auth_core::{ApiKey, Error, JwtClaims, KeyName, Timestamp, TokenDetails, UnverifiedJwt};

use crate::lenient;
use crate::report::{Kind, Report};

const NOT_NATIVE: &str = "it is not a token; give a native token `appId.…`, a JWT, or the JSON of a token's details";

/// Describes the readable parts of a JWT, and lists its problems. The signature is not verified.
///
/// ```
/// use ably_auth_core::Timestamp;
///
/// // The header is `{"alg":"none"}`, the payload `{}`, and there is no signature.
/// let report = ably_auth_inspect::describe::jwt("eyJhbGciOiJub25lIn0.e30.", Timestamp::from_millis(0))?;
/// assert!(report.problems.iter().any(|problem| problem.contains("`kid` is missing")));
/// # Ok::<(), ably_auth_core::Error>(())
/// ```
///
/// # Errors
/// The error of [`UnverifiedJwt::parse`], if neither the header nor the payload is readable.
pub fn jwt(text: &str, now: Timestamp) -> Result<Report, Error> {
    let mut report = Report::new(Kind::Jwt, "JWT, not verified");
    let read = UnverifiedJwt::parse(text).and_then(|jwt| jwt.decode_without_verifying().map(|claims| (jwt, claims)));
    match (read, lenient::read(text)) {
        (Ok((jwt, claims)), lenient) => {
            report.key(jwt.key_name());
            report.claims(&claims, now);
            report.problems = lenient.map(|lenient| lenient.problems).unwrap_or_default();
        }
        (Err(error), Some(mut lenient)) => {
            report.problems = std::mem::take(&mut lenient.problems);
            if report.problems.is_empty() {
                report.problems.push(error.to_string());
            }
            report.lenient(lenient);
        }
        (Err(error), None) => return Err(error),
    }
    Ok(report)
}

/// Describes a JWT by its claims.
///
/// ```
/// use ably_auth_core::{ApiKey, Timestamp, TokenParams, jwt};
/// use ably_auth_inspect::{LifeState, describe};
///
/// let key = ApiKey::parse("app.key:secret")?;
/// let now = Timestamp::from_millis(1_449_746_287_000);
/// let token = jwt::mint(&key, &TokenParams::new().client_id("bob"), now)?;
/// let verified = jwt::verify(&key, token.expose(), now)?;
/// let report = describe::jwt_claims(verified.key_name(), verified.claims(), now);
/// assert_eq!(report.members()["clientId"], "bob");
/// assert_eq!(report.life.map(|life| life.state), Some(LifeState::Valid));
/// # Ok::<(), ably_auth_core::Error>(())
/// ```
#[must_use]
pub fn jwt_claims(key_name: &KeyName, claims: &JwtClaims, now: Timestamp) -> Report {
    let mut report = Report::new(Kind::Jwt, "JWT");
    report.key(key_name);
    report.claims(claims, now);
    report
}

/// Describes the details of a token, without the token itself.
///
/// ```
/// use ably_auth_core::{Timestamp, TokenDetails};
///
/// let details: TokenDetails = serde_json::from_str(r#"{"token":"app.opaque","clientId":"bob"}"#)?;
/// let report = ably_auth_inspect::describe::token_details(&details, Timestamp::from_millis(0));
/// assert_eq!(report.members()["tokenKind"], "native");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[must_use]
pub fn token_details(details: &TokenDetails, now: Timestamp) -> Report {
    let mut report = Report::new(Kind::TokenDetails, "TokenDetails");
    report.details(details, now);
    let token = details.token().expose();
    if has_jwt_form(token) {
        report.fact("token", "tokenKind", "jwt");
    } else {
        report.fact("token", "tokenKind", "native");
        if details.key_name().is_none() {
            native_facts(token, &mut report);
        }
    }
    report
}

/// Describes a native token. Only its service can read more than the app ID.
///
/// The report has a problem if the text is not a token.
///
/// ```
/// let report = ably_auth_inspect::describe::native_token("xVLyHw.Dtxd9tuz");
/// assert_eq!(report.members()["appId"], "xVLyHw");
/// assert!(!serde_json::to_string(&report)?.contains("Dtxd9tuz"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[must_use]
pub fn native_token(token: &str) -> Report {
    let mut report = Report::new(Kind::Token, "native token");
    native_facts(token, &mut report);
    report
}

fn native_facts(token: &str, report: &mut Report) {
    match token.split_once('.').filter(|(app_id, rest)| !app_id.is_empty() && !rest.is_empty()) {
        Some((app_id, rest)) => {
            report.fact("app id", "appId", app_id);
            report.note("the rest", "rest", format!("{} characters that only the service can read", rest.len()));
        }
        None => report.problems.push(NOT_NATIVE.into()),
    }
}

/// Describes a key, without its secret.
///
/// ```
/// let key = ably_auth_core::ApiKey::parse("app.key:hush")?;
/// let report = ably_auth_inspect::describe::key(&key);
/// assert_eq!(report.members()["keyId"], "key");
/// assert!(!format!("{report:?}").contains("hush"));
/// # Ok::<(), ably_auth_core::Error>(())
/// ```
#[must_use]
pub fn key(key: &ApiKey) -> Report {
    let mut report = Report::new(Kind::Key, "API key");
    report.key(key.key_name());
    report.fact("key id", "keyId", key.key_name().key_id());
    let characters = key.secret().expose().chars().count();
    report.note("secret", "secret", format!("{characters} characters, not shown"));
    report
}
