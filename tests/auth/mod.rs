//! `ably-auth`: exchanges, caches and options, without a network.

#[path = "../../crates/ably-auth-server/tests/service/alone.rs"]
mod alone;
mod auth_url;
mod authenticated_call;
mod authorize;
mod blocking_cache;
mod cache;
mod cache_properties;
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
mod tracing;
