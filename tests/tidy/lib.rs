//! Rules that the compiler does not check, as tests.
#![cfg(test)]

mod arrows;
mod files;
mod imports;
mod manifests;
mod paths;
mod prose;
mod rooms;
mod weight;
mod workspace;

use std::{env, path::Path};

/// Checks a rule in the root of the project, which all paths are relative to. Fails with its complaints.
fn assert_tidy(rule: fn() -> Vec<String>) {
    env::set_current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")).unwrap();
    let complaints = rule();
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}
