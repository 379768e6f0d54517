//! Attacks on the service: each sends what a stranger or the holder of a token can send, and measures what it costs.
//!
//! The service is the built program, under an address space of 1.5 GB. Each attack prints a row: what was attacked, how much was
//! sent, the peak of the resident memory and its bound, and how long an honest client waited for a token before and during it.
//! It fails if the service ends, if the peak is over the bound, or if the honest client gets no token afterwards.
//!
//! The short form takes a few seconds for each attack. `ABLY_AUTH_ATTACK=long` sends more, and also fails where the honest
//! client waited more than five times as long as before.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests break")]
#![allow(clippy::disallowed_methods, reason = "the clock is what is measured")]

mod bodies;
mod history;
mod idle;
mod neighbors;
mod processor;
mod support;
mod unread;
