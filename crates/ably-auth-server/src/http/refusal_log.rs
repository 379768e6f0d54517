//! The log of refusals in a sandbox: the request, and the error message that the client got.
//!
//! Only a sandbox logs them, because channel names and clientIds are personal data. A key in a path is always left out.

use ably_auth_core::{ApiKey, ErrorInfo};
use http::Method;
use tracing::{Level, event};

use super::call::Call;
use super::route::{self, Route};
use crate::ops::refusal_log::{TARGET, is_wanted, truncate};

/// A part of a request that can be refused while the rest is granted.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part<'a> {
    /// A channel of a batch.
    Channel(&'a str),
    /// A target of a revocation.
    Target(&'a str),
}

/// Logs why a request was refused, in a sandbox and if a subscriber takes the event.
pub(super) fn record(call: &Call<'_>, error: &ErrorInfo) {
    record_part(call, None, error);
}

/// Logs why a request, or only that part of it, was refused.
pub(super) fn record_part(call: &Call<'_>, part: Option<Part<'_>>, error: &ErrorInfo) {
    #[cfg(feature = "console")]
    if let Some(part) = part {
        super::recorder::record_part(call, part, error);
    }
    if !is_wanted(call.state.sandbox) {
        return;
    }
    let route = Route::of(call.parts.uri.path(), true).ok();
    let (channel, revocation_target) = match part {
        Some(Part::Channel(name)) => (Some(truncate(name)), None),
        Some(Part::Target(target)) => (None, Some(truncate(target))),
        None => (route.as_ref().and_then(Route::channel).map(|channel| truncate(&channel.name)), None),
    };
    let operation = route.as_ref().and_then(|route| operation(route, &call.parts.method));
    let client_id = call.client_id().map(truncate);
    let (method, path) = (truncate(call.parts.method.as_str()), path(call.parts.uri.path()));
    event!(
        target: TARGET,
        Level::INFO,
        status = error.status_code(),
        code = error.code().as_u32(),
        method,
        path,
        channel,
        revocation_target,
        operation,
        client_id,
        reason = error.message(),
        "refused"
    );
}

/// Returns the operation that a request needs, if the path and the method determine it.
pub(super) fn operation(route: &Route<'_>, method: &Method) -> Option<&'static str> {
    Some(match route {
        Route::Channels | Route::Channel(_) => "channel-metadata",
        Route::Messages(_) | Route::Publish(_) | Route::Batch if *method == Method::POST => "publish",
        Route::Messages(_) | Route::History(_) | Route::PresenceHistory(_) => "history",
        Route::Presence(_) => "subscribe",
        Route::Stats => "stats",
        _ => return None,
    })
}

/// Returns the path with `[key]` in place of whole keys. `path` must not contain the query, which may hold credentials.
pub(super) fn path(path: &str) -> String {
    let is_key = |segment: &str| {
        segment.contains([':', '%']) && route::decode(segment).is_ok_and(|text| ApiKey::parse(&text).is_ok())
    };
    let segments: Vec<_> = path.split('/').map(|segment| if is_key(segment) { "[key]" } else { segment }).collect();
    truncate(&segments.join("/"))
}
