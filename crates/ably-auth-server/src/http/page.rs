//! Paging: the page that the query selects, and the links to other pages.

use std::borrow::Cow;

use ably_auth_core::{ErrorCode, Timestamp};
use form_urlencoded::Serializer;

use super::call::Call;
use crate::channels::page::{Direction, Page};
use crate::refusal::Refusal;

const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1_000;

/// The query parameter for the position after which a page starts. Only links made by this service contain it.
pub(super) const AFTER: &str = "after";

pub(super) fn read(call: &Call<'_>) -> Result<Page, Refusal> {
    let page = Page {
        start: timestamp(call, "start")?.unwrap_or(Timestamp::from_millis(0)),
        end: timestamp(call, "end")?.unwrap_or(Timestamp::from_millis(u64::MAX)),
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

/// Returns the maximum number of items on the page.
pub(super) fn limit(call: &Call<'_>) -> Result<usize, Refusal> {
    let advice = "give a number from 1 to 1000";
    let Some(limit) = number(call, "limit", advice)? else {
        return Ok(DEFAULT_LIMIT);
    };
    let limit = usize::try_from(limit).ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
    limit.ok_or_else(|| out_of_range("limit", advice))
}

fn timestamp(call: &Call<'_>, name: &str) -> Result<Option<Timestamp>, Refusal> {
    Ok(number(call, name, "give milliseconds since the epoch")?.map(Timestamp::from_millis))
}

fn number(call: &Call<'_>, name: &str, advice: &str) -> Result<Option<u64>, Refusal> {
    let digits = |text: &Cow<'_, str>| text.bytes().all(|byte| byte.is_ascii_digit());
    let number = |text: Cow<'_, str>| Some(text).filter(digits).and_then(|text| text.parse().ok());
    call.query(name).map(|text| number(text).ok_or_else(|| out_of_range(name, advice))).transpose()
}

pub(super) fn out_of_range(name: &str, advice: &str) -> Refusal {
    Refusal::new(
        ErrorCode::INVALID_PARAMETER,
        format!("invalid query parameter `{name}`: it is out of range; {advice}"),
    )
}

/// The parameters that the links of a page repeat. A link repeats the values that the service has parsed, not the text
/// of the query, which may be long or contain credentials.
pub(super) type Params = Vec<(&'static str, String)>;

/// Returns the parameters of a page that the query contains.
pub(super) fn params(call: &Call<'_>, page: &Page) -> Params {
    let direction = if page.direction == Direction::Forwards { "forwards" } else { "backwards" };
    let all = [
        ("start", page.start.as_millis().to_string()),
        ("end", page.end.as_millis().to_string()),
        ("direction", direction.to_owned()),
        ("limit", page.limit.to_string()),
    ];
    in_query(call, all)
}

/// Returns those of `params` that the query contains.
pub(super) fn in_query(call: &Call<'_>, params: impl IntoIterator<Item = (&'static str, String)>) -> Params {
    params.into_iter().filter(|(name, _)| call.query(name).is_some()).collect()
}

/// Returns the links of a page whose items have positions. If more follow, `next` is the position of its last item.
pub(super) fn links_of(page: &Page, name: &str, params: &Params, next: Option<u64>) -> Vec<String> {
    let text = |position: u64| position.to_string();
    links(name, params, page.after.map(text).as_deref(), next.map(text).as_deref())
}

/// Returns links relative to the resource, as SDKs expect them (`TG3`): to the first page, to the page after `after`,
/// which is the current one, and to the next page if there is one.
pub(super) fn links(name: &str, params: &Params, after: Option<&str>, next: Option<&str>) -> Vec<String> {
    let link = |after: Option<&str>, rel: &str| {
        let mut query = Serializer::new(String::new());
        query.extend_pairs(params);
        if params.is_empty() {
            // ably-js ignores a link with an empty query.
            query.append_pair("limit", &DEFAULT_LIMIT.to_string());
        }
        query.extend_pairs(after.map(|after| (AFTER, after)));
        format!("<./{name}?{}>; rel=\"{rel}\"", query.finish())
    };
    let mut links = vec![link(None, "first"), link(after, "current")];
    links.extend(next.map(|next| link(Some(next), "next")));
    links
}
