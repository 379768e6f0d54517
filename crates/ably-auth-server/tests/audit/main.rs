//! Tests of audit events. They are a separate binary because they share one subscriber, which must be installed before the
//! first event of the process.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests break")]

mod events;
#[path = "../service/faulty.rs"]
#[allow(dead_code, reason = "the service's own tests use the rest")]
mod faulty;
mod log;
#[path = "../service/support.rs"]
#[allow(dead_code, reason = "the service's own tests use the rest")]
mod support;
