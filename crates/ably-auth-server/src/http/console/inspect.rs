//! Reports on credentials, and the intersection of two capabilities.

use ably_auth_backend::credentials::Credential;
use ably_auth_core::capability::Work;
use ably_auth_core::{ApiKey, Capability, ErrorCode, JwtClaims, Token};
use ably_auth_inspect::{Answer, Kind, Legend, Life, Matrix, Report, Verdict, inspect};
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::body;
use super::visit::Visit;
use crate::http::call::Call;
use crate::http::format::Format;
use crate::http::reply::Reply;
use crate::journal::checks::Checks;
use crate::policy::authenticate::Authenticator;
use crate::policy::verify_token::Reader;
use crate::refusal::Refusal;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    text: String,
    operation: Option<String>,
    channel: Option<String>,
}

pub(super) async fn answer(visit: &Visit<'_>) -> Result<Reply, Refusal> {
    let Question { text, operation, channel } = body::read(visit.call)?;
    let report = report(visit.call, &text).await;
    let answer = match (operation, channel) {
        (Some(operation), Some(channel)) => answer_of(&report, &channel, &operation),
        (None, None) => None,
        _ => {
            let message = "invalid question: it needs both `operation` and `channel`; give both, or neither";
            return Err(Refusal::new(ErrorCode::INVALID_PARAMETER, message));
        }
    };
    Reply::new(StatusCode::OK, &json!({ "report": report, "answer": answer }), Format::Json)
}

fn answer_of(report: &Report, channel: &str, operation: &str) -> Option<Answer> {
    let capability = Capability::parse_lenient(report.capability.as_deref()?).ok()?;
    Some(Answer::new(&capability, channel, operation))
}

/// Reports on a credential, with what only the service knows: the content of its tokens, and whether it accepts them.
pub(super) async fn report(call: &Call<'_>, text: &str) -> Report {
    let (state, now, checks) = (call.state, call.now, Checks::default());
    let mut report = inspect(text, now);
    let text = text.trim();
    match report.kind {
        Kind::Token | Kind::Jwt => {
            let Ok(token) = Token::new(bare(text)) else {
                return report;
            };
            if let Ok(bearer) = (Reader { state, now, checks: &checks }).read(&token).await {
                report.life = Some(Life::new(bearer.token.issued(), bearer.token.expires(), now));
                if report.kind == Kind::Token || bearer.token.claims().and_then(JwtClaims::capability_text).is_none() {
                    report.capability = Some(bearer.token.capability().to_string());
                    report.matrix = Some(Matrix::of(bearer.token.capability()));
                }
            }
            let verdict = Authenticator { state, checks: &checks }.bearer(&token, now).await;
            report.verdict = Some(verdict_of(verdict.map(|_| ())));
        }
        Kind::Key => {
            let Ok(key) = text.parse::<ApiKey>() else {
                return report;
            };
            let credential = Credential::Key(key);
            let principal = Authenticator { state, checks: &checks }.authenticate(&credential, None, now).await;
            if let Ok(principal) = &principal {
                report.capability = Some(principal.capability().to_string());
                report.matrix = Some(Matrix::of(principal.capability()));
            }
            report.verdict = Some(verdict_of(principal.map(|_| ())));
        }
        _ => {}
    }
    report
}

/// Returns the token in a line such as `Authorization: Bearer …`.
fn bare(text: &str) -> &str {
    let last = text.split_whitespace().next_back().unwrap_or_default();
    last.trim_matches(['"', '\''])
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
    let Pair { a, b } = body::read(visit.call)?;
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
