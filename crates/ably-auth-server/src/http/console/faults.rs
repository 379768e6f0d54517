//! Injected faults: set, shown and removed.

use std::time::Duration;

use ably_auth_core::ErrorCode;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::visit::Visit;
use crate::http::format::Format;
use crate::http::reply::Reply;
use crate::ops::metrics;
use crate::refusal::Refusal;
use crate::state::emulation::Back;
use crate::state::faults::{Fault, PendingFault};

/// The maximum number of requests that a fault concerns.
const MAX_COUNT: u32 = 1_000;

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
enum NewFault {
    Refuse { count: u32, code: u32, status: Option<u16> },
    Delay { count: u32, delay_ms: u64 },
    Drop { count: u32 },
}

pub(super) fn set(visit: &Visit<'_>) -> Result<Reply, Refusal> {
    let (fault, count) = match visit.body()? {
        NewFault::Refuse { count, code, status } => {
            let code = ErrorCode::new(code);
            if !metrics::codes().any(|known| known == code) {
                return Err(invalid("code", "it is not in the table of error codes; use one such as 40142 or 50003"));
            }
            if status.is_some_and(|status| !(400..600).contains(&status)) {
                return Err(invalid("status", "it is not an error; give a status from 400 to 599, or leave it out"));
            }
            (Fault::Refuse { code, status }, count)
        }
        NewFault::Delay { count, delay_ms } => {
            let delay = Duration::from_millis(delay_ms);
            if delay.is_zero() || delay > Fault::MAX_DELAY {
                return Err(invalid("delayMs", "it is not in the range; give 1 to 60000 milliseconds"));
            }
            (Fault::Delay(delay), count)
        }
        NewFault::Drop { count } => (Fault::Drop, count),
    };
    if count == 0 || count > MAX_COUNT {
        return Err(invalid("count", "it is not in the range; give 1 to 1000 requests"));
    }
    back(visit)?.faults.set(fault, count);
    Reply::new(StatusCode::OK, &describe(PendingFault { fault, left: count }), Format::Json)
}

pub(super) fn clear(visit: &Visit<'_>) -> Result<Reply, Refusal> {
    back(visit)?.faults.clear();
    Ok(Reply::empty())
}

fn back<'a>(visit: &Visit<'a>) -> Result<&'a Back, Refusal> {
    visit.call.state.back().ok_or_else(Refusal::internal)
}

/// Describes the faults that are left.
pub(super) fn describe(PendingFault { fault, left }: PendingFault) -> Value {
    match fault {
        Fault::Refuse { code, status } => {
            let status = status.unwrap_or_else(|| Fault::usual_status(code));
            json!({ "kind": "refuse", "left": left, "code": code.as_u32(), "status": status })
        }
        Fault::Delay(delay) => {
            json!({ "kind": "delay", "left": left, "delayMs": u64::try_from(delay.as_millis()).unwrap_or(u64::MAX) })
        }
        Fault::Drop => json!({ "kind": "drop", "left": left }),
    }
}

fn invalid(member: &str, problem: &str) -> Refusal {
    Refusal::new(ErrorCode::INVALID_PARAMETER, format!("invalid `{member}`: {problem}"))
}
