//! What each crate of the product shares with the others and says about itself.

use std::fs;

use crate::workspace::Package;

const SHARED: &[&str] = &["version", "edition", "rust-version", "license"];

pub(super) fn check(packages: &[&Package]) -> Vec<String> {
    packages.iter().flat_map(|package| complaints(package)).collect()
}

fn complaints(package: &Package) -> Vec<String> {
    let name = &package.name;
    let mut complaints = match fs::read_to_string(&package.manifest_path) {
        Ok(manifest) => not_inherited(&manifest)
            .into_iter()
            .map(|line| format!("`{name}` does not take part; add `{line}` to its Cargo.toml"))
            .collect(),
        Err(error) => vec![format!("cannot read the manifest of `{name}`: {error}")],
    };
    if !package.manifest_path.with_file_name("README.md").exists() {
        complaints.push(format!("`{name}` has no README.md; write one for its readers at the package registry"));
    }
    if package.description.as_ref().is_none_or(String::is_empty) {
        complaints.push(format!("`{name}` has no description; say in one line of its Cargo.toml what it does"));
    }
    complaints
}

/// Cargo's metadata tells values, not where they come from, so this reads the text.
fn not_inherited(manifest: &str) -> Vec<String> {
    let lines: Vec<&str> = manifest.lines().map(str::trim).collect();
    let mut missing: Vec<String> = SHARED.iter().map(|field| format!("{field}.workspace = true")).collect();
    missing.retain(|line| !lines.contains(&line.as_str()));
    if !lines.windows(2).any(|pair| pair == ["[lints]", "workspace = true"]) {
        missing.push("[lints] workspace = true".into());
    }
    missing
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = "[package]\nversion.workspace = true\nedition.workspace = true\nrust-version.workspace = true\n\
                         license.workspace = true\n\n[lints]\nworkspace = true\n";

    #[test]
    fn what_is_not_inherited_is_found() {
        assert_eq!(not_inherited(WHOLE), Vec::<String>::new());
        assert_eq!(
            not_inherited(&WHOLE.replace("edition.workspace = true", "edition = \"2021\"")),
            ["edition.workspace = true"]
        );
        assert_eq!(not_inherited(&WHOLE.replace("[lints]", "[lints.rust]")), ["[lints] workspace = true"]);
    }
}
