//! The crates with the oldest compiler that they promise to build with, and with the cargo of that time.
//!
//! That each set of features stands on its own is for `lint` to see. Here they are checked together, since what they
//! are made of then has to be checked once; only core's tiers, which cost nothing, are also checked one by one.

use crate::lint::{CORE, TIERS};
use crate::report::Report;
use crate::toolchain::{OLDEST, Toolchain};
use crate::workspace::Workspace;
use crate::{Complaints, Result, command};

pub(crate) fn run(_: &[String]) -> Result {
    let workspace = Workspace::load()?;
    let published = workspace.published();
    let complaints: Vec<String> =
        published.iter().filter_map(|package| unchecked(&package.name, package.rust_version.as_deref())).collect();
    if !complaints.is_empty() {
        return Err(Complaints(complaints));
    }
    let toolchain = Toolchain::oldest()?;
    let folder = workspace.target_directory.join(format!("rust-{OLDEST}"));
    let check = |options: &[&str]| {
        // Nothing runs but macros and build scripts, which take longer to make fast than they save.
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

/// A crate that promises another version would be checked with the wrong compiler.
fn unchecked(name: &str, promised: Option<&str>) -> Option<String> {
    (promised != Some(OLDEST)).then(|| {
        let promised = promised.map_or_else(|| "no Rust version".into(), |version| format!("Rust {version}"));
        format!(
            "`{name}` promises {promised}, and Rust {OLDEST} is what is here; give it `rust-version.workspace = true`"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_promise_that_is_not_checked_is_found() {
        assert_eq!(unchecked("a", Some(OLDEST)), None);
        assert!(unchecked("a", Some("1.86")).is_some_and(|complaint| complaint.contains("`a` promises Rust 1.86")));
        assert!(unchecked("a", None).is_some_and(|complaint| complaint.contains("no Rust version")));
    }
}
