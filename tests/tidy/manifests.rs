//! Manifest rules for the published crates: shared fields, licences, and fields for the package registry.

use std::fs;

use crate::workspace::{Package, published};

const SHARED: &[&str] = &["version", "edition", "rust-version", "license"];
const LICENCES: &[&str] = &["LICENSE-APACHE", "LICENSE-MIT"];

fn check() -> Vec<String> {
    published().iter().flat_map(complaints).collect()
}

fn complaints(package: &Package) -> Vec<String> {
    let name = &package.name;
    let mut complaints = match fs::read_to_string(&package.manifest_path) {
        Ok(manifest) => not_inherited(&manifest)
            .into_iter()
            .map(|line| format!("`{name}` does not inherit a shared setting; add `{line}` to its Cargo.toml"))
            .collect(),
        Err(error) => vec![format!("cannot read the manifest of `{name}`: {error}")],
    };
    if !package.manifest_path.with_file_name("README.md").exists() {
        complaints.push(format!("`{name}` has no README.md; write one for readers at the package registry"));
    }
    for licence in LICENCES {
        let copy = fs::read(package.manifest_path.with_file_name(licence)).ok();
        if copy.is_none() || copy != fs::read(licence).ok() {
            complaints.push(format!("`{name}` lacks `{licence}`, or has another text; run `ln -s ../../{licence}`"));
        }
    }
    complaints.extend(registry_complaints(package));
    if package.description.as_ref().is_none_or(String::is_empty) {
        complaints.push(format!("`{name}` has no description; add one line to its Cargo.toml"));
    }
    complaints
}

/// Checks the fields that users search the package registry by. The registry permits up to five keywords.
fn registry_complaints(package: &Package) -> Vec<String> {
    let name = &package.name;
    let mut complaints = Vec::new();
    if !(1..=5).contains(&package.keywords.len()) {
        complaints.push(format!("`{name}` has {} keywords; give it one to five", package.keywords.len()));
    }
    if package.categories.is_empty() {
        complaints.push(format!("`{name}` has no categories; choose some of https://crates.io/category_slugs"));
    }
    if package.documentation.is_none() {
        complaints
            .push(format!("`{name}` has no documentation link; add `documentation = \"https://docs.rs/{name}\"`"));
    }
    complaints
}

/// Returns the fields that a manifest does not inherit. Reads the text, since cargo's metadata has only the resulting
/// values.
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
    fn manifests_are_complete() {
        crate::assert_tidy(check);
    }

    #[test]
    fn missing_registry_fields_are_reported() {
        let named = |keywords: usize| Package {
            keywords: vec!["ably".into(); keywords],
            categories: vec!["authentication".into()],
            documentation: Some("https://docs.rs/a".into()),
            ..Package::default()
        };
        assert_eq!(registry_complaints(&named(5)), Vec::<String>::new());
        assert_eq!((registry_complaints(&named(0)).len(), registry_complaints(&named(6)).len()), (1, 1));
        assert_eq!(registry_complaints(&Package::default()).len(), 3);
    }

    #[test]
    fn setting_that_is_not_inherited_is_reported() {
        assert_eq!(not_inherited(WHOLE), Vec::<String>::new());
        assert_eq!(
            not_inherited(&WHOLE.replace("edition.workspace = true", "edition = \"2021\"")),
            ["edition.workspace = true"]
        );
        assert_eq!(not_inherited(&WHOLE.replace("[lints]", "[lints.rust]")), ["[lints] workspace = true"]);
    }
}
