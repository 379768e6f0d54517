//! The log: its rows, and the story of one.

use std::sync::Arc;

use ably_auth_core::ErrorCode;
use http::StatusCode;
use serde_json::json;

use super::visit::Visit;
use crate::http::format::Format;
use crate::http::reply::Reply;
use crate::http::route;
use crate::journal::filter::Filter;
use crate::journal::{Journal, Range};
use crate::refusal::Refusal;
use crate::story;

const DEFAULT_LIMIT: usize = 200;
const MAX_LIMIT: usize = 1_000;

pub(super) fn journal<'a>(visit: &Visit<'a>) -> Result<&'a Arc<Journal>, Refusal> {
    visit.call.state.journal.as_ref().ok_or_else(route::not_found)
}

/// Reads the filter of the query.
pub(super) fn filter(visit: &Visit<'_>) -> Result<Filter, Refusal> {
    Filter::from_query(visit.call.parts.uri.query().unwrap_or_default())
}

/// Reads a number of the query.
pub(super) fn number(visit: &Visit<'_>, name: &str) -> Result<Option<u64>, Refusal> {
    let Some(text) = visit.call.query(name).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let invalid = |_| {
        let message = format!("invalid `{name}`: it is not a whole number; give a number, or leave it out");
        Refusal::new(ErrorCode::INVALID_PARAMETER, message)
    };
    text.parse().map(Some).map_err(invalid)
}

pub(super) fn list(visit: &Visit<'_>) -> Result<Reply, Refusal> {
    let journal = journal(visit)?;
    let (filter, limit) = (filter(visit)?, number(visit, "limit")?);
    let limit = limit.map_or(DEFAULT_LIMIT, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    if limit == 0 || limit > MAX_LIMIT {
        let message = "invalid `limit`: it is not in the range; give 1 to 1000";
        return Err(Refusal::new(ErrorCode::INVALID_PARAMETER, message));
    }
    let range = match (number(visit, "after")?, number(visit, "before")?) {
        (Some(_), Some(_)) => {
            let message = "invalid query: it has both `after` and `before`; give one of them";
            return Err(Refusal::new(ErrorCode::INVALID_PARAMETER, message));
        }
        (Some(after), None) => Range::After(after),
        (None, before) => Range::Newest { before },
    };
    let page = journal.page(&filter, range, limit);
    let shown = json!({
        "rows": page.rows,
        "first": page.held.map(|(first, _)| first),
        "last": page.held.map(|(_, last)| last),
        "more": page.has_more,
    });
    Reply::new(StatusCode::OK, &shown, Format::Json)
}

pub(super) fn story(visit: &Visit<'_>, seq: &str) -> Result<Reply, Refusal> {
    let journal = journal(visit)?;
    let (state, now) = (visit.call.state, visit.call.now);
    let tell = |seq| journal.read(seq, |entry| story::story(state, entry, seq, now));
    let story = seq.parse().ok().and_then(tell).ok_or_else(|| {
        let message = "the log has no such row: it was cleared or made room for newer ones; reload the log";
        Refusal::new(ErrorCode::NOT_FOUND, message)
    })?;
    Reply::new(StatusCode::OK, &story, Format::Json)
}

pub(super) fn clear(visit: &Visit<'_>) -> Result<Reply, Refusal> {
    journal(visit)?.clear();
    Ok(Reply::empty())
}
