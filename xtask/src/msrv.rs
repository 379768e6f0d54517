//! Checks the crates with the minimum supported Rust version, and the cargo of that version.
//!
//! The crates are checked together with all features, so that each dependency is checked once. Only core's tiers, which
//! are quick to check, are also checked one by one; `lint` checks all sets of features with the current compiler.

use crate::lint::{CORE, TIERS};
use crate::report::Report;
use crate::toolchain::{OLDEST, Toolchain};
use crate::workspace::Workspace;
use crate::{Complaints, Result, command};

pub(crate) fn run(_: &[String]) -> Result {
    let workspace = Workspace::load()?;
    let published = workspace.published();
    let complaints: Vec<String> =
        published.iter().filter_map(|package| wrong_version(&package.name, package.rust_version.as_deref())).collect();
    if !complaints.is_empty() {
        return Err(Complaints(complaints));
    }
    let toolchain = Toolchain::oldest()?;
    let folder = workspace.target_directory.join(format!("rust-{OLDEST}"));
    let check = |options: &[&str]| {
        // Only macros and build scripts run, and to optimize them takes longer than it saves.
        let slow = "profile.dev.package.\"*\".opt-level=0";
        let mut check = toolchain.own_cargo(&["check", "--quiet", "--locked", "--config", slow]);
        command::run(check.args(options).arg("--target-dir").arg(&folder))
    };
    let mut report = Report::default();
    for tier in TIERS {
        let name = format!("core {} on Rust {OLDEST}", tier.join(" "));
        report.step(&name, || check(&[&["--package", CORE, "--no-default-features"], *tier].concat()));
    }
    let all: Vec<&str> = published.iter().flat_map(|package| ["--package", package.name.as_str()]).collect();
    report.step(&format!("all crates on Rust {OLDEST}"), || check(&[&["--all-features"], all.as_slice()].concat()));
    report.finish().1
}

/// Returns a complaint if the crate's `rust-version` is not the checked one.
fn wrong_version(name: &str, promised: Option<&str>) -> Option<String> {
    (promised != Some(OLDEST)).then(|| {
        let promised = promised.map_or_else(|| "no Rust version".into(), |version| format!("Rust {version}"));
        format!(
            "`{name}` promises {promised}, but this task checks Rust {OLDEST}; give it `rust-version.workspace = true`"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crate_with_other_rust_version_is_reported() {
        assert_eq!(wrong_version("a", Some(OLDEST)), None);
        assert!(wrong_version("a", Some("1.86")).is_some_and(|complaint| complaint.contains("`a` promises Rust 1.86")));
        assert!(wrong_version("a", None).is_some_and(|complaint| complaint.contains("no Rust version")));
    }
}
