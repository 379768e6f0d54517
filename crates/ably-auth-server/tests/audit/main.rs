//! Audit events, in a process of their own: all of its tests share one subscriber, installed before the first event.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests break")]

mod events;
mod log;
#[path = "../service/support.rs"]
#[allow(dead_code, reason = "the service's own tests use the rest")]
mod support;
