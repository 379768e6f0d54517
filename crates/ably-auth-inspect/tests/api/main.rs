//! Tests of `ably-auth-inspect`: reports, tables, and the causes of wrong signatures.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests break")]

mod jwts;
mod macs;
mod matrices;
mod redaction;
mod reports;
mod support;
