//! Tests of `Sandbox` over real sockets, as the tests of an application use it.
#![cfg(feature = "sandbox")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests break")]

mod client;
mod failing;
mod lifetime;
mod resetting;
