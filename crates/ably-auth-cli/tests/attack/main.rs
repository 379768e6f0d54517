//! Attacks on the service. Each sends what an unauthenticated client or the holder of a token can send, and measures
//! the cost.
//!
//! The service is the built program, with an address space of 1.5 GiB. Each attack prints a row: its name, the bytes
//! sent, the peak of the resident memory and its limit, how long an honest client waited for a token before and during
//! the attack, and the processor time. The attack fails if the service ends, if the peak is over the limit, or if the
//! honest client gets no token afterwards.
//!
//! The short form takes a few seconds for each attack. `ABLY_AUTH_ATTACK=long` sends more. It also fails if the honest
//! client waited more than five times as long during the attack as before.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests break")]
#![allow(clippy::disallowed_methods, reason = "the attacks measure elapsed time")]

mod bodies;
mod history;
mod idle;
mod neighbors;
mod processor;
mod realtime;
mod support;
mod unread;
