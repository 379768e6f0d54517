//! Limits on the number of dependencies of each published crate without features.

use std::collections::BTreeSet;

use crate::workspace::Package;
use crate::{Result, command};

/// Maximum number of dependencies. Each costs users build time and binary size, and has to be trusted.
const LIMITS: &[(&str, usize)] = &[
    ("ably-auth-core", 30),
    ("ably-auth", 45),
    ("ably-auth-blocking", 65),
    ("ably-auth-backend", 40),
    ("ably-auth-axum", 58),
];

pub(super) fn check(packages: &[&Package]) -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    for Package { name, .. } in packages {
        let count = bare_dependencies(name)?.len();
        let limit = LIMITS.iter().find(|(limited, _)| limited == name).map(|(_, limit)| *limit);
        println!(
            "{count:4} dependencies: {name}{}",
            limit.map_or_else(String::new, |limit| format!(", at most {limit}"))
        );
        if limit.is_some_and(|limit| count > limit) {
            complaints.push(format!(
                "`{name}` has {count} dependencies without features, more than its limit; see `cargo tree -e normal \
                 --no-default-features -p {name}` and remove one, or put it behind a feature"
            ));
        }
    }
    Ok(complaints)
}

/// Returns the name and version of every package below this one, on this host, without features.
pub(crate) fn bare_dependencies(name: &str) -> Result<BTreeSet<String>> {
    let tree = ["tree", "-e", "normal", "--prefix", "none", "--no-default-features", "-p", name];
    Ok(unique(&command::output(&mut command::cargo(tree))?, name))
}

/// Parses lines with a name, a version, and remarks such as `(*)` or `(proc-macro)`.
fn unique(tree: &str, itself: &str) -> BTreeSet<String> {
    let lines = tree.lines().map(|line| line.split_whitespace().take(2).collect::<Vec<_>>().join(" "));
    lines.filter(|line| !line.is_empty() && line.split(' ').next() != Some(itself)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn package_counts_once_and_root_is_excluded() {
        let tree =
            "mine v0.1.0 (here)\nserde v1.0.0\nserde_derive v1.0.0 (proc-macro)\nserde v1.0.0 (*)\nserde v0.9.0\n\n";
        assert_eq!(Vec::from_iter(unique(tree, "mine")), ["serde v0.9.0", "serde v1.0.0", "serde_derive v1.0.0"]);
    }
}
