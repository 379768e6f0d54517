//! Packages for other languages, in `bindings/`: each is built, packed, installed in an empty folder and tested there.

mod c;
mod cases;
mod folders;
mod javascript;
mod python;

use std::path::PathBuf;

use crate::Result;

struct Binding {
    language: &'static str,
    run: fn(&[String]) -> Result,
}

const BINDINGS: &[Binding] = &[
    Binding { language: "javascript", run: javascript::run },
    Binding { language: "python", run: python::run },
    Binding { language: "c", run: c::run },
];

/// Builds and tests the packages of the languages that are named, or all packages.
pub(crate) fn run(options: &[String]) -> Result {
    let is_named = |binding: &Binding| options.iter().any(|option| option == binding.language);
    let runs_all = !BINDINGS.iter().any(is_named);
    BINDINGS.iter().filter(|binding| runs_all || is_named(binding)).try_for_each(|binding| (binding.run)(options))
}

/// Builds the packages for npm and PyPI, and returns their files.
pub(crate) fn packed() -> Result<[PathBuf; 2]> {
    Ok([javascript::packed()?, python::packed()?])
}
