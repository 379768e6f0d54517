//! Reports on credentials, and the intersection of two capabilities.

use ably_auth_backend::credentials::{self, Accepted, Credential};
use ably_auth_core::capability::Work;
use ably_auth_core::{Capability, ErrorCode, JwtClaims, KeyName, Token, TokenRequest};
use ably_auth_inspect::{Answer, Kind, Legend, Life, Matrix, Report, Verdict, bare_credential, inspect};
use http::header::AUTHORIZATION;
use http::{HeaderValue, StatusCode};
use serde::Deserialize;
use serde_json::json;

use super::visit::Visit;
use crate::http::call::Call;
use crate::http::format::Format;
use crate::http::reply::Reply;
use crate::journal::checks::{Check, Checks};
use crate::policy::authenticate::Authenticator;
use crate::policy::issue::Issuer;
use crate::policy::verify_token::Reader;
use crate::refusal::Refusal;
use crate::story::explain_mac;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    text: String,
    operation: Option<String>,
    channel: Option<String>,
}

pub(super) async fn answer(visit: &Visit<'_>) -> Result<Reply, Refusal> {
    let Question { text, operation, channel } = visit.body()?;
    let (report, effective) = report(visit.call, &text).await;
    let answer = match (operation, channel) {
        (Some(operation), Some(channel)) => match effective {
            Some(capability) => Some(Answer::new(&capability, &channel, &operation)),
            None => report.asks(&channel, &operation),
        },
        (None, None) => None,
        _ => {
            let message = "invalid question: it needs both `operation` and `channel`; give both, or neither";
            return Err(Refusal::new(ErrorCode::INVALID_PARAMETER, message));
        }
    };
    Reply::new(StatusCode::OK, &json!({ "report": report, "answer": answer }), Format::Json)
}

/// Reports on a credential, with what only the service knows: the content of its tokens, and whether it accepts them.
/// Also returns the capability that the service grants, if it knows it.
pub(super) async fn report(call: &Call<'_>, text: &str) -> (Report, Option<Capability>) {
    let (state, now, checks) = (call.state, call.now, Checks::default());
    let mut report = inspect(text, now);
    let mut effective = None;
    let text = text.trim();
    match report.kind {
        Kind::Token | Kind::Jwt => {
            let Some(token) = token(text) else {
                return (report, None);
            };
            if let Ok(bearer) = (Reader { state, now, checks: &checks }).read(&token).await {
                report.life = Some(Life::new(bearer.token.issued(), bearer.token.expires(), now));
                let is_written = bearer.token.claims().and_then(JwtClaims::capability_text).is_some();
                if !is_written {
                    report.capability = Some(bearer.token.capability().to_string());
                    report.matrix = Some(Matrix::of(bearer.token.capability()));
                } else if let Some(written) = &bearer.written {
                    report.matrix = Some(Matrix::compared(written, bearer.key.capability(), &Legend::KEY));
                }
                effective = Some(bearer.token.capability().clone());
            }
            let verdict = Authenticator { state, checks: &checks }.bearer(&token, now).await;
            report = report.with_verdict(verdict_of(verdict.map(|_| ())));
        }
        Kind::Key => {
            let Some(credential) = key(text) else {
                return (report, None);
            };
            let principal = Authenticator { state, checks: &checks }.authenticate(&credential, None, now).await;
            if let Ok(principal) = &principal {
                report.capability = Some(principal.capability().to_string());
                report.matrix = Some(Matrix::of(principal.capability()));
            }
            report = report.with_verdict(verdict_of(principal.map(|_| ())));
        }
        Kind::TokenRequest => {
            if let Ok(request) = serde_json::from_str(&bare_credential(text)) {
                let checked = check_request(call, &request, &mut report.problems);
                report = report.with_verdict(verdict_of(checked));
            }
        }
        _ => {}
    }
    (report, effective)
}

/// Checks a token request without exchanging it. Adds the likely cause of a wrong mac to `problems`.
fn check_request(call: &Call<'_>, request: &TokenRequest, problems: &mut Vec<String>) -> Result<(), Refusal> {
    let (state, checks) = (call.state, Checks::default());
    let (app, key) = state.registry.key(&KeyName::parse(request.key_name())?)?;
    let checked = Issuer { state, checks: &checks }.check(&key, request, call.now);
    if Check::failed_one(&checks.numbers()) == Some(Check::Mac) {
        let cause = explain_mac(state, request, &app.app, &key).cause;
        problems.extend(cause.map(|cause| format!("{}: {} {}", cause.title, cause.explanation, cause.fix)));
    }
    checked
}

/// Returns the token in a text. It may be in base64, as in a header.
fn token(text: &str) -> Option<Token> {
    match from_header("Bearer", text)? {
        Credential::Token(token) => Some(token),
        Credential::Key(_) => None,
    }
}

/// Returns the key in a text. It may be in base64, as in a header.
fn key(text: &str) -> Option<Credential> {
    let plain = bare_credential(text).parse().ok().map(Credential::Key);
    plain.or_else(|| from_header("Basic", text))
}

/// Reads a text as the credential of a header with that scheme.
fn from_header(scheme: &str, text: &str) -> Option<Credential> {
    let value = HeaderValue::from_str(&format!("{scheme} {}", bare_credential(text))).ok()?;
    let headers = [(AUTHORIZATION, value)].into_iter().collect();
    credentials::from_headers(&headers, Accepted::TokensAndKeys).ok()?
}

fn verdict_of(result: Result<(), Refusal>) -> Verdict {
    match result {
        Ok(()) => Verdict::accepted(),
        Err(refusal) => Verdict::refused(refusal.info().code(), refusal.info().message()),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pair {
    a: String,
    b: String,
}

/// The words for the marks of two capabilities of equal standing.
const LEGEND: Legend = Legend { yes: "in both", refused: "only in the first", unrequested: "only in the second" };

pub(super) fn intersect(visit: &Visit<'_>) -> Result<Reply, Refusal> {
    let Pair { a, b } = visit.body()?;
    let parse = |name: &str, text: &str| {
        Capability::parse_lenient(text)
            .map_err(|error| Refusal::new(ErrorCode::BAD_REQUEST, format!("invalid `{name}`: {error}")))
    };
    let (a, b) = (parse("a", &a)?, parse("b", &b)?);
    let granted = a.intersect_within(&b, &mut Work::steps(Work::PER_REQUEST))?;
    let shown = json!({
        "granted": granted.to_string(),
        "permitsNothing": granted.is_empty(),
        "matrix": Matrix::compared(&a, &b, &LEGEND),
    });
    Reply::new(StatusCode::OK, &shown, Format::Json)
}
