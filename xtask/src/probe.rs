//! Core where there is no operating system: `tests/no-std-probe` links it into a program of its own panic handler.
//!
//! Were std anywhere below it, there would be two panic handlers; were `alloc`, there would be no allocator. Both are errors
//! of the compiler. What the compiler cannot see, a crate that only looks free of std on this host, the list below guards.

use std::collections::BTreeSet;

use crate::tidy::bare_dependencies;
use crate::workspace::Workspace;
use crate::{Complaints, Result, command};

const PROBE: &str = "tests/no-std-probe/Cargo.toml";

/// Crates that have been looked at and do without std and without an allocator.
const VERIFIED: &[&str] = &[
    "base64",
    "block-buffer",
    "cfg-if",
    "cmov",
    "cpufeatures",
    "crypto-common",
    "ctutils",
    "digest",
    "hmac",
    "hybrid-array",
    "libc",
    "sha2",
    "subtle",
    "typenum",
    "zeroize",
];

pub(crate) fn run(_: &[String]) -> Result {
    let complaints = unverified(&bare_dependencies("ably-auth-core")?);
    if !complaints.is_empty() {
        return Err(Complaints(complaints));
    }
    let target = Workspace::load()?.target_directory.join("no-std-probe");
    for features in [&[][..], &["--features", "alloc"]] {
        let mut probe = command::cargo(["run", "--release", "--manifest-path", PROBE]);
        command::run(probe.args(features).arg("--target-dir").arg(&target))?;
    }
    println!("core parses a key and signs without std, with and without an allocator");
    Ok(())
}

fn unverified(dependencies: &BTreeSet<String>) -> Vec<String> {
    let names = dependencies.iter().filter_map(|dependency| dependency.split(' ').next());
    let unknown = names.filter(|name| !VERIFIED.contains(name));
    unknown
        .map(|name| {
            format!(
                "`ably-auth-core` without features brings `{name}`, which may need std; put it behind a feature, or, if its source \
                 is `no_std` without features, add it to VERIFIED in `xtask/src/probe.rs`"
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_that_may_need_std_is_found() {
        assert_eq!(unverified(&["hmac v0.13.0".into(), "sha2 v0.11.0".into()].into()), Vec::<String>::new());
        assert!(unverified(&["bytes v1.12.0".into()].into()).concat().contains("brings `bytes`, which may need std"));
    }
}
