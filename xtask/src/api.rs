//! The public API of each library, compared with its `public-api.txt`, so that every change of it is seen.

use std::path::PathBuf;
use std::{env, fs};

use crate::files::{read, write};
use crate::toolchain::write_program;
use crate::workspace::Workspace;
use crate::{Complaints, Result, command};

const LISTER: &str = "tests/api/Cargo.toml";
const LISTING: &str = "public-api.txt";

pub(crate) fn run(options: &[String]) -> Result {
    let accept = options.iter().any(|option| option == "--accept");
    let mut complaints = Vec::new();
    for Listing { name, path, items } in listings()? {
        let old = fs::read_to_string(&path).unwrap_or_default();
        let changes = changes(&old, &items);
        if accept {
            write(&path, &items)?;
        } else if !changes.is_empty() {
            complaints.push(format!(
                    "the public API of `{name}` differs from `{}`; if the change is intended, run `cargo xtask api --accept` and \
                     describe it in CHANGELOG.md:\n{}",
                path.file_name().unwrap_or_default().to_string_lossy(),
                changes.join("\n")
            ));
        }
        println!("{:5} public items: {name}", items.lines().count());
    }
    if complaints.is_empty() { Ok(()) } else { Err(Complaints(complaints)) }
}

struct Listing {
    name: String,
    path: PathBuf,
    items: String,
}

/// Lists the public items of each library with all features.
fn listings() -> Result<Vec<Listing>> {
    let workspace = Workspace::load()?;
    let target = &workspace.target_directory;
    // rustdoc's JSON output is unstable; RUSTC_BOOTSTRAP enables it in a released rustdoc. Only rustdoc gets the
    // variable: with it in cargo's environment, all crates would be rebuilt.
    let rustdoc = env::var("RUSTDOC").unwrap_or_else(|_| "rustdoc".into());
    let rustdoc =
        write_program(&target.join("api/rustdoc"), &format!("#!/bin/sh\nRUSTC_BOOTSTRAP=1 exec {rustdoc} \"$@\"\n"))?;
    let mut doc = command::cargo(["doc", "--quiet", "--locked", "--workspace", "--all-features", "--no-deps", "--lib"]);
    let flags = "-Zunstable-options --output-format json --cfg docsrs";
    command::run(doc.env("RUSTDOC", rustdoc).env("RUSTDOCFLAGS", flags))?;

    let libraries: Vec<_> = workspace.published().into_iter().filter(|package| package.has_library()).collect();
    let json = |name: &str| target.join("doc").join(name.replace('-', "_")).with_extension("json");
    let mut list = command::cargo(["run", "--quiet", "--locked", "--manifest-path", LISTER, "--target-dir"]);
    list.arg(target).arg("--").args(libraries.iter().map(|package| json(&package.name)));
    command::run(&mut list)?;
    libraries
        .into_iter()
        .map(|package| {
            let listed = json(&package.name).with_extension("txt");
            let items = read(&listed)?;
            Ok(Listing { name: package.name.clone(), path: package.manifest_path.with_file_name(LISTING), items })
        })
        .collect()
}

/// Returns the removed lines with `-`, and then the added lines with `+`.
fn changes(old: &str, new: &str) -> Vec<String> {
    let gone = old.lines().filter(|line| !new.lines().any(|other| other == *line)).map(|line| format!("-{line}"));
    let fresh = new.lines().filter(|line| !old.lines().any(|other| other == *line)).map(|line| format!("+{line}"));
    gone.chain(fresh).collect()
}

#[cfg(test)]
mod tests {
    use super::changes;

    #[test]
    fn changed_line_is_listed_as_removed_and_added() {
        assert_eq!(changes("a\nb\n", "a\nb\n"), Vec::<String>::new());
        assert_eq!(changes("pub fn a()\nb\n", "pub fn a(u8)\nb\n"), ["-pub fn a()", "+pub fn a(u8)"]);
    }
}
