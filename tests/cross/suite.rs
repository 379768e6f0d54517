//! What `tests/core` says of core's public face.

#[path = "../core/mod.rs"]
mod core;
