//! The blocking cache, in every order in which its threads can take turns.

use crate::workspace::Workspace;
use crate::{Result, command};

const MANIFEST: &str = "tests/loom/Cargo.toml";

pub(crate) fn run(_: &[String]) -> Result {
    let target = Workspace::load()?.target_directory.join("loom");
    let mut tests = command::cargo(["test", "--locked", "--manifest-path", MANIFEST, "--target-dir"]);
    // Everything below is built with the checker's locks in the place of the standard library's.
    command::run(tests.arg(target).env("RUSTFLAGS", "--cfg loom"))
}
