//! Core without an operating system: `tests/no-std-probe` links it into a program with its own panic handler.
//!
//! If a dependency used std, the program would have two panic handlers; if one used `alloc`, it would lack an
//! allocator. The compiler refuses both. It cannot see a crate that avoids std on this host only; the list below guards
//! against those.

use std::collections::BTreeSet;

use crate::tidy::bare_dependencies;
use crate::workspace::Workspace;
use crate::{Complaints, Result, command};

const PROBE: &str = "tests/no-std-probe/Cargo.toml";

/// Crates that were reviewed, and use neither std nor an allocator.
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
                "`ably-auth-core` without features depends on `{name}`, which may need std; put it behind a feature, or, if it is \
                 `no_std` without features, add it to VERIFIED in `xtask/src/probe.rs`"
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crate_that_may_need_std_is_reported() {
        assert_eq!(unverified(&["hmac v0.13.0".into(), "sha2 v0.11.0".into()].into()), Vec::<String>::new());
        assert!(unverified(&["bytes v1.12.0".into()].into()).concat().contains("on `bytes`, which may need std"));
    }
}
