//! What CI asks besides tests.

use std::collections::BTreeSet;
use std::env;
use std::process::Command;

use crate::report::Report;
use crate::workspace::{Package, Workspace};
use crate::{Result, command, tidy};

/// Packages outside the workspace.
const ALONE: &[&str] =
    &["tests/cross/Cargo.toml", "tests/firmware/Cargo.toml", "tests/loom/Cargo.toml", "tests/no-std-probe/Cargo.toml"];

pub(crate) fn run(_: &[String]) -> Result {
    let workspace = Workspace::load()?;
    let mut report = Report::default();
    report.step("format", || {
        command::run(&mut command::cargo(["fmt", "--all", "--check"]))?;
        ALONE
            .iter()
            .try_for_each(|manifest| command::run(&mut command::cargo(["fmt", "--check", "--manifest-path", manifest])))
    });
    for package in &workspace.packages {
        for features in variants(package) {
            clippy(&mut report, &[&["-p", package.name.as_str()], features].concat());
        }
    }
    clippy(&mut report, &["--workspace", "--all-features"]);
    report.step("documentation", || {
        let mut doc = command::cargo(["doc", "--workspace", "--no-deps", "--all-features"]);
        command::run(doc.env("RUSTDOCFLAGS", "-D warnings"))
    });
    report.step("tidy", || tidy::run(&[]));
    report.step("core in every tier", tiers);
    report.step("licences, bans and sources", deny);
    report.finish().1
}

fn clippy(report: &mut Report, selection: &[&str]) {
    report.step(&format!("clippy {}", selection.join(" ")), || {
        let clippy = ["clippy"].iter().chain(selection).chain(&["--all-targets", "--", "-D", "warnings"]);
        command::run(&mut command::cargo(clippy))
    });
}

/// No, default and all features, each set once.
fn variants(package: &Package) -> Vec<&'static [&'static str]> {
    let mut default = BTreeSet::new();
    let mut pending = vec!["default"];
    while let Some(name) = pending.pop() {
        // What is no feature of the package itself turns on something in a dependency.
        if let Some((name, implied)) = package.features.get_key_value(name) {
            if default.insert(name) {
                pending.extend(implied.iter().map(String::as_str));
            }
        }
    }
    let has_default = package.features.get("default").is_some_and(|implied| !implied.is_empty());
    let has_more = package.features.keys().any(|name| name != "default" && !default.contains(name));
    let mut variants: Vec<&[&str]> = vec![&[]];
    if has_default {
        variants.push(&["--no-default-features"]);
    }
    if has_more {
        variants.push(&["--all-features"]);
    }
    variants
}

/// Core with every set of its features, so that each tier stands on its own.
fn tiers() -> Result {
    let mut hack = tool("cargo-hack", "CARGO_HACK")?;
    let clippy = ["hack", "clippy", "--package", "ably-auth-core", "--feature-powerset", "--", "-D", "warnings"];
    command::run(hack.args(clippy))
}

/// A program of cargo's that is not cargo's own.
fn tool(name: &str, variable: &str) -> Result<Command> {
    let program = env::var_os(variable).unwrap_or_else(|| name.into());
    match Command::new(&program).arg("--version").output() {
        Ok(_) => Ok(Command::new(program)),
        Err(_) => {
            Err(format!("{name} is not here; `cargo install {name} --locked`, or name the program in {variable}")
                .into())
        }
    }
}

fn deny() -> Result {
    let mut deny = tool("cargo-deny", "CARGO_DENY")?;
    // It looks at the licences of all platforms' crates, of which this platform's build has fetched only its own.
    command::run(&mut command::cargo(["fetch", "--locked"]))?;
    // A wrapper is a permission, which nobody has to use.
    let check = ["--offline", "check", "--allow", "unused-wrapper", "licenses", "bans", "sources"];
    command::run(deny.args(check))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variants_of(features: &[(&str, &[&str])]) -> Vec<&'static [&'static str]> {
        let features =
            features.iter().map(|(name, implied)| ((*name).into(), implied.iter().map(|i| (*i).into()).collect()));
        variants(&Package { features: features.collect(), ..Package::default() })
    }

    #[test]
    fn features_that_make_no_difference_are_not_tried() {
        assert_eq!(variants_of(&[]), [&[] as &[&str]]);
        assert_eq!(variants_of(&[("default", &[])]), [&[] as &[&str]]);
        let tiers: &[(&str, &[&str])] = &[("default", &["std"]), ("std", &["alloc"]), ("alloc", &["base64/alloc"])];
        assert_eq!(variants_of(tiers), [&[] as &[&str], &["--no-default-features"]]);
        assert_eq!(variants_of(&[("redis", &[])]), [&[] as &[&str], &["--all-features"]]);
    }
}
