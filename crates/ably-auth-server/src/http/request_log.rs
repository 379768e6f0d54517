//! The request log: an event and the metrics of each answered request.

use ably_auth_core::{ErrorCode, KeyName};
use bytes::Bytes;
use http::Response;
use tracing::{Level, enabled, event};

use crate::clock::Stopwatch;
use crate::ops::metrics::{Endpoint, Metrics};

/// A response, with the data about its request that is logged and counted.
pub(crate) struct CompletedRequest {
    pub(crate) response: Response<Bytes>,
    pub(crate) endpoint: Endpoint,
    pub(crate) code: Option<ErrorCode>,
    pub(crate) request_id: String,
    /// The key that the request is about; `None` if it is unknown or no subscriber takes the event.
    pub(crate) key: Option<KeyName>,
}

/// The `tracing` target by which subscribers select these events.
const TARGET: &str = "ably_auth_server::request";

/// Returns true if a subscriber takes these events; otherwise, callers need not collect their fields.
pub(crate) fn is_wanted() -> bool {
    enabled!(target: TARGET, Level::INFO)
}

/// Counts and logs a response, and returns it. The event has a key name only if the name is valid, and a request id
/// only in plain characters. It never has credentials, bodies, or the path or query of the request.
pub(crate) fn record_request(metrics: &Metrics, completed: CompletedRequest, since: Stopwatch) -> Response<Bytes> {
    let CompletedRequest { response, endpoint, code, request_id, key } = completed;
    let took = since.elapsed();
    metrics.record(endpoint, code, took);
    if is_wanted() {
        let status = response.status().as_u16();
        let code = code.map_or(0, ErrorCode::as_u32);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let (endpoint, key) = (endpoint.name(), key.as_ref().map(KeyName::as_str));
        if response.status().is_server_error() {
            event!(target: TARGET, Level::WARN, request_id, endpoint, key, status, code, micros, "failed");
        } else {
            event!(target: TARGET, Level::INFO, request_id, endpoint, key, status, code, micros, "answered");
        }
    }
    response
}
