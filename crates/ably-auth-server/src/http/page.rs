//! Pages as the query asks for them, and links to the others.

use std::borrow::Cow;

use ably_auth_core::{ErrorCode, Timestamp};
use form_urlencoded::Serializer;

use super::call::Call;
use crate::page::{Direction, Page};
use crate::refusal::Refusal;

const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1_000;

/// Where a page goes on: made by this service, for itself.
pub(super) const AFTER: &str = "after";

pub(super) fn read(call: &Call<'_>) -> Result<Page, Refusal> {
    let page = Page {
        start: moment(call, "start")?.unwrap_or(Timestamp::from_millis(0)),
        end: moment(call, "end")?.unwrap_or(Timestamp::from_millis(u64::MAX)),
        direction: match call.query("direction").as_deref() {
            None | Some("backwards") => Direction::Backwards,
            Some("forwards") => Direction::Forwards,
            Some(_) => return Err(out_of_range("direction", "give `backwards` or `forwards`")),
        },
        limit: limit(call)?,
        after: number(call, AFTER, "follow the links as they are")?,
    };
    if page.start > page.end {
        return Err(out_of_range("start", "give one that is not after `end`"));
    }
    Ok(page)
}

/// How many things a page may have.
pub(super) fn limit(call: &Call<'_>) -> Result<usize, Refusal> {
    let advice = "give a number from 1 to 1000";
    let Some(limit) = number(call, "limit", advice)? else {
        return Ok(DEFAULT_LIMIT);
    };
    let limit = usize::try_from(limit).ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
    limit.ok_or_else(|| out_of_range("limit", advice))
}

fn moment(call: &Call<'_>, name: &str) -> Result<Option<Timestamp>, Refusal> {
    Ok(number(call, name, "give milliseconds since the epoch")?.map(Timestamp::from_millis))
}

fn number(call: &Call<'_>, name: &str, advice: &str) -> Result<Option<u64>, Refusal> {
    let digits = |text: &Cow<'_, str>| text.bytes().all(|byte| byte.is_ascii_digit());
    let number = |text: Cow<'_, str>| Some(text).filter(digits).and_then(|text| text.parse().ok());
    call.query(name).map(|text| number(text).ok_or_else(|| out_of_range(name, advice))).transpose()
}

pub(super) fn out_of_range(name: &str, advice: &str) -> Refusal {
    Refusal::new(ErrorCode::INVALID_PARAMETER, format!("the query's `{name}` is out of range; {advice}"))
}

/// Links relative to the resource, as SDKs expect them (`TG3`): the first page, this one, and the next if there is one.
pub(super) fn links(call: &Call<'_>, name: &str, next: Option<impl ToString>) -> Vec<String> {
    // Credentials may stand in the query too, and are not for a header that is logged.
    let asked = ["start", "end", "direction", "limit", "unit", "prefix", "by"].map(|name| (name, call.query(name)));
    let link = |after: Option<Cow<'_, str>>, rel: &str| {
        let mut query = Serializer::new(String::new());
        for (name, value) in &asked {
            query.extend_pairs(value.as_ref().map(|value| (name, value)));
        }
        query.extend_pairs(after.map(|after| (AFTER, after)));
        format!("<./{name}?{}>; rel=\"{rel}\"", query.finish())
    };
    let mut links = vec![link(None, "first"), link(call.query(AFTER), "current")];
    links.extend(next.map(|next| link(Some(next.to_string().into()), "next")));
    links
}
