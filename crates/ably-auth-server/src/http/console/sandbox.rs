//! The state of a sandbox: its reset and its clock.

use std::time::Duration;

use ably_auth_core::ErrorCode;
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::visit::Visit;
use crate::http::format::Format;
use crate::http::reply::Reply;
use crate::refusal::Refusal;
use crate::state::emulation::Back;

/// The maximum time by which one request moves the clock: 400 days, in milliseconds.
const MAX_ADVANCE_MILLIS: u64 = 400 * 24 * 60 * 60 * 1_000;

pub(super) fn reset(visit: &Visit<'_>) -> Result<Reply, Refusal> {
    visit.empty_body()?;
    let recipe = visit.call.state.back().and_then(|back| back.recipe());
    recipe.ok_or_else(lasting)?.reset().map_err(|_| Refusal::internal())?;
    Ok(Reply::empty())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Advance {
    advance_ms: u64,
}

pub(super) fn move_clock(visit: &Visit<'_>) -> Result<Reply, Refusal> {
    let Advance { advance_ms } = visit.body()?;
    if advance_ms > MAX_ADVANCE_MILLIS {
        let message = "invalid `advanceMs`: it is more than 400 days; give less";
        return Err(Refusal::new(ErrorCode::INVALID_PARAMETER, message));
    }
    let state = visit.call.state;
    if !state.advance_clock(Duration::from_millis(advance_ms)) {
        return Err(lasting());
    }
    let ahead = state.back().map_or(0, Back::ahead);
    Reply::new(StatusCode::OK, &json!({ "now": state.clock.now(), "clockAheadMs": ahead }), Format::Json)
}

/// Returns the refusal of a change that would outlive the process.
fn lasting() -> Refusal {
    let message = "the store outlives this process, so the sandbox can neither be reset nor have its clock moved; start it \
                   without `--data` and `--redis`";
    Refusal::new(ErrorCode::BAD_REQUEST, message)
}
