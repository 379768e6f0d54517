//! The statistics endpoint. In a sandbox, a test suite can also write statistics to read them back.

use ably_auth_core::{ErrorCode, Operation};
use http::StatusCode;
use serde_json::json;

use super::call::Call;
use super::lists::OneOrMany;
use super::page;
use super::reply::Reply;
use crate::channels::stats::{Fixture, Form, Unit};
use crate::journal::checks::Check;
use crate::policy::authorize::{EVERY_CHANNEL, authorize};
use crate::refusal::Refusal;
use crate::sync::lock;

/// The first version of the protocol in which an interval has `entries`.
const FIRST_VERSION_WITH_ENTRIES: u32 = 3;

/// The maximum number of intervals that one request writes.
const MAX_FIXTURES: usize = 500;

pub(super) async fn read(call: &Call<'_>) -> Result<Reply, Refusal> {
    let principal = call.principal().await?;
    call.checks.record(Check::Permitted, authorize(principal.capability(), Operation::Stats, EVERY_CHANNEL))?;
    let page = page::read(call)?;
    let unit = match call.query("unit") {
        None => Unit::Minute,
        Some(unit) => {
            let advice = "give `minute`, `hour`, `day` or `month`";
            Unit::named(&unit).ok_or_else(|| page::out_of_range("unit", advice))?
        }
    };
    // A client that sends no version gets the newer form: SDKs always send one.
    let is_old = call.header("x-ably-version").is_some() && call.version() < FIRST_VERSION_WITH_ENTRIES;
    let form = if is_old { Form::Nested } else { Form::Entries };
    let (intervals, next) = lock(&principal.app.memory.stats).page(&page, unit);
    let intervals: Vec<_> = intervals.iter().map(|interval| interval.to_json(form)).collect();
    let mut params = page::params(call, &page);
    params.extend(page::in_query(call, [("unit", unit.name().to_owned())]));
    Ok(call.reply(StatusCode::OK, &intervals)?.with_links(page::links_of(&page, "stats", &params, next)))
}

pub(super) async fn add(call: &Call<'_>) -> Result<Reply, Refusal> {
    let principal = call.principal().await?;
    if !principal.is_key_holder() {
        let message = "a token cannot write statistics; use one of the app's keys";
        return Err(Refusal::new(ErrorCode::BASIC_AUTH_NEEDED, message));
    }
    call.checks.record(Check::Permitted, authorize(principal.capability(), Operation::Stats, EVERY_CHANNEL))?;
    let OneOrMany::<Fixture, MAX_FIXTURES> { values: fixtures, .. } = call.read()?;
    lock(&principal.app.memory.stats).add_fixtures(&fixtures)?;
    call.reply(StatusCode::CREATED, &json!({ "intervals": fixtures.len() }))
}
