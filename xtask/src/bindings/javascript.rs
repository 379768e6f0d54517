//! The npm package `ably-capability`: `bindings/javascript`.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::folders;
use crate::files::{absolute, copy, copy_files, empty_folder, paths};
use crate::toolchain::Toolchain;
use crate::workspace::Workspace;
use crate::{Result, command};

const SOURCE: &str = "bindings/javascript";
const WASM: &str = "wasm32-unknown-unknown";
/// Flags for a small module. A panic only stops it, since no text of a panic can be shown; SHA-256 is a loop.
const SMALL: &str = "-Zunstable-options -Cpanic=immediate-abort -Zlocation-detail=none -Zfmt-debug=none \
    --cfg sha2_backend=\"soft\" --cfg sha2_backend_soft=\"compact\"";
const NPM_OPTIONS: [&str; 4] = ["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"];

/// Builds the package, and tests it in a folder that has only the packed package and the tools of the tests. With `--bench`,
/// measures it instead.
pub(crate) fn run(options: &[String]) -> Result {
    let target = Workspace::load()?.target_directory;
    let tests = target.join("bindings/javascript/tests");
    let manifest = format!("{SOURCE}/Cargo.toml");
    let mut unit_tests = command::cargo(["test", "--quiet", "--locked", "--manifest-path", &manifest, "--target-dir"]);
    command::run(unit_tests.arg(target.join("bindings/glue")))?;
    install(&packed()?, &tests)?;
    if options.iter().any(|option| option == "--bench") {
        return command::run(Command::new("node").arg("bench.mjs").current_dir(&tests));
    }
    let files = paths(&tests)?.into_iter().filter(|path| path.to_string_lossy().ends_with(".test.mjs"));
    let mut node = Command::new("node");
    node.args(["--test", "--test-reporter=spec"]).args(files).current_dir(&tests);
    let vectors = absolute(Path::new(folders::VECTORS))?;
    command::run(node.env("VECTORS", vectors).env(folders::PROGRAM, folders::service()?))?;
    folders::run_guide("js", "mjs", &tests, || Command::new("node"))
}

/// Builds and packs the package, and returns the archive.
pub(super) fn packed() -> Result<PathBuf> {
    let target = Workspace::load()?.target_directory;
    let package = target.join("bindings/javascript/package");
    write_glue(&module(&target)?, &package.join("build"), &target)?;
    pack(&package)
}

/// Builds the WebAssembly module, with a standard library that is built for size.
fn module(target: &Path) -> Result<PathBuf> {
    let folder = target.join("embedded/javascript");
    let manifest = format!("{SOURCE}/Cargo.toml");
    let toolchain = Toolchain::open()?;
    let mut cargo = toolchain.cargo(&["build", "--quiet", "--locked", "--release", "--manifest-path", &manifest]);
    cargo.args(["--target", WASM, "-Zbuild-std=std,panic_abort", "-Zbuild-std-features=optimize_for_size"]);
    cargo.env("RUSTC_BOOTSTRAP", "1").env("RUSTFLAGS", SMALL);
    command::run(cargo.arg("--target-dir").arg(&folder))?;
    Ok(folder.join(WASM).join("release/ably_capability_js.wasm"))
}

/// Writes the JavaScript that wasm-bindgen generates for the module.
fn write_glue(module: &Path, folder: &Path, target: &Path) -> Result {
    let manifest = format!("{SOURCE}/glue/Cargo.toml");
    let mut cargo = command::cargo(["run", "--quiet", "--locked", "--manifest-path", &manifest, "--target-dir"]);
    command::run(cargo.arg(target.join("bindings/glue")).arg("--").args([module, folder]))
}

/// Copies the sources, builds them and packs them. Returns the archive.
fn pack(package: &Path) -> Result<PathBuf> {
    copy_files(Path::new(SOURCE), "", package)?;
    copy_files(&Path::new(SOURCE).join("js"), "", &package.join("js"))?;
    for licence in ["LICENSE-APACHE", "LICENSE-MIT"] {
        copy(Path::new(licence), &package.join(licence))?;
    }
    command::run(npm("ci").current_dir(package))?;
    command::run(Command::new("node").arg("build.mjs").current_dir(package))?;
    let packed = command::output(npm("pack").arg("--silent").current_dir(package))?;
    Ok(package.join(packed.trim()))
}

/// Installs the archive and the tools of the tests, with the files of the tests.
fn install(archive: &Path, tests: &Path) -> Result {
    empty_folder(tests)?;
    copy_files(&Path::new(SOURCE).join("tests"), "", tests)?;
    copy(&Path::new(SOURCE).join("bench.mjs"), &tests.join("bench.mjs"))?;
    command::run(npm("ci").current_dir(tests))?;
    command::run(npm("install").arg("--no-save").arg(archive).current_dir(tests))
}

fn npm(task: &str) -> Command {
    let mut npm = Command::new("npm");
    npm.arg(task).args(NPM_OPTIONS);
    npm
}
