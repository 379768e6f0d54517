//! The log of refusals in a sandbox: the request, and the error message that the client got.
//!
//! Only a sandbox logs them, because channel names and clientIds are personal data. A key in a path is always left out.

use ably_auth_core::ErrorInfo;
use tracing::{Level, event};

use super::call::Call;
use super::request_labels::{Part, operation, path};
use super::route::Route;
use crate::ops::refusal_log::{TARGET, is_wanted, truncate};

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
