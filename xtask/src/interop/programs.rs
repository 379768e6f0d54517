//! Programs that the task installs under `target/interop` or builds.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::workspace::Workspace;
use crate::{Result, command};

const NPM_SDK: &str = "ably@2.26.0";
const PYPI_SDK: &str = "ably==3.1.4";

/// Programs that a minimal Debian lacks: the arguments of a check that they are installed, and their packages.
const NEEDED: &[(&str, &[&str], &[&str])] = &[
    ("node", &["--version"], &["nodejs"]),
    ("npm", &["--version"], &["npm"]),
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
    /// Installs the SDKs, and builds `ably-auth` and the driver.
    pub(crate) fn ready() -> Result<Self> {
        install_missing(&["node", "npm", "python3"])?;
        let target = Workspace::load()?.target_directory;
        let folder = target.join("interop");
        fs::create_dir_all(&folder).map_err(|error| format!("cannot create `{}`: {error}", folder.display()))?;
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error", "--prefix"]);
        command::run(npm.arg(&folder).arg(NPM_SDK))?;
        let python = python(&folder.join("python"), &[PYPI_SDK])?;
        let cli = cli(&target)?;
        command::run(&mut command::cargo(["build", "--package", "ably-auth-tests", "--example", "interop"]))?;
        Ok(Self { python, cli, ours: target.join("debug/examples/interop"), folder })
    }
}

/// Builds `ably-auth`.
pub(crate) fn cli(target: &Path) -> Result<PathBuf> {
    command::run(&mut command::cargo(["build", "--package", "ably-auth-cli"]))?;
    Ok(target.join("debug/ably-auth"))
}

/// Creates a Python environment in the folder, and installs the packages there.
pub(crate) fn python(folder: &Path, packages: &[&str]) -> Result<PathBuf> {
    install_missing(&["python3"])?;
    let python = folder.join("bin/python");
    if !python.exists() {
        command::run(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
    }
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    command::run(Command::new(&python).args(pip).args(packages))?;
    Ok(python)
}

/// Installs missing programs from Debian's packages, if this process runs as root.
fn install_missing(programs: &[&str]) -> Result {
    let is_here = |program: &str, args: &[&str]| {
        let status = Command::new(program).args(args).stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    };
    let needed = NEEDED.iter().filter(|(program, args, _)| programs.contains(program) && !is_here(program, args));
    let packages: Vec<&str> = needed.flat_map(|(.., packages)| *packages).copied().collect();
    if packages.is_empty() {
        return Ok(());
    }
    let is_root = || command::output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    let missing = packages.join(" ");
    if !is_here("apt-get", &["--version"]) || !is_root() {
        return Err(format!("programs are missing; on Debian, run `apt-get install {missing}` as root").into());
    }
    println!("installing from Debian's packages: {missing}");
    for words in [&["update", "-qq"][..], &[&["install", "-qqy", "--no-install-recommends"], &*packages].concat()] {
        let mut apt = Command::new("apt-get");
        command::run(apt.args(words).env("DEBIAN_FRONTEND", "noninteractive").stdout(Stdio::null()))?;
    }
    Ok(())
}
