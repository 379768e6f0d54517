//! `ably-auth`: exchanges, caches and options, without a network.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests break")]

mod auth_url;
mod authenticated_call;
mod authorize;
mod blocking_cache;
mod cache;
mod cache_properties;
#[cfg(feature = "realtime")]
mod connection;
mod early_renewal;
mod environment;
mod exchanges;
mod fallback;
mod fallback_properties;
mod fallback_transport;
mod fault_kinds;
mod foreign_text;
mod given_tokens;
mod hosts;
mod lost_answers;
mod messagepack;
mod options;
mod panics;
mod paths;
mod proxy_env;
mod redaction;
mod request_ids;
mod retry_after;
mod scenarios;
mod sources;
mod support;
mod token_timeout;
#[cfg(feature = "tracing")]
mod tracing;
