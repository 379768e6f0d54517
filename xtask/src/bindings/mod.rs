//! Packages for other languages: each is built, installed in an empty folder, and tested there.

mod python;

use std::path::{Path, PathBuf};
use std::{env, fs, path};

use crate::workspace::Workspace;
use crate::{Result, command, suites};

/// A language, and the function that builds and tests its package.
struct Binding {
    language: &'static str,
    run: fn(&Path) -> Result,
}

const BINDINGS: &[Binding] = &[Binding { language: "python", run: python::run }];

/// Test vectors that the tests of each package read.
const VECTORS: &str = "tests/vectors";

/// The variable that names a program `ably-auth`, so that none is built. The tests get it, too.
const PROGRAM: &str = "ABLY_AUTH_PROGRAM";

/// Builds and tests the packages of the named languages, or of all.
pub(crate) fn run(options: &[String]) -> Result {
    let target = Workspace::load()?.target_directory.join("bindings");
    for Binding { language, run } in BINDINGS {
        if options.is_empty() || options.iter().any(|option| option == language) {
            run(&target.join(language))?;
        }
    }
    Ok(())
}

/// Returns the program `ably-auth`, built if no variable names it.
fn service() -> Result<PathBuf> {
    if let Some(program) = env::var_os(PROGRAM) {
        return absolute(Path::new(&program));
    }
    suites::build_programs()?;
    Ok(Workspace::load()?.target_directory.join("debug/ably-auth"))
}

/// Creates a folder, and empties it if it exists.
fn empty_folder(folder: &Path) -> Result {
    let emptied = if folder.exists() { fs::remove_dir_all(folder) } else { Ok(()) };
    let made = emptied.and_then(|()| fs::create_dir_all(folder));
    made.map_err(|error| format!("cannot create `{}`: {error}", folder.display()).into())
}

/// Copies the files of a folder whose names end in `ending`, but no folders.
fn copy_files(from: &Path, ending: &str, to: &Path) -> Result {
    let fault = |error| format!("cannot copy `{}` to `{}`: {error}", from.display(), to.display());
    fs::create_dir_all(to).map_err(fault)?;
    for entry in fs::read_dir(from).map_err(fault)? {
        let path = entry.map_err(fault)?.path();
        let name = path.file_name().unwrap_or_default();
        if path.is_file() && name.to_string_lossy().ends_with(ending) {
            fs::copy(&path, to.join(name)).map_err(fault)?;
        }
    }
    Ok(())
}

fn absolute(path: &Path) -> Result<PathBuf> {
    path::absolute(path).map_err(|error| format!("cannot resolve `{}`: {error}", path.display()).into())
}

/// Checks the format and the lints of a binding's crate, which is not in the workspace.
fn lint(manifest: &Path, target: &Path) -> Result {
    command::run(command::cargo(["fmt", "--check", "--manifest-path"]).arg(manifest))?;
    let mut clippy = command::cargo(["clippy", "--quiet", "--locked", "--all-targets", "--manifest-path"]);
    command::run(clippy.arg(manifest).arg("--target-dir").arg(target).args(["--", "-D", "warnings"]))
}
