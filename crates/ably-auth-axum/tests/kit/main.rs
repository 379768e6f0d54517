//! The auth URL and guarded routes, called without a socket.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests break")]

mod cors;
mod endpoint;
mod examples;
mod identities;
mod narrowing;
mod protected;
mod redaction;
mod slow_bodies;
mod support;
mod tokens;
