//! Tests that span crates, one subject in each file.

mod backend;
mod census;
mod clients;
mod deploy;
mod guide;
