//! Folders and tools that the bindings share.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use crate::files::{absolute, read, read_bytes, write};
use crate::workspace::Workspace;
use crate::{Result, command, suites};

/// Test vectors that the tests of each package read.
pub(super) const VECTORS: &str = "tests/vectors";

/// The variable that names a program `ably-auth`, so that none is built. The tests get it, too.
pub(super) const PROGRAM: &str = "ABLY_AUTH";

/// Returns the folder in which a language's package is built.
pub(super) fn target(language: &str) -> Result<PathBuf> {
    Ok(Workspace::load()?.target_directory.join("bindings").join(language))
}

/// Returns the program of the service: the one that the variable names, or the one that is built now.
pub(super) fn service() -> Result<PathBuf> {
    if let Some(program) = env::var_os(PROGRAM) {
        return absolute(Path::new(&program));
    }
    suites::build_programs()?;
    absolute(&Workspace::load()?.target_directory.join("debug/ably-auth"))
}

/// The page of the guide that compares the languages.
const PAGE: &str = "docs/languages.md";

/// Runs each program of the guide's page in this language, in the folder, which has the package installed.
pub(super) fn run_guide(language: &str, extension: &str, folder: &Path, interpreter: impl Fn() -> Command) -> Result {
    let page = read(Path::new(PAGE))?;
    let programs = blocks(&page, language);
    if programs.is_empty() {
        return Err(format!("`{PAGE}` has no program in `{language}`").into());
    }
    for (at, program) in programs.iter().enumerate() {
        let file = folder.join(format!("guide_{at}.{extension}"));
        write(&file, program)?;
        command::run(interpreter().arg(absolute(&file)?).current_dir(folder))?;
    }
    Ok(())
}

/// Returns the size of a file in KiB.
pub(super) fn kib(path: &Path) -> Result<u64> {
    let data = fs::metadata(path).map_err(|error| format!("cannot read `{}`: {error}", path.display()))?;
    Ok(data.len().div_ceil(1024))
}

/// Lets a build of Rust leave no paths of this machine in what it builds.
pub(super) fn without_paths(command: &mut Command) -> Result {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo")));
    let home = home.ok_or("neither CARGO_HOME nor HOME is set; set one of them")?;
    let (home, root) = (absolute(&home)?, absolute(Path::new("."))?);
    // Paths may have spaces, which `RUSTFLAGS` would split.
    let flags = [
        format!("--remap-path-prefix={}=cargo", home.display()),
        format!("--remap-path-prefix={}=ably-auth", root.display()),
    ];
    command.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
    Ok(())
}

/// Checks that a built file has no paths of this project or of its dependencies.
pub(super) fn check_paths(file: &Path) -> Result {
    let built = read_bytes(file)?;
    let root = absolute(Path::new("."))?;
    let root = root.as_os_str().as_encoded_bytes();
    let has = |path: &[u8]| built.windows(path.len()).any(|window| window == path);
    if has(root) || has(b".cargo/registry") {
        return Err(format!("`{}` has paths of this machine; see `without_paths`", file.display()).into());
    }
    Ok(())
}

/// Removes the variables that `cargo run` sets, which would make build scripts run again.
pub(super) fn without_cargo_variables(command: &mut Command) {
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) {
            command.env_remove(name);
        }
    }
}

/// Checks the format and the lints of a binding's crate, which is not in the workspace.
pub(super) fn lint(manifest: &str, target: &Path) -> Result {
    command::run(&mut command::cargo(["fmt", "--check", "--manifest-path", manifest]))?;
    let mut clippy = command::cargo(["clippy", "--quiet", "--locked", "--all-targets", "--manifest-path", manifest]);
    command::run(clippy.arg("--target-dir").arg(target).args(["--", "-D", "warnings"]))
}

/// Returns the blocks of a language in a README.
pub(super) fn blocks<'a>(readme: &'a str, language: &str) -> Vec<&'a str> {
    let start = format!("```{language}\n");
    let block = |part: &'a str| part.split_once("```\n").map(|(block, _)| block);
    readme.split(start.as_str()).skip(1).filter_map(block).collect()
}

#[cfg(test)]
mod tests {
    use super::blocks;

    #[test]
    fn blocks_of_a_language_are_found() {
        let readme = "text\n```c\nint a;\n```\n```php\n<?php\n```\n```c\nint b;\n```\n";
        assert_eq!(blocks(readme, "c"), ["int a;\n", "int b;\n"]);
        assert_eq!(blocks(readme, "sh"), Vec::<&str>::new());
    }
}
