//! A software bill of materials for each target, in CycloneDX JSON: all crates that are compiled, with licences.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::rfc3339;
use super::target::{Linkage, Target};
use crate::files::read;
use crate::{Result, command};

/// A crate in the tree that cargo prints.
#[derive(Clone, Debug, PartialEq)]
struct Crate {
    licence: String,
    dependencies: BTreeSet<String>,
}

/// Crates by their package URL.
type Crates = BTreeMap<String, Crate>;

/// The toolchain that the standard library and the C library come from.
pub(super) struct Sources<'a> {
    pub rust: &'a str,
    pub zig: &'a str,
}

/// Returns the name of the file for a target.
pub(super) fn name(target: &Target, version: &str) -> String {
    format!("{}.cdx.json", target.stem(version))
}

/// Describes the program for a target.
pub(super) fn write(target: &Target, sources: &Sources<'_>, epoch: u64) -> Result<Vec<u8>> {
    let all = tree(target, "normal,build")?;
    let linked = tree(target, "normal,no-proc-macro")?;
    let lock = read("Cargo.lock".as_ref())?;
    let document = document(&all, &linked, &checksums(&lock), &libraries(target, sources), epoch)?;
    let mut text = serde_json::to_string_pretty(&document).map_err(|error| format!("cannot write JSON: {error}"))?;
    text.push('\n');
    Ok(text.into_bytes())
}

fn tree(target: &Target, edges: &str) -> Result<Crates> {
    let mut cargo = command::cargo(["tree", "--locked", "--package", super::CLI, "--target", target.triple]);
    cargo.args(["--edges", edges, "--prefix", "depth", "--format", "|{p}|{l}|"]);
    Ok(parse(&command::output(&mut cargo)?))
}

/// Parses lines such as `2|serde v1.0.1 (proc-macro)|MIT OR Apache-2.0| (*)`, each with its depth.
fn parse(tree: &str) -> Crates {
    let mut crates = Crates::new();
    let mut ancestors: Vec<String> = Vec::new();
    for line in tree.lines() {
        let mut parts = line.split('|');
        let (Some(depth), Some(package), Some(licence)) = (parts.next(), parts.next(), parts.next()) else { continue };
        let Ok(depth) = depth.parse::<usize>() else { continue };
        let mut words = package.split(' ');
        let (Some(name), Some(version)) = (words.next(), words.next()) else { continue };
        let url = format!("pkg:cargo/{name}@{}", version.trim_start_matches('v'));
        ancestors.truncate(depth);
        if let Some(parent) = ancestors.last().and_then(|parent| crates.get_mut(parent)) {
            parent.dependencies.insert(url.clone());
        }
        // SPDX has no `/`, which old manifests use.
        let licence = licence.replace('/', " OR ");
        crates.entry(url.clone()).or_insert(Crate { licence, dependencies: BTreeSet::new() });
        ancestors.push(url);
    }
    crates
}

/// Returns the checksums of a lock file by package URL.
fn checksums(lock: &str) -> BTreeMap<String, &str> {
    let packages = lock.split("[[package]]").filter_map(|package| {
        let field = |name: &str| {
            let line = package.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = "));
            line.map(|value| value.trim_matches('"'))
        };
        Some((format!("pkg:cargo/{}@{}", field("name")?, field("version")?), field("checksum")?))
    });
    packages.collect()
}

/// Returns what is linked and is not a crate of the lock file.
fn libraries(target: &Target, sources: &Sources<'_>) -> Vec<Value> {
    let library = |name: &str, version: &str, licence: &str, description: &str| {
        let reference = format!("pkg:generic/{name}@{version}");
        json!({
            "type": "library", "bom-ref": reference, "name": name, "version": version, "purl": reference, "scope": "required",
            "licenses": [{ "expression": licence }], "description": description,
        })
    };
    let llvm = "Apache-2.0 WITH LLVM-exception";
    let unwind = library("libunwind", sources.zig, llvm, "Stack unwinding, in the version of this zig");
    let mut libraries = vec![
        library(
            "rust-std",
            sources.rust,
            "MIT OR Apache-2.0",
            "Rust's standard library, in the version of the compiler",
        ),
        unwind,
    ];
    if let Linkage::Static = target.linkage {
        libraries.push(library("musl", sources.zig, "MIT", "The C library, in the version of this zig"));
    }
    libraries
}

fn document(
    all: &Crates,
    linked: &Crates,
    checksums: &BTreeMap<String, &str>,
    libraries: &[Value],
    epoch: u64,
) -> Result<Value> {
    let describe = |url: &String, package: &Crate| {
        let (name, version) = url.trim_start_matches("pkg:cargo/").split_once('@').unwrap_or((url, ""));
        // In CycloneDX, `excluded` is what is only used to build.
        let scope = if linked.contains_key(url) { "required" } else { "excluded" };
        let mut component = json!({
            "type": "library", "bom-ref": url, "name": name, "version": version, "purl": url, "scope": scope,
            "licenses": [{ "expression": package.licence }],
        });
        if let (Some(checksum), Some(fields)) = (checksums.get(url), component.as_object_mut()) {
            fields.insert("hashes".into(), json!([{ "alg": "SHA-256", "content": checksum }]));
        }
        component
    };
    let start = format!("pkg:cargo/{}@", super::CLI);
    let (program, package) =
        all.iter().find(|(url, _)| url.starts_with(&start)).ok_or("cargo's tree lacks the program itself")?;
    let mut main = describe(program, package);
    if let Some(fields) = main.as_object_mut() {
        fields.insert("type".into(), "application".into());
        fields.remove("scope");
    }
    let others = all.iter().filter(|(url, _)| *url != program);
    let components: Vec<Value> =
        others.map(|(url, package)| describe(url, package)).chain(libraries.iter().cloned()).collect();
    let libraries = libraries.iter().filter_map(|library| library["bom-ref"].as_str());
    let mut dependencies: Vec<Value> = Vec::new();
    for (url, package) in all {
        let mut on: Vec<&str> = package.dependencies.iter().map(String::as_str).collect();
        if url == program {
            on.extend(libraries.clone());
        }
        dependencies.push(json!({ "ref": url, "dependsOn": on }));
    }
    Ok(json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": { "timestamp": rfc3339(epoch), "component": main },
        "components": components,
        "dependencies": dependencies,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dist::target::TARGETS;

    const TREE: &str = "0|ably-auth-cli v1.2.3 (/a path/ably-auth-cli)|MIT OR Apache-2.0|\n\
                        1|one v0.1.0|MIT/Apache-2.0|\n2|two v2.0.0 (proc-macro)|MIT|\n1|two v2.0.0 (proc-macro)|MIT| (*)\n\
                        [build-dependencies]\n1|three v3.0.0|ISC|\n";

    #[test]
    fn tree_is_parsed_with_edges() {
        let crates = parse(TREE);
        let dependencies = |url: &str| crates[url].dependencies.iter().map(String::as_str).collect::<Vec<_>>();
        assert_eq!(
            dependencies("pkg:cargo/ably-auth-cli@1.2.3"),
            ["pkg:cargo/one@0.1.0", "pkg:cargo/three@3.0.0", "pkg:cargo/two@2.0.0"]
        );
        assert_eq!(dependencies("pkg:cargo/one@0.1.0"), ["pkg:cargo/two@2.0.0"]);
        assert_eq!(crates["pkg:cargo/one@0.1.0"].licence, "MIT OR Apache-2.0");
        assert_eq!(crates.len(), 4);
    }

    #[test]
    fn components_have_licence_scope_and_checksum() {
        let lock = "[[package]]\nname = \"one\"\nversion = \"0.1.0\"\nsource = \"x\"\nchecksum = \"abc\"\n\n[[package]]\nname = \"two\"\nversion = \"2.0.0\"\n";
        let linked = parse("0|ably-auth-cli v1.2.3|MIT|\n1|one v0.1.0|MIT|\n");
        let libraries = libraries(&TARGETS[0], &Sources { rust: "1.2", zig: "0.3" });
        let document = document(&parse(TREE), &linked, &checksums(lock), &libraries, 0).unwrap();
        let component = |name: &str| {
            document["components"]
                .as_array()
                .unwrap()
                .iter()
                .find(|component| component["name"] == name)
                .cloned()
                .unwrap()
        };
        assert_eq!(component("one")["hashes"][0]["content"], "abc");
        assert_eq!([&component("one")["scope"], &component("two")["scope"]], ["required", "excluded"]);
        assert_eq!(component("three")["licenses"][0]["expression"], "ISC");
        assert_eq!(component("musl")["version"], "0.3");
        let main = &document["metadata"]["component"];
        assert_eq!([&main["name"], &main["type"]], ["ably-auth-cli", "application"]);
        let edges = &document["dependencies"][0];
        assert_eq!(edges["ref"], "pkg:cargo/ably-auth-cli@1.2.3");
        assert_eq!(edges["dependsOn"].as_array().unwrap().len(), 6);
    }
}
