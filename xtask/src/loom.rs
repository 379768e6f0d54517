//! Model checking of the blocking cache: every interleaving of its threads.

use crate::workspace::Workspace;
use crate::{Result, command};

const MANIFEST: &str = "tests/loom/Cargo.toml";

pub(crate) fn run(_: &[String]) -> Result {
    let target = Workspace::load()?.target_directory.join("loom");
    let mut tests = command::cargo(["test", "--locked", "--manifest-path", MANIFEST, "--target-dir"]);
    // `cfg(loom)` builds all crates with loom's locks instead of the standard library's.
    command::run(tests.arg(target).env("RUSTFLAGS", "--cfg loom"))
}
