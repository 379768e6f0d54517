//! Tests of the service as its clients see it, with a clock that the test sets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests break")]

#[cfg(any(feature = "redb", all(feature = "redis", unix)))]
mod apps;
mod authenticating;
mod bodies;
mod bounds;
mod browsers;
mod channels;
mod codes;
mod connections;
#[cfg(feature = "console")]
mod console;
mod control;
mod embedded;
#[allow(dead_code, reason = "other test binaries use the rest")]
mod faulty;
mod forwarded;
mod framing;
mod issuing;
mod jwts;
mod large_capabilities;
mod large_tokens;
mod mutated;
mod opaque;
mod operating;
mod properties;
mod publishing;
mod realtime;
mod reloading;
mod revoked_jwts;
mod revoking;
mod same_refusals;
mod sandbox;
mod sandbox_pages;
mod sdks;
mod socket;
mod stats;
mod store;
mod support;
mod tls;
