//! Operations: metrics, audit events and request ids.

pub(crate) mod audit;
pub(crate) mod instrumented_store;
pub(crate) mod metrics;
pub(crate) mod refusal_log;
pub(crate) mod request_id;
