//! Lint checks: formatting, clippy, documentation, tidy and cargo-deny.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::report::Report;
use crate::workspace::{Package, Workspace};
use crate::{Result, book, command, files, suites};

/// Workspaces that clippy does not build: for other machines, from packaged crates, or with another `cfg`.
const ALONE: &[&str] = &["tests/packaged/Cargo.toml", "tests/simulation/Cargo.toml", "tests/targets/Cargo.toml"];

/// Workspaces and packages outside the workspace that build on the host, so clippy checks them.
const BUILT: &[&str] = &[
    "bindings/c/Cargo.toml",
    "bindings/javascript/Cargo.toml",
    "bindings/python/Cargo.toml",
    "crates/ably-auth-backend/examples/actix/Cargo.toml",
    "tests/api/Cargo.toml",
    "tests/bench/Cargo.toml",
    "tests/fuzz/Cargo.toml",
    "tests/targets/explorer/Cargo.toml",
];

pub(crate) const CORE: &str = "ably-auth-core";

/// The cargo options of core's feature tiers. Documentation in a tier must not link to items that the tier lacks.
pub(crate) const TIERS: &[&[&str]] = &[&[], &["--features", "alloc"], &["--features", "serde"], &["--features", "std"]];

/// Link targets of the lower tiers' documentation: pages on docs.rs, for items that only higher tiers have.
const LINKS: &[&str] = &["crates/ably-auth-core/src/links/alloc.md", "crates/ably-auth-core/src/links/serde.md"];
const DOCS_RS: &str = "https://docs.rs/ably-auth-core/latest/";

pub(crate) fn run(_: &[String]) -> Result {
    let workspace = Workspace::load()?;
    let mut report = Report::default();
    report.step("format", || {
        command::run(&mut command::cargo(["fmt", "--all", "--check"]))?;
        ALONE.iter().chain(BUILT).try_for_each(|manifest| {
            command::run(&mut command::cargo(["fmt", "--all", "--check", "--manifest-path", manifest]))
        })
    });
    for package in &workspace.packages {
        for features in variants(package) {
            // The last run has the tests with all features.
            let targets: &[&str] = if features.is_empty() { &["--all-targets"] } else { &[] };
            clippy(&mut report, &[&["-p", package.name.as_str()], features, targets].concat());
        }
    }
    clippy(&mut report, &["--workspace", "--all-features", "--all-targets"]);
    for manifest in BUILT {
        report.step(&format!("clippy {manifest}"), || {
            let mut clippy = command::cargo(["clippy", "--locked", "--manifest-path", manifest, "--target-dir"]);
            clippy.arg(&workspace.target_directory);
            command::run(clippy.args(["--all-targets", "--", "-D", "warnings"]))
        });
    }
    report.step("documentation", || {
        let mut doc = command::cargo(["doc", "--workspace", "--no-deps", "--all-features"]);
        command::run(doc.env("RUSTDOCFLAGS", "-D warnings"))
    });
    report.step("documentation of core in every tier", || tier_documentation(&workspace.target_directory));
    report.step("links", links);
    report.step("guide as a book", || book(&workspace.target_directory));
    report.step("tidy", || suites::tidy(&[]));
    report.step("core in every tier", tiers);
    report.step("licences, bans and sources", deny);
    report.finish().1
}

fn clippy(report: &mut Report, selection: &[&str]) {
    report.step(&format!("clippy {}", selection.join(" ")), || {
        let clippy = ["clippy"].iter().chain(selection).chain(&["--", "-D", "warnings"]);
        command::run(&mut command::cargo(clippy))
    });
}

/// Returns the options for no, default and all features, without duplicate sets.
fn variants(package: &Package) -> Vec<&'static [&'static str]> {
    let mut default = BTreeSet::new();
    let mut pending = vec!["default"];
    while let Some(name) = pending.pop() {
        // Any other name enables a feature of a dependency.
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

/// Checks core's documentation for broken links: in each tier, and as docs.rs builds it.
fn tier_documentation(target: &Path) -> Result {
    let doc = |options: &[&str], flags| {
        let mut doc = command::cargo(["doc", "--no-deps", "--package", CORE]);
        doc.args(options).env("RUSTDOCFLAGS", flags);
        doc
    };
    for tier in TIERS {
        command::run(&mut doc(&[&["--no-default-features"], *tier].concat(), "-D warnings"))?;
    }
    let shown = target.join("docs.rs");
    let mut docs_rs = doc(&["--all-features"], "--cfg docsrs");
    // The list of features that an item needs is unstable; RUSTC_BOOTSTRAP enables it in a released compiler.
    command::run(docs_rs.arg("--target-dir").arg(&shown).env("RUSTC_BOOTSTRAP", "1"))?;
    for file in LINKS {
        let links = files::read(file.as_ref())?;
        broken_link(&links, |page| shown.join("doc").join(page).exists()).map_or(Ok(()), |link| {
            Err(format!("`{file}` links to `{link}`, which is not a page of core's documentation; correct the link"))
        })?;
    }
    Ok(())
}

/// Returns the first link whose page does not exist.
fn broken_link(links: &str, exists: impl Fn(&str) -> bool) -> Option<&str> {
    let urls = links.lines().filter_map(|line| line.split_once("]: ")).map(|(_, url)| url);
    urls.into_iter().find(|url| {
        let page = url.strip_prefix(DOCS_RS).map(|page| page.split('#').next().unwrap_or(page));
        !page.is_some_and(&exists)
    })
}

/// Checks the links between the project's pages, headings included.
fn links() -> Result {
    let pages = command::output(Command::new("git").args(["ls-files", "*.md"]))?;
    check_links(pages.lines())
}

fn check_links(pages: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Result {
    let mut lychee = tool("lychee", "LYCHEE")?;
    command::run(lychee.args(["--offline", "--include-fragments", "--no-progress"]).args(pages))
}

/// Builds the guide with mdBook, and checks the links of the built pages.
fn book(target: &Path) -> Result {
    let is_page = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "html");
    check_links(files::paths(&book::build(target)?)?.into_iter().filter(is_page))
}

/// Checks core with every combination of its features.
fn tiers() -> Result {
    let mut hack = tool("cargo-hack", "CARGO_HACK")?;
    let clippy = ["hack", "clippy", "--package", CORE, "--feature-powerset", "--", "-D", "warnings"];
    command::run(hack.args(clippy))
}

/// Returns a command for a cargo plugin, or an error if it is not installed.
pub(crate) fn tool(name: &str, variable: &str) -> Result<Command> {
    let program = env::var_os(variable).unwrap_or_else(|| name.into());
    match Command::new(&program).arg("--version").output() {
        Ok(_) => Ok(Command::new(program)),
        Err(_) => Err(format!(
            "{name} is not installed; run `cargo install {name} --locked`, or name the program in {variable}"
        )
        .into()),
    }
}

fn deny() -> Result {
    check_dependencies("Cargo.toml", &["licenses", "bans", "sources"])?;
    let bindings = BUILT.iter().filter(|manifest| manifest.starts_with("bindings/"));
    // Not the bans: tools that only build a binding may have a dependency in two versions.
    bindings.into_iter().try_for_each(|manifest| check_dependencies(manifest, &["licenses", "sources"]))
}

fn check_dependencies(manifest: &str, checks: &[&str]) -> Result {
    let mut deny = tool("cargo-deny", "CARGO_DENY")?;
    // cargo-deny reads the crates of all platforms, and a build has fetched only those of this platform.
    command::run(&mut command::cargo(["fetch", "--locked", "--manifest-path", manifest]))?;
    deny.args(["--offline", "--workspace", "--manifest-path", manifest, "check"]);
    // `deny.toml` permits things for one workspace that another does not use.
    deny.args(["--allow", "unused-wrapper", "--allow", "license-exception-not-encountered"]);
    command::run(deny.args(checks))
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
    fn dead_link_is_found() {
        let links = format!("[`A`]: {DOCS_RS}core/struct.A.html\n[`A::b`]: {DOCS_RS}core/struct.A.html#method.b\n");
        assert_eq!(broken_link(&links, |page| page == "core/struct.A.html"), None);
        assert_eq!(broken_link(&links, |_| false), Some(&*format!("{DOCS_RS}core/struct.A.html")));
        assert!(broken_link("[`C`]: https://example.com/c.html", |_| true).is_some());
    }

    #[test]
    fn equal_feature_sets_are_checked_once() {
        assert_eq!(variants_of(&[]), [&[] as &[&str]]);
        assert_eq!(variants_of(&[("default", &[])]), [&[] as &[&str]]);
        let tiers: &[(&str, &[&str])] = &[("default", &["std"]), ("std", &["alloc"]), ("alloc", &["base64/alloc"])];
        assert_eq!(variants_of(tiers), [&[] as &[&str], &["--no-default-features"]]);
        assert_eq!(variants_of(&[("redis", &[])]), [&[] as &[&str], &["--all-features"]]);
    }
}
