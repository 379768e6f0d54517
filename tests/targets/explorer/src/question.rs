//! The questions of the page, and their answers in the form of the service's console API.

use ably_auth_core::capability::Work;
use ably_auth_core::{Capability, Error, ErrorCode, Timestamp};
use ably_auth_inspect::{Legend, Matrix, inspect};
use serde::Deserialize;
use serde_json::{Value, json};

/// A question. `now` is the time in ms, because the module has no clock.
#[derive(Deserialize)]
#[serde(tag = "ask", rename_all = "camelCase", deny_unknown_fields)]
pub(crate) enum Question {
    /// A report on a credential, with the answer whether it permits an operation on a channel.
    Inspect { now: u64, text: String, operation: Option<String>, channel: Option<String> },
    /// The intersection of two capabilities.
    Intersect { a: String, b: String },
}

/// The words for the marks of two capabilities of equal standing.
const LEGEND: Legend = Legend { yes: "in both", refused: "only in the first", unrequested: "only in the second" };

/// Answers a question that is written as JSON.
pub(crate) fn answer(question: &[u8]) -> Value {
    match serde_json::from_slice(question) {
        Ok(Question::Inspect { now, text, operation, channel }) => {
            let report = inspect(&text, Timestamp::from_millis(now));
            let answer = operation.zip(channel).and_then(|(operation, channel)| report.asks(&channel, &operation));
            json!({ "report": report, "answer": answer })
        }
        Ok(Question::Intersect { a, b }) => intersection(&a, &b).unwrap_or_else(|message| error(&message)),
        Err(fault) => error(&format!("invalid question: {fault}")),
    }
}

fn intersection(a: &str, b: &str) -> Result<Value, String> {
    let parse =
        |name: &str, text: &str| Capability::parse_lenient(text).map_err(|error| format!("invalid `{name}`: {error}"));
    let (a, b) = (parse("a", a)?, parse("b", b)?);
    let within = a.intersect_within(&b, &mut Work::steps(Work::PER_REQUEST));
    let granted = within.map_err(|error: Error| error.to_string())?;
    Ok(json!({
        "granted": granted.to_string(),
        "permitsNothing": granted.is_empty(),
        "matrix": Matrix::compared(&a, &b, &LEGEND),
    }))
}

/// Returns an error in the form of Ably's responses.
fn error(message: &str) -> Value {
    json!({ "error": { "code": ErrorCode::BAD_REQUEST.as_u32(), "statusCode": 400, "message": message } })
}
