//! The labels of a request in logs.

use ably_auth_core::ApiKey;
use http::Method;

use super::route::{self, Route};
use crate::ops::refusal_log::truncate;

/// A part of a request that can be refused while the rest is granted.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part<'a> {
    /// A channel of a batch.
    Channel(&'a str),
    /// A target of a revocation.
    Target(&'a str),
}

/// Returns the name of a method, or `other` for one that no endpoint takes.
pub(super) fn method(method: &Method) -> &'static str {
    let known = ["GET", "HEAD", "POST", "PATCH", "PUT", "DELETE"];
    known.into_iter().find(|known| *known == method.as_str()).unwrap_or("other")
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
