//! The log of refusals in a sandbox: what was asked, and the sentence that the client got.
//!
//! Elsewhere nothing of it is logged, since channels and clientIds are personal data. A key in a path is left out here too.

use ably_auth_core::{ApiKey, ErrorInfo};
use http::Method;
use tracing::{Level, enabled, event};

use super::call::Call;
use super::route::{self, Route};

/// By which a subscriber can choose these events.
const TARGET: &str = "ably_auth_server::refusal";

/// The most characters of a path, a channel or a clientId that are logged.
const MAX_CHARS: usize = 100;

/// Logs why a request was refused, if that is wanted.
pub(super) fn record(call: &Call<'_>, error: &ErrorInfo) {
    if !call.state.sandbox || !enabled!(target: TARGET, Level::INFO) {
        return;
    }
    let route = Route::of(call.parts.uri.path(), true).ok();
    let channel = route.as_ref().and_then(Route::channel).map(|channel| shown(&channel.name));
    let operation = route.as_ref().and_then(|route| operation(route, &call.parts.method));
    let client_id = call.client_id().map(shown);
    let (method, path) = (shown(call.parts.method.as_str()), path(call.parts.uri.path()));
    event!(
        target: TARGET,
        Level::INFO,
        status = error.status_code(),
        code = error.code().as_u32(),
        method,
        path,
        channel,
        operation,
        client_id,
        reason = error.message(),
        "refused"
    );
}

/// Returns the operation that a request needs, where the path and the method say it.
fn operation(route: &Route<'_>, method: &Method) -> Option<&'static str> {
    Some(match route {
        Route::Channels | Route::Channel(_) => "channel-metadata",
        Route::Messages(_) | Route::Publish(_) | Route::Batch if *method == Method::POST => "publish",
        Route::Messages(_) | Route::History(_) | Route::PresenceHistory(_) => "history",
        Route::Presence(_) => "subscribe",
        Route::Stats => "stats",
        _ => return None,
    })
}

/// Returns the path without its query, in which credentials may be, and without whole keys.
fn path(path: &str) -> String {
    let is_key = |segment: &str| route::decode(segment).is_ok_and(|text| ApiKey::parse(&text).is_ok());
    let segments: Vec<_> = path.split('/').map(|segment| if is_key(segment) { "[key]" } else { segment }).collect();
    shown(&segments.join("/"))
}

/// Returns text without control characters and not longer than a line.
fn shown(text: &str) -> String {
    let more = if text.chars().nth(MAX_CHARS).is_some() { "…" } else { "" };
    let start: String = text.chars().take(MAX_CHARS).collect();
    format!("{}{more}", start.escape_debug())
}
