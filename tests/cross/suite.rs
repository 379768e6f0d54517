//! The tests of `tests/core`, which use core's public API only.

#[path = "../core/mod.rs"]
mod core;
