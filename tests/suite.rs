//! Tests of every crate's public API, one subject in each file.

#[path = "core/mod.rs"]
mod core_suite;

mod auth;
mod backend;
mod census;
mod clients;
mod deploy;
mod guide;
