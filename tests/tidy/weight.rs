//! The dependencies of the published crates without features: a limit of their number, and for core those without std.

use std::collections::BTreeSet;

use crate::workspace::{Package, cargo, published};

/// Maximum number of dependencies. Each costs users build time and binary size, and has to be trusted.
const LIMITS: &[(&str, usize)] = &[
    ("ably-auth-core", 30),
    ("ably-auth-inspect", 32),
    ("ably-auth", 45),
    ("ably-auth-blocking", 65),
    ("ably-auth-backend", 40),
    ("ably-auth-axum", 58),
    ("ably-auth-websocket", 75),
];

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

fn check() -> Vec<String> {
    let mut complaints = Vec::new();
    for Package { name, .. } in published() {
        let count = bare_dependencies(&name).len();
        let limit = LIMITS.iter().find(|(limited, _)| *limited == name).map(|(_, limit)| *limit);
        let limited = limit.map_or_else(|| "no limit".to_owned(), |limit| format!("at most {limit}"));
        println!("{count:5} dependencies without features ({limited}): {name}");
        if limit.is_some_and(|limit| count > limit) {
            complaints.push(format!(
                "`{name}` has {count} dependencies without features, more than its limit; see `cargo tree -e normal \
                 --no-default-features -p {name}` and remove one, or put it behind a feature"
            ));
        }
    }
    complaints
}

/// Returns the name and version of every package below this one, on this host, without features.
fn bare_dependencies(name: &str) -> BTreeSet<String> {
    let tree = ["tree", "-e", "normal", "--prefix", "none", "--no-default-features", "-p", name];
    unique(&cargo(&tree), name)
}

/// Parses lines with a name, a version, and remarks such as `(*)` or `(proc-macro)`.
fn unique(tree: &str, itself: &str) -> BTreeSet<String> {
    let lines = tree.lines().map(|line| line.split_whitespace().take(2).collect::<Vec<_>>().join(" "));
    lines.filter(|line| !line.is_empty() && line.split(' ').next() != Some(itself)).collect()
}

fn unverified(dependencies: &BTreeSet<String>) -> Vec<String> {
    let names = dependencies.iter().filter_map(|dependency| dependency.split(' ').next());
    let unknown = names.filter(|name| !VERIFIED.contains(name));
    unknown
        .map(|name| {
            format!(
                "`ably-auth-core` without features depends on `{name}`, which may need std; put it behind a feature, or, if it is \
                 `no_std` without features, add it to VERIFIED in `tests/tidy/weight.rs`"
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_have_few_dependencies() {
        crate::assert_tidy(check);
    }

    #[test]
    fn core_needs_no_std() {
        crate::assert_tidy(|| unverified(&bare_dependencies("ably-auth-core")));
    }

    #[test]
    fn crate_that_may_need_std_is_reported() {
        assert_eq!(unverified(&["hmac v0.13.0".into(), "sha2 v0.11.0".into()].into()), Vec::<String>::new());
        assert!(unverified(&["bytes v1.12.0".into()].into()).concat().contains("on `bytes`, which may need std"));
    }

    #[test]
    fn package_counts_once_and_root_is_excluded() {
        let tree =
            "mine v0.1.0 (here)\nserde v1.0.0\nserde_derive v1.0.0 (proc-macro)\nserde v1.0.0 (*)\nserde v0.9.0\n\n";
        assert_eq!(Vec::from_iter(unique(tree, "mine")), ["serde v0.9.0", "serde v1.0.0", "serde_derive v1.0.0"]);
    }
}
