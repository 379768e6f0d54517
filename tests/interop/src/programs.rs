//! Programs that the task installs under `target/interop`, or that `cargo xtask` has built.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs, path};

use crate::{Result, run};

pub(crate) const NPM_SDK: &str = "ably@2.26.0";
pub(crate) const PYPI_SDK: &str = "ably==3.1.4";

/// Programs that a minimal Debian lacks: the arguments of a check that they are installed, and their packages.
const NEEDED: &[(&str, &[&str], &[&str])] = &[
    ("node", &["--version"], &["nodejs"]),
    ("npm", &["--version"], &["npm"]),
    ("chromium", &["--version"], &["chromium"]),
    ("python3", &["-c", "import ensurepip"], &["python3", "python3-venv"]),
];

pub(crate) struct Programs {
    pub(crate) folder: PathBuf,
    pub(crate) python: PathBuf,
    /// The program `ably-auth`.
    pub(crate) cli: PathBuf,
    /// The driver of this project's clients.
    pub(crate) ours: PathBuf,
}

impl Programs {
    /// Installs the SDKs. `cargo xtask` has built `ably-auth` and the driver.
    pub(crate) fn ready() -> Result<Self> {
        let folder = folder("interop")?;
        npm(&folder, &[NPM_SDK])?;
        let python = python(&folder.join("python"), &[PYPI_SDK])?;
        Ok(Self { python, cli: cli()?, ours: built("examples/interop")?, folder })
    }
}

/// Returns cargo's target folder, which this program is in.
pub(crate) fn target() -> Result<PathBuf> {
    let program = env::current_exe().ok().and_then(|program| Some(program.ancestors().nth(2)?.to_owned()));
    program.ok_or_else(|| vec!["cannot find the target folder; start this program with cargo".into()])
}

/// Creates a folder in cargo's target folder.
pub(crate) fn folder(name: &str) -> Result<PathBuf> {
    let folder = target()?.join(name);
    fs::create_dir_all(&folder).map_err(|error| vec![format!("cannot create `{}`: {error}", folder.display())])?;
    Ok(folder)
}

/// Makes a path independent of the working directory.
pub(crate) fn absolute(path: &Path) -> Result<PathBuf> {
    path::absolute(path).map_err(|error| vec![format!("cannot resolve `{}`: {error}", path.display())])
}

/// Returns the program `ably-auth`.
pub(crate) fn cli() -> Result<PathBuf> {
    built("ably-auth")
}

/// Returns a program that `cargo xtask` has built.
fn built(name: &str) -> Result<PathBuf> {
    let path = target()?.join("debug").join(name);
    let missing = || vec![format!("`{}` is not built; start this program with `cargo xtask`", path.display())];
    path.is_file().then_some(path.clone()).ok_or_else(missing)
}

/// Installs packages of npm in the folder.
pub(crate) fn npm(folder: &Path, packages: &[&str]) -> Result {
    install_missing(&["node", "npm"])?;
    let mut npm = Command::new("npm");
    npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error", "--prefix"]);
    run(npm.arg(folder).args(packages))
}

/// Creates a Python environment in the folder, and installs the packages there.
pub(crate) fn python(folder: &Path, packages: &[&str]) -> Result<PathBuf> {
    install_missing(&["python3"])?;
    let python = folder.join("bin/python");
    if !python.exists() {
        run(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
    }
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    run(Command::new(&python).args(pip).args(packages))?;
    Ok(python)
}

/// Installs missing programs from Debian's packages, if this process runs as root.
pub(crate) fn install_missing(programs: &[&str]) -> Result {
    let is_here = |program: &str, args: &[&str]| {
        let status = Command::new(program).args(args).stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    };
    let needed = NEEDED.iter().filter(|(program, args, _)| programs.contains(program) && !is_here(program, args));
    let packages: Vec<&str> = needed.flat_map(|(.., packages)| *packages).copied().collect();
    if packages.is_empty() {
        return Ok(());
    }
    let is_root = || Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout.trim_ascii() == b"0");
    let missing = packages.join(" ");
    if !is_here("apt-get", &["--version"]) || !is_root() {
        return Err(vec![format!("programs are missing; on Debian, run `apt-get install {missing}` as root")]);
    }
    println!("installing from Debian's packages: {missing}");
    for words in [&["update", "-qq"][..], &[&["install", "-qqy", "--no-install-recommends"], &*packages].concat()] {
        let mut apt = Command::new("apt-get");
        run(apt.args(words).env("DEBIAN_FRONTEND", "noninteractive").stdout(Stdio::null()))?;
    }
    Ok(())
}
