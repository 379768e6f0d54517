//! What is told of a request: a line in the log, and the counts.

use ably_auth_core::{ErrorCode, KeyName};
use bytes::Bytes;
use http::Response;
use tracing::{Level, enabled, event};

use crate::clock::Stopwatch;
use crate::ops::metrics::{Endpoint, Metrics};

/// An answer, and what is to be told of it beside.
pub(crate) struct Answered {
    pub(crate) response: Response<Bytes>,
    pub(crate) endpoint: Endpoint,
    pub(crate) code: Option<ErrorCode>,
    pub(crate) request_id: String,
    /// The key that it was about, if that is known and wanted.
    pub(crate) key: Option<KeyName>,
}

/// By which a subscriber can choose these events.
const TARGET: &str = "ably_auth_server::request";

/// Whether anybody listens, so that nothing is gathered for nobody.
pub(crate) fn is_wanted() -> bool {
    enabled!(target: TARGET, Level::INFO)
}

/// Counts and logs an answer, and gives it on. Of what came from outside it logs no more than the names of keys that exist or
/// could, and a request id that is plain; credentials, bodies and what was asked for are in no event.
pub(crate) fn record_request(metrics: &Metrics, answered: Answered, since: Stopwatch) -> Response<Bytes> {
    let Answered { response, endpoint, code, request_id, key } = answered;
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
