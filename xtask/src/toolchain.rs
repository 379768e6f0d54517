//! Compilers and emulators for machines other than this one, from Debian's signed packages.
//!
//! rustup would have to add to the installed toolchain. Debian has a compiler beside the source of its own standard library
//! (`rustc-web`, `rust-web-src`), from which the library for any target is built here. Nothing is installed: the packages are
//! unpacked under `target/debian` and found there the next time.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs, io};

use crate::workspace::Workspace;
use crate::{Complaints, Result, command};

/// Where packages have the libraries of this machine.
const LIBRARIES: [&str; 2] = ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"];
/// What cargo would otherwise take from who called us, and use for a target that it is not meant for.
const FOREIGN: &[&str] =
    &["RUSTC", "RUSTDOC", "RUSTFLAGS", "RUSTC_WRAPPER", "CARGO_BUILD_TARGET", "CARGO_ENCODED_RUSTFLAGS"];

/// The compiler that `rust-version` names.
pub(crate) const OLDEST: &str = "1.85";
const OLDEST_PROGRAMS: &str = "bin-1.85";

pub(crate) struct Toolchain {
    home: PathBuf,
    /// The folder of the programs that are run.
    programs: &'static str,
}

impl Toolchain {
    /// Unpacks the newest compiler, unless that was done before.
    pub(crate) fn open() -> Result<Self> {
        let toolchain = Self::at_home("bin")?;
        let compiler = toolchain.unpack("rustc", &["rustc-web", "rust-web-src"])?;
        for program in ["rustc", "rustdoc"] {
            toolchain.wrap(&compiler, program)?;
        }
        let sysroot = command::output(Command::new("rustc").args(["--print", "sysroot"]))?;
        let [ours, debians] = [Path::new(sysroot.trim()).join("lib"), compiler.join("usr/lib")]
            .map(|libraries| libraries.join("rustlib/x86_64-unknown-linux-gnu/bin"));
        let linker = ours.join("rust-lld");
        if !linker.exists() {
            let linker = linker.display();
            return Err(format!("there is no linker `{linker}`; install Rust with rustup, which brings it").into());
        }
        written(&debians, || {
            fs::create_dir_all(&debians)?;
            let link = debians.join("rust-lld");
            if link.is_symlink() {
                fs::remove_file(&link)?;
            }
            symlink(&linker, &link)
        })?;
        Ok(toolchain)
    }

    /// Unpacks the oldest compiler that the libraries promise to build with, and the cargo of its time.
    pub(crate) fn oldest() -> Result<Self> {
        let toolchain = Self::at_home(OLDEST_PROGRAMS)?;
        if !toolchain.bin("cargo").exists() {
            let packages: Vec<String> = oldest_packages()?;
            let packages: Vec<&str> = packages.iter().map(String::as_str).collect();
            let root = toolchain.unpack(&format!("rust-{OLDEST}"), &packages)?;
            ["rustc", "rustdoc", "cargo"].iter().try_for_each(|program| toolchain.wrap(&root, program))?;
        }
        Ok(toolchain)
    }

    fn at_home(programs: &'static str) -> Result<Self> {
        let is_debian = ["apt-get", "dpkg"].iter().all(|program| find(program).is_some());
        if !is_debian || !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
            return Err(
                "this task takes its compiler and its emulators from Debian's packages; run it as root on Debian 12 \
                        for x86-64, a container of it will do"
                    .into(),
            );
        }
        Ok(Self { home: Workspace::load()?.target_directory.join("debian"), programs })
    }

    /// Cargo, with this compiler.
    pub(crate) fn cargo(&self, args: &[&str]) -> Command {
        let mut cargo = command::cargo(args);
        for name in FOREIGN {
            cargo.env_remove(name);
        }
        cargo.env("RUSTC", self.bin("rustc")).env("RUSTDOC", self.bin("rustdoc"));
        cargo
    }

    /// The cargo that came with this compiler.
    pub(crate) fn own_cargo(&self, args: &[&str]) -> Command {
        let with_ours = self.cargo(args);
        let mut cargo = Command::new(self.bin("cargo"));
        cargo.args(with_ours.get_args());
        for (name, value) in with_ours.get_envs() {
            match value {
                Some(value) => cargo.env(name, value),
                None => cargo.env_remove(name),
            };
        }
        cargo
    }

    /// Makes `core`, and nothing beyond it, for targets without an operating system.
    pub(crate) fn add_core(&self, targets: &[&str]) -> Result {
        let libraries = |target: &str| self.home.join("rustc/usr/lib/rustlib").join(target).join("lib");
        let missing: Vec<&str> = targets.iter().copied().filter(|target| !libraries(target).exists()).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let package = self.home.join("core");
        let manifest = "[package]\nname = \"nothing\"\nedition = \"2024\"\n\n[workspace]\n\n[profile.release]\npanic = \"abort\"\n";
        written(&package, || {
            fs::create_dir_all(package.join("src"))?;
            fs::write(package.join("Cargo.toml"), manifest)?;
            fs::write(package.join("src/lib.rs"), "#![no_std]\n")
        })?;
        let mut cargo = self.cargo(&["build", "--release", "-Zbuild-std=core"]);
        cargo.args(missing.iter().flat_map(|target| ["--target", target]));
        cargo.arg("--manifest-path").arg(package.join("Cargo.toml")).arg("--target-dir").arg(package.join("target"));
        // With its bitcode, for optimisation across all crates. A released compiler builds its own library when told so.
        command::run(cargo.env("RUSTC_BOOTSTRAP", "1").env("RUSTFLAGS", "-Cembed-bitcode=yes"))?;
        for target in missing {
            let (built, wanted) = (package.join("target").join(target).join("release/deps"), libraries(target));
            written(&wanted, || install(&built, &wanted))?;
        }
        written(&package, || fs::remove_dir_all(&package))
    }

    /// Where a program is: on this machine, or in packages, which are then unpacked in a folder.
    pub(crate) fn program(&self, name: &str, folder: &str, packages: &[&str]) -> Result<PathBuf> {
        if let Some(installed) = find(name) {
            return Ok(installed);
        }
        let root = self.unpack(folder, packages)?;
        self.wrap(&root, name)?;
        Ok(self.bin(name))
    }

    fn bin(&self, name: &str) -> PathBuf {
        self.home.join(self.programs).join(name)
    }

    /// Makes a program that finds the libraries that were unpacked with it.
    fn wrap(&self, root: &Path, name: &str) -> Result {
        let program = root.join("usr/bin").join(name);
        if !program.exists() {
            let program = program.display();
            return Err(format!("Debian's packages brought no `{program}`; delete the folder and try again").into());
        }
        let libraries = LIBRARIES.map(|folder| root.join(folder).display().to_string()).join(":");
        let program = program.display();
        let script = format!(
            "#!/bin/sh\nLD_LIBRARY_PATH='{libraries}'${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}} exec '{program}' \"$@\"\n"
        );
        written_program(&self.bin(name), &script).map(drop)
    }

    /// Unpacks packages, and those that they need and this machine lacks.
    fn unpack(&self, folder: &str, packages: &[&str]) -> Result<PathBuf> {
        let root = self.home.join(folder);
        if root.exists() {
            return Ok(root);
        }
        let (fresh, archives) = (self.home.join(format!("{folder}.new")), self.home.join("archives"));
        let download = || {
            written(&archives, || {
                if archives.exists() {
                    fs::remove_dir_all(&archives)?;
                }
                fs::create_dir_all(&archives)
            })?;
            let mut apt = Command::new("apt-get");
            apt.args(["download", "-qq", "-o", "APT::Sandbox::User=root"]).args(needed(packages)?);
            command::run(apt.current_dir(&archives).stdout(Stdio::null()))
        };
        // The lists of packages may be missing, or name versions that have been replaced.
        download().or_else(|_| update().and_then(|()| download()))?;
        let archived: Vec<PathBuf> =
            written(&archives, || fs::read_dir(&archives)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>())?;
        for archive in archived {
            command::output(Command::new("dpkg").arg("-x").arg(archive).arg(&fresh))?;
        }
        // Only what is whole gets the name under which it is looked for.
        written(&root, || fs::remove_dir_all(&archives).and_then(|()| fs::rename(&fresh, &root)))?;
        Ok(root)
    }
}

/// The packages themselves, also if they are installed, and what apt would install with them.
fn needed(packages: &[&str]) -> Result<Vec<String>> {
    let mut apt = Command::new("apt-get");
    let plan = command::output(apt.args(["install", "-s", "-y", "--no-install-recommends"]).args(packages))?;
    let mut needed: Vec<String> = packages.iter().map(|package| (*package).into()).collect();
    // One that is asked for in a version is `name=version`.
    let asked = |name: &str| packages.iter().any(|package| package.split('=').next() == Some(name));
    needed.extend(planned(&plan).filter(|name| !asked(name)).map(Into::into));
    Ok(needed)
}

/// The packages of [`OLDEST`], each in that version; Debian has newer ones beside it.
fn oldest_packages() -> Result<Vec<String>> {
    let listed = || command::output(Command::new("apt-cache").args(["madison", "rustc-web"]));
    let mut version = version_of(&listed()?);
    if version.is_none() {
        update()?;
        version = version_of(&listed()?);
    }
    let version = version.ok_or_else(|| {
        format!("Debian has no rustc-web {OLDEST} here; run this on Debian 12, whose main archive has it")
    })?;
    Ok(["rustc-web", "libstd-rust-web-dev", "cargo-web"].map(|name| format!("{name}={version}")).into())
}

/// Reads ` rustc-web | 1.85.0+dfsg3-1~deb12u3 | http://deb.debian.org/debian bookworm/main amd64 Packages`.
fn version_of(listed: &str) -> Option<String> {
    let versions = listed.lines().filter_map(|line| Some(line.split('|').nth(1)?.trim()));
    let of_oldest = |version: &&str| version.strip_prefix(OLDEST).is_some_and(|rest| rest.starts_with('.'));
    versions.filter(of_oldest).map(str::to_owned).next()
}

/// Reads `Inst rustc-web (1.96.0+dfsg1-1 Debian-Security:12/oldstable-security [amd64])`.
fn planned(plan: &str) -> impl Iterator<Item = &str> {
    plan.lines().filter_map(|line| line.strip_prefix("Inst ")?.split(' ').next())
}

fn update() -> Result {
    command::run(Command::new("apt-get").args(["update", "-qq"])).map_err(|_| {
        Complaints::from(
            "cannot read Debian's lists of packages; run this as root, or `apt-get update` first, and with a network",
        )
    })
}

fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

fn install(built: &Path, wanted: &Path) -> io::Result<()> {
    let fresh = wanted.with_extension("new");
    fs::create_dir_all(&fresh)?;
    for entry in fs::read_dir(built)? {
        let path = entry?.path();
        if let (Some("rlib"), Some(name)) =
            (path.extension().and_then(|extension| extension.to_str()), path.file_name())
        {
            fs::copy(&path, fresh.join(name))?;
        }
    }
    fs::rename(fresh, wanted)
}

/// Makes a program of a script.
pub(crate) fn written_program(path: &Path, script: &str) -> Result<PathBuf> {
    written(path, || {
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        // Written anew it would be a new program to cargo, which would then build all again.
        if fs::read_to_string(path).is_ok_and(|old| old == script) {
            return Ok(());
        }
        fs::write(path, script)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o755))
    })?;
    Ok(path.to_owned())
}

fn written<T>(path: &Path, work: impl FnOnce() -> io::Result<T>) -> Result<T> {
    work().map_err(|error| format!("cannot write `{}`: {error}", path.display()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_apt_would_install_is_read() {
        let plan = "NOTE: This is only a simulation!\nInst libllvm22 (1:22 Debian:12 [amd64])\nInst rustc-web [1.85] (1.96 Debian:12)\n\
                    Conf libllvm22 (1:22 Debian:12 [amd64])\n";
        assert_eq!(planned(plan).collect::<Vec<_>>(), ["libllvm22", "rustc-web"]);
    }

    #[test]
    fn the_oldest_version_is_found_among_newer_ones() {
        let listed = " rustc-web | 1.96.0+dfsg1-1 | http://deb.debian.org security\n rustc-web | 1.85.0+dfsg3-1 | http://deb.debian.org main\n";
        assert_eq!(version_of(listed).as_deref(), Some("1.85.0+dfsg3-1"));
        assert_eq!(version_of(" rustc-web | 1.850.0 | x\n"), None);
    }
}
