//! The log of refusals in a sandbox, with the error message that the client got.
//!
//! Only a sandbox logs them, because channel names and clientIds are personal data.

use ably_auth_core::ErrorInfo;
use tracing::{Level, enabled, event};

/// The `tracing` target by which subscribers select these events.
pub(crate) const TARGET: &str = "ably_auth_server::refusal";

/// The maximum number of characters logged of a path, a channel name or a clientId.
const MAX_CHARS: usize = 100;

/// Returns true if refusals are logged: in a sandbox, and if a subscriber takes the events.
pub(crate) fn is_wanted(sandbox: bool) -> bool {
    sandbox && enabled!(target: TARGET, Level::INFO)
}

/// Logs a refusal on a realtime connection. `answer` is the name of the message that refuses.
pub(crate) fn record_message(
    sandbox: bool,
    answer: &'static str,
    channel: Option<&str>,
    client_id: Option<&str>,
    error: &ErrorInfo,
) {
    if !is_wanted(sandbox) {
        return;
    }
    let (channel, client_id) = (channel.map(truncate), client_id.map(truncate));
    event!(
        target: TARGET,
        Level::INFO,
        status = error.status_code(),
        code = error.code().as_u32(),
        method = "realtime",
        path = answer,
        channel,
        client_id,
        reason = error.message(),
        "refused"
    );
}

/// Returns the first [`MAX_CHARS`] characters of `text`, with control characters escaped.
pub(crate) fn truncate(text: &str) -> String {
    let more = if text.chars().nth(MAX_CHARS).is_some() { "…" } else { "" };
    let start: String = text.chars().take(MAX_CHARS).collect();
    format!("{}{more}", start.escape_debug())
}
