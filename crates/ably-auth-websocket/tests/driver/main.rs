//! The driver, against a server that each test writes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests break")]

mod authorizing;
mod backpressure;
mod ending;
mod fallback;
mod frames;
mod handshakes;
mod messages;
mod opening;
mod pings;
mod redaction;
mod sharing;
mod sockets;
mod support;
#[cfg(feature = "tracing")]
mod tracing;
