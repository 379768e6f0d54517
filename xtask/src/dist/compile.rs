//! The binary for a target, with a standard library that is built for it.

use std::path::{Path, PathBuf};
use std::{env, fs};

use super::target::{Linkage, Target};
use super::tools::Tools;
use crate::toolchain::Toolchain;
use crate::workspace::Workspace;
use crate::{Result, command};

/// Builds the binary, and returns its path.
///
/// `epoch` is the time that the C compiler gives sources that ask for it, in seconds since 1970.
pub(super) fn run(
    target: &Target,
    tools: &Tools,
    toolchain: &Toolchain,
    workspace: &Workspace,
    epoch: u64,
) -> Result<PathBuf> {
    // Not `target/dist`, the folder of the profile, because the artefacts are there.
    let folder = workspace.target_directory.join("dist-build");
    let renamed = renamed_paths(&workspace.workspace_root, toolchain)?;
    let mut cargo = toolchain.cargo(&["build", "--locked", "--profile", "dist", "--package", super::CLI]);
    // The standard library is built from source; RUSTC_BOOTSTRAP allows that in a released compiler.
    cargo.args(["--target", target.triple, "-Zbuild-std=std,panic_unwind"]).arg("--target-dir").arg(&folder);
    cargo.env("RUSTC_BOOTSTRAP", "1").env("CARGO_INCREMENTAL", "0").env("SOURCE_DATE_EPOCH", epoch.to_string());
    tools.set(&mut cargo, target, &renamed)?;
    let mut flags: Vec<String> =
        renamed.iter().map(|(path, name)| format!("--remap-path-prefix={}={name}", path.display())).collect();
    if let Linkage::Static = target.linkage {
        // zig brings the C library and its start files, which rustc looks for in its own folder.
        flags.push("-Clink-self-contained=no".into());
    }
    // This variable may hold spaces, unlike RUSTFLAGS.
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
    command::run(&mut cargo)?;
    Ok(folder.join(target.triple).join("dist").join(super::PROGRAM))
}

/// Returns the folders of sources, and the names that replace them in panic messages. The last that matches counts.
///
/// Otherwise, the binary would depend on the folder of the checkout.
fn renamed_paths(root: &Path, toolchain: &Toolchain) -> Result<Vec<(PathBuf, &'static str)>> {
    let mut renamed = vec![(root.to_owned(), ".")];
    let sources = cargo_home()?.join("registry/src");
    let fault = |error| format!("cannot read `{}`: {error}; run `cargo fetch --locked`", sources.display());
    for entry in fs::read_dir(&sources).map_err(fault)? {
        renamed.push((entry.map_err(fault)?.path(), "/registry"));
    }
    renamed.extend(toolchain.library_sources()?.map(|path| (path, "/rustc")));
    Ok(renamed)
}

/// Returns the folder in which cargo keeps the sources of crates.
pub(super) fn cargo_home() -> Result<PathBuf> {
    let home = || env::var_os("HOME").map(|home| Path::new(&home).join(".cargo"));
    let folder = env::var_os("CARGO_HOME").map(PathBuf::from).or_else(home);
    folder.ok_or_else(|| "the home folder is unknown; set CARGO_HOME".into())
}
