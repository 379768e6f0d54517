//! The packages of the program for npm and PyPI, from `packaging/npm` and `packaging/pypi`.
//!
//! On npm, `ably-auth` has an optional dependency for each platform, with the program for that platform. npm installs the one that
//! fits. On PyPI, there is a wheel for each platform.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use crate::files::{absolute, copy, create_folder, empty_folder, paths, remove_folder, write};
use crate::workspace::Workspace;
use crate::{Result, command, dist, suites};

const NPM: &str = "packaging/npm/ably-auth";
const PYPI: &str = "packaging/pypi/ably-auth";
/// Builds wheels. The `pyproject.toml` has the same version.
const WHEEL_BUILDER: &str = "hatchling==1.33.0";
const LICENSES: [&str; 2] = ["LICENSE-APACHE", "LICENSE-MIT"];

/// The names of a processor.
struct Platform {
    /// In Rust's target triples, and in the platforms of wheels.
    architecture: &'static str,
    /// In `process.arch` of Node.js.
    node: &'static str,
}

const PLATFORMS: [Platform; 2] =
    [Platform { architecture: "aarch64", node: "arm64" }, Platform { architecture: "x86_64", node: "x64" }];

impl Platform {
    fn of(architecture: &str) -> Result<&'static Self> {
        let found = PLATFORMS.iter().find(|platform| platform.architecture == architecture);
        found.ok_or_else(|| {
            format!("there is no package for the processor `{architecture}`; add it to PLATFORMS").into()
        })
    }

    /// Returns the name of the package for npm, as `lib/program.js` makes it.
    fn npm_name(&self) -> String {
        format!("ably-auth-linux-{}", self.node)
    }

    /// Returns the platforms of a wheel whose program is linked statically, so that it runs with any C library.
    fn any_linux(&self) -> String {
        format!("manylinux_2_17_{0}.musllinux_1_1_{0}", self.architecture)
    }
}

/// Packs the program that the tests use, and tries the packages in empty folders.
pub(crate) fn run(_: &[String]) -> Result {
    suites::build_programs()?;
    let target = Workspace::load()?.target_directory;
    let folder = target.join("packages");
    empty_folder(&folder)?;
    let program = folder.join("ably-auth");
    // Without its symbols, it is packed and installed in a third of the time.
    command::run(Command::new("strip").arg("-o").arg(&program).arg(target.join("debug/ably-auth")))?;
    let platform = Platform::of(env::consts::ARCH)?;
    npm_main(&folder)?;
    npm_platform(platform, &program, &folder)?;
    // The program is linked with the C library of this machine, so the wheel is for this machine alone.
    wheel(&format!("linux_{}", platform.architecture), &program, &folder, dist::epoch()?)?;
    suites::others("packages", &[])
}

/// Packs statically linked programs, each with the name of its processor, and returns the packages for npm and PyPI.
pub(crate) fn pack_all(programs: &[(&str, PathBuf)], into: &Path, epoch: u64) -> Result<Vec<PathBuf>> {
    create_folder(into)?;
    let mut packed = vec![npm_main(into)?];
    for (architecture, program) in programs {
        let platform = Platform::of(architecture)?;
        packed.push(npm_platform(platform, program, into)?);
        packed.push(wheel(&platform.any_linux(), program, into, epoch)?);
    }
    Ok(packed)
}

/// Packs `ably-auth` for npm.
fn npm_main(into: &Path) -> Result<PathBuf> {
    let stage = into.join("npm/ably-auth");
    copy_folder(Path::new(NPM), &stage)?;
    npm_pack(&stage, into)
}

/// Packs the program for one platform for npm.
fn npm_platform(platform: &Platform, program: &Path, into: &Path) -> Result<PathBuf> {
    let stage = into.join("npm").join(platform.npm_name());
    copy(program, &stage.join("bin/ably-auth"))?;
    let manifest = json!({
        "name": platform.npm_name(),
        "version": version()?,
        "description": format!("The program of the npm package `ably-auth` for Linux on {}", platform.node),
        "license": "MIT OR Apache-2.0",
        "os": ["linux"],
        "cpu": [platform.node],
        "files": ["bin", "LICENSE-APACHE", "LICENSE-MIT"],
        // Yarn runs a program only from a folder.
        "preferUnplugged": true,
    });
    write(&stage.join("package.json"), format!("{manifest:#}\n"))?;
    write(
        &stage.join("README.md"),
        "The program of the npm package `ably-auth` for one platform. Install `ably-auth`.\n",
    )?;
    npm_pack(&stage, into)
}

fn npm_pack(stage: &Path, into: &Path) -> Result<PathBuf> {
    copy_licenses(stage)?;
    let mut npm = Command::new("npm");
    npm.args(["pack", "--silent", "--ignore-scripts", "--pack-destination"]).arg(absolute(into)?);
    let packed = command::output(npm.current_dir(stage))?;
    Ok(into.join(packed.trim()))
}

/// Builds the wheel with the program for the platforms in `tag`. `epoch` is the time of its files, in seconds since 1970.
fn wheel(tag: &str, program: &Path, into: &Path, epoch: u64) -> Result<PathBuf> {
    let stage = into.join("pypi").join(tag);
    copy_folder(Path::new(PYPI), &stage)?;
    copy_licenses(&stage)?;
    copy(program, &stage.join("src/ably_auth/bin/ably-auth"))?;
    let python = into.join("pypi/builder/bin/python");
    if !python.exists() {
        command::run(Command::new("python3").args(["-m", "venv"]).arg(into.join("pypi/builder")))?;
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
        command::run(Command::new(&python).args(pip).arg(WHEEL_BUILDER))?;
    }
    let built = stage.join("dist");
    let wheel =
        ["-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-build-isolation", "-w"];
    let mut build = Command::new(&python);
    build.args(wheel).arg(&built).arg(&stage).env("WHEEL_PLATFORM", tag).env("SOURCE_DATE_EPOCH", epoch.to_string());
    command::run(&mut build)?;
    let mut wheels = paths(&built)?;
    let wheel = wheels.pop().ok_or("the wheel was not built")?;
    let wanted = into.join(wheel.file_name().unwrap_or_default());
    copy(&wheel, &wanted)?;
    Ok(wanted)
}

/// Returns the version of all crates.
fn version() -> Result<String> {
    let workspace = Workspace::load()?;
    let crates = workspace.published();
    Ok(crates.first().ok_or("the workspace has no crates")?.version.clone())
}

fn copy_licenses(into: &Path) -> Result {
    LICENSES.iter().try_for_each(|license| copy(Path::new(license), &into.join(license)))
}

/// Copies the files that git knows, so that nothing of an earlier build gets into a package.
fn copy_folder(from: &Path, to: &Path) -> Result {
    remove_folder(to)?;
    let list = command::output(
        Command::new("git").args(["ls-files", "--cached", "--others", "--exclude-standard"]).current_dir(from),
    )?;
    list.lines().try_for_each(|file| copy(&from.join(file), &to.join(file)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn npm_package_depends_on_each_platform_in_same_version() {
        let text = std::fs::read_to_string(Path::new("..").join(NPM).join("package.json")).unwrap();
        let manifest: serde_json::Value = serde_json::from_str(&text).unwrap();
        let expected: serde_json::Map<_, _> =
            PLATFORMS.iter().map(|platform| (platform.npm_name(), manifest["version"].clone())).collect();
        assert_eq!(manifest["optionalDependencies"], serde_json::Value::Object(expected));
        assert_eq!(manifest["version"], env!("CARGO_PKG_VERSION"));
    }

    #[test]
    fn python_package_has_same_version_and_builder() {
        let text = std::fs::read_to_string(Path::new("..").join(PYPI).join("pyproject.toml")).unwrap();
        assert!(text.contains(&format!("\nversion = \"{}\"\n", env!("CARGO_PKG_VERSION"))), "{text}");
        assert!(text.contains(&format!("requires = [\"{WHEEL_BUILDER}\"]")), "{text}");
    }
}
