//! Compilers and emulators for machines other than this one, from Debian's signed packages.
//!
//! The standard libraries of these machines are not installed, and rustup would change the installed toolchain. Debian
//! packages a compiler together with the source of its standard library (`rustc-web`, `rust-web-src`), from which the
//! library for any target is built here. Nothing is installed: the packages are unpacked under `target/debian`, and
//! reused later.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs, io};

use crate::workspace::Workspace;
use crate::{Complaints, Result, command};

/// Folders of this machine's libraries in the packages.
const LIBRARIES: [&str; 2] = ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"];
/// Environment variables that cargo would inherit, and that are meant for another compiler or target.
const FOREIGN: &[&str] =
    &["RUSTC", "RUSTDOC", "RUSTFLAGS", "RUSTC_WRAPPER", "CARGO_BUILD_TARGET", "CARGO_ENCODED_RUSTFLAGS"];

/// The minimum supported Rust version, as in `rust-version`.
pub(crate) const OLDEST: &str = "1.85";
const OLDEST_PROGRAMS: &str = "bin-1.85";
/// The second number of the least version of the newest compiler. Older ones lack flags of the builds.
const NEWEST_MINOR: u32 = 96;

pub(crate) struct Toolchain {
    home: PathBuf,
    /// The folder of the wrapper programs, below `home`.
    programs: &'static str,
}

impl Toolchain {
    /// Unpacks the newest compiler, if that was not done before.
    pub(crate) fn open() -> Result<Self> {
        let toolchain = Self::at_home("bin")?;
        let mut compiler = toolchain.unpack_newest()?;
        if toolchain.minor_version()? < NEWEST_MINOR {
            // The lists of packages were older than the compiler.
            with_path_error(&compiler, || fs::remove_dir_all(&compiler))?;
            update()?;
            compiler = toolchain.unpack_newest()?;
        }
        if toolchain.minor_version()? < NEWEST_MINOR {
            let version = toolchain.version()?;
            return Err(format!("Debian's lists have rustc-web {version}, not 1.{NEWEST_MINOR}; run this on Debian 12, whose security archive has it").into());
        }
        let sysroot = command::output(Command::new("rustc").args(["--print", "sysroot"]))?;
        let [ours, debians] = [Path::new(sysroot.trim()).join("lib"), compiler.join("usr/lib")]
            .map(|libraries| libraries.join("rustlib/x86_64-unknown-linux-gnu/bin"));
        let linker = ours.join("rust-lld");
        if !linker.exists() {
            let linker = linker.display();
            return Err(format!("linker `{linker}` not found; install Rust with rustup, which provides it").into());
        }
        with_path_error(&debians, || {
            fs::create_dir_all(&debians)?;
            let link = debians.join("rust-lld");
            if link.is_symlink() {
                fs::remove_file(&link)?;
            }
            symlink(&linker, &link)
        })?;
        Ok(toolchain)
    }

    /// Unpacks the compiler of the minimum supported version, and the cargo of that version.
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

    fn unpack_newest(&self) -> Result<PathBuf> {
        let compiler = self.unpack("rustc", &["rustc-web", "rust-web-src"])?;
        ["rustc", "rustdoc"].iter().try_for_each(|program| self.wrap(&compiler, program))?;
        Ok(compiler)
    }

    fn at_home(programs: &'static str) -> Result<Self> {
        let is_debian = ["apt-get", "dpkg"].iter().all(|program| find(program).is_some());
        if !is_debian || !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
            return Err(
                "this task takes its compiler and emulators from Debian's packages; run it as root on Debian 12 \
                  for x86-64, for example in a container"
                    .into(),
            );
        }
        Ok(Self { home: Workspace::load()?.target_directory.join("debian"), programs })
    }

    /// Returns a command for the installed cargo that uses this compiler.
    pub(crate) fn cargo(&self, args: &[&str]) -> Command {
        let mut cargo = command::cargo(args);
        for name in FOREIGN {
            cargo.env_remove(name);
        }
        cargo.env("RUSTC", self.bin("rustc")).env("RUSTDOC", self.bin("rustdoc"));
        cargo
    }

    /// Returns a command for the cargo that is packaged with this compiler.
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

    /// Builds `core`, and no other library, for targets without an operating system.
    pub(crate) fn add_core(&self, targets: &[&str]) -> Result {
        let libraries = |target: &str| self.home.join("rustc/usr/lib/rustlib").join(target).join("lib");
        let missing: Vec<&str> = targets.iter().copied().filter(|target| !libraries(target).exists()).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let package = self.home.join("core");
        let manifest = "[package]\nname = \"nothing\"\nedition = \"2024\"\n\n[workspace]\n\n[profile.release]\npanic = \"abort\"\n";
        with_path_error(&package, || {
            fs::create_dir_all(package.join("src"))?;
            fs::write(package.join("Cargo.toml"), manifest)?;
            fs::write(package.join("src/lib.rs"), "#![no_std]\n")
        })?;
        let mut cargo = self.cargo(&["build", "--release", "-Zbuild-std=core"]);
        cargo.args(missing.iter().flat_map(|target| ["--target", target]));
        cargo.arg("--manifest-path").arg(package.join("Cargo.toml")).arg("--target-dir").arg(package.join("target"));
        // With bitcode, for link-time optimization. RUSTC_BOOTSTRAP allows `-Zbuild-std` in a released compiler.
        command::run(cargo.env("RUSTC_BOOTSTRAP", "1").env("RUSTFLAGS", "-Cembed-bitcode=yes"))?;
        for target in missing {
            let (built, wanted) = (package.join("target").join(target).join("release/deps"), libraries(target));
            with_path_error(&wanted, || install(&built, &wanted))?;
        }
        with_path_error(&package, || fs::remove_dir_all(&package))
    }

    /// Returns the two paths of the sources of the standard library, of which one is a link to the other.
    pub(crate) fn library_sources(&self) -> Result<[PathBuf; 2]> {
        let link = self.home.join("rustc/usr/lib/rustlib/src/rust");
        let fault =
            |error| format!("cannot read `{}`: {error}; delete the folder `rustc` and try again", link.display());
        let folder = link.canonicalize().map_err(fault)?;
        Ok([link, folder])
    }

    /// Returns the version of the compiler, such as `1.96.0`.
    pub(crate) fn version(&self) -> Result<String> {
        let printed = command::output(Command::new(self.bin("rustc")).arg("--version"))?;
        printed
            .split(' ')
            .nth(1)
            .map(Into::into)
            .ok_or_else(|| format!("cannot read `rustc --version`: {printed}").into())
    }

    fn minor_version(&self) -> Result<u32> {
        let version = self.version()?;
        let minor = version.split('.').nth(1).and_then(|minor| minor.parse().ok());
        minor.ok_or_else(|| format!("cannot read the version of rustc: `{version}`").into())
    }

    /// Makes the newest compiler available to a checkout with another target folder.
    pub(crate) fn copy_to(&self, target_directory: &Path) -> Result {
        let home = target_directory.join("debian");
        with_path_error(&home, || fs::create_dir_all(&home))?;
        // Links, because the compiler takes hundreds of megabytes.
        let mut copy = Command::new("cp");
        command::output(copy.args(["--archive", "--link"]).arg(self.home.join("rustc")).arg(home)).map(drop)
    }

    /// Finds a program on this machine; if it is missing, unpacks the packages in a folder and returns its path there.
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

    /// Writes a wrapper script that runs a program with the libraries that were unpacked with it.
    fn wrap(&self, root: &Path, name: &str) -> Result {
        let program = root.join("usr/bin").join(name);
        if !program.exists() {
            let program = program.display();
            return Err(format!("`{program}` is missing in Debian's packages; delete the folder and try again").into());
        }
        let libraries = LIBRARIES.map(|folder| root.join(folder).display().to_string()).join(":");
        let program = program.display();
        let script = format!(
            "#!/bin/sh\nLD_LIBRARY_PATH='{libraries}'${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}} exec '{program}' \"$@\"\n"
        );
        write_program(&self.bin(name), &script).map(drop)
    }

    /// Unpacks packages, and their dependencies that this machine lacks.
    fn unpack(&self, folder: &str, packages: &[&str]) -> Result<PathBuf> {
        let root = self.home.join(folder);
        if root.exists() {
            return Ok(root);
        }
        let (fresh, archives) = (self.home.join(format!("{folder}.new")), self.home.join("archives"));
        let download = || {
            with_path_error(&archives, || {
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
        let archived: Vec<PathBuf> = with_path_error(&archives, || {
            fs::read_dir(&archives)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()
        })?;
        for archive in archived {
            command::output(Command::new("dpkg").arg("-x").arg(archive).arg(&fresh))?;
        }
        // Rename only at the end, so that an incomplete folder is never used.
        with_path_error(&root, || fs::remove_dir_all(&archives).and_then(|()| fs::rename(&fresh, &root)))?;
        Ok(root)
    }
}

/// Returns the packages themselves, even if they are installed, and what apt would install with them.
fn needed(packages: &[&str]) -> Result<Vec<String>> {
    let mut apt = Command::new("apt-get");
    let plan = command::output(apt.args(["install", "-s", "-y", "--no-install-recommends"]).args(packages))?;
    let mut needed: Vec<String> = packages.iter().map(|package| (*package).into()).collect();
    // A package in a certain version is given as `name=version`.
    let asked = |name: &str| packages.iter().any(|package| package.split('=').next() == Some(name));
    needed.extend(planned(&plan).filter(|name| !asked(name)).map(Into::into));
    Ok(needed)
}

/// Returns the packages of [`OLDEST`], each with its version; Debian has newer versions too.
fn oldest_packages() -> Result<Vec<String>> {
    let listed = || command::output(Command::new("apt-cache").args(["madison", "rustc-web"]));
    let mut version = version_of(&listed()?);
    if version.is_none() {
        update()?;
        version = version_of(&listed()?);
    }
    let version = version.ok_or_else(|| {
        format!("Debian's lists have no rustc-web {OLDEST}; run this on Debian 12, whose main archive has it")
    })?;
    Ok(["rustc-web", "libstd-rust-web-dev", "cargo-web"].map(|name| format!("{name}={version}")).into())
}

/// Parses lines such as ` rustc-web | 1.85.0+dfsg3-1~deb12u3 | http://deb.debian.org/debian bookworm/main amd64
/// Packages`.
fn version_of(listed: &str) -> Option<String> {
    let versions = listed.lines().filter_map(|line| Some(line.split('|').nth(1)?.trim()));
    let of_oldest = |version: &&str| version.strip_prefix(OLDEST).is_some_and(|rest| rest.starts_with('.'));
    versions.filter(of_oldest).map(str::to_owned).next()
}

/// Parses lines such as `Inst rustc-web (1.96.0+dfsg1-1 Debian-Security:12/oldstable-security [amd64])`.
fn planned(plan: &str) -> impl Iterator<Item = &str> {
    plan.lines().filter_map(|line| line.strip_prefix("Inst ")?.split(' ').next())
}

fn update() -> Result {
    command::run(Command::new("apt-get").args(["update", "-qq"])).map_err(|_| {
        Complaints::from(
            "cannot update Debian's lists of packages; run this, or `apt-get update`, as root and with a network",
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

/// Writes a script and makes it executable.
pub(crate) fn write_program(path: &Path, script: &str) -> Result<PathBuf> {
    with_path_error(path, || {
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        // Cargo compares the modification time, and would rebuild everything after a rewrite.
        if fs::read_to_string(path).is_ok_and(|old| old == script) {
            return Ok(());
        }
        fs::write(path, script)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o755))
    })?;
    Ok(path.to_owned())
}

fn with_path_error<T>(path: &Path, work: impl FnOnce() -> io::Result<T>) -> Result<T> {
    work().map_err(|error| format!("cannot write `{}`: {error}", path.display()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planned_packages_are_parsed() {
        let plan = "NOTE: This is only a simulation!\nInst libllvm22 (1:22 Debian:12 [amd64])\nInst rustc-web [1.85] (1.96 Debian:12)\n\
                    Conf libllvm22 (1:22 Debian:12 [amd64])\n";
        assert_eq!(planned(plan).collect::<Vec<_>>(), ["libllvm22", "rustc-web"]);
    }

    #[test]
    fn oldest_version_is_found_among_newer_ones() {
        let listed = " rustc-web | 1.96.0+dfsg1-1 | http://deb.debian.org security\n rustc-web | 1.85.0+dfsg3-1 | http://deb.debian.org main\n";
        assert_eq!(version_of(listed).as_deref(), Some("1.85.0+dfsg3-1"));
        assert_eq!(version_of(" rustc-web | 1.850.0 | x\n"), None);
    }
}
