//! `ably-auth`: exchanges, caches, options, stepped and run without a network.

mod authenticated_call;
mod authorize;
mod blocking_cache;
mod cache;
mod cache_properties;
mod exchanges;
mod options;
mod redaction;
mod scenarios;
mod sources;
mod support;
