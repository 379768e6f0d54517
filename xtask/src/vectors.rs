//! JWTs of other implementations, for the tests: made anew, and checked both ways.
//!
//! `xtask/vectors/jwt_npm.js` and `jwt_pypi.py` write them, with libraries that are installed under `target/`. What these say
//! of our own JWTs holds for a text that the script made of the same claims: that it is what we mint is for our test to say.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::workspace::Workspace;
use crate::{Result, command};

const NPM_LIBRARY: &str = "jsonwebtoken@9";
const PYPI_LIBRARY: &str = "PyJWT==2.*";
const VECTORS: &str = "tests/vectors/jwt.json";

pub(crate) fn run(_: &[String]) -> Result {
    let folder = Workspace::load()?.target_directory.join("vectors");
    fs::create_dir_all(&folder).map_err(|error| format!("cannot create `{}`: {error}", folder.display()))?;
    let python = install(&folder)?;

    let (from_npm, from_both) = (folder.join("npm.json"), folder.join("jwt.json"));
    let mut node = Command::new("node");
    node.arg("xtask/vectors/jwt_npm.js").env("NODE_PATH", folder.join("node_modules"));
    command::run(node.stdout(create(&from_npm)?))?;
    let mut python = Command::new(python);
    python.arg("xtask/vectors/jwt_pypi.py").stdin(open(&from_npm)?);
    command::run(python.stdout(create(&from_both)?))?;

    // Only now, so that a script that breaks off leaves the vectors as they were.
    fs::copy(&from_both, VECTORS).map_err(|error| format!("cannot write `{VECTORS}`: {error}"))?;
    command::run(&mut command::cargo(["test", "--package", "ably-auth-tests", "--test", "suite", "jwt_vectors"]))
}

/// Installs both libraries, and gives the Python that has the one.
fn install(folder: &Path) -> Result<std::path::PathBuf> {
    let mut npm = Command::new("npm");
    npm.args(["install", "--no-audit", "--no-fund", "--loglevel=error", "--prefix"]).arg(folder).arg(NPM_LIBRARY);
    command::run(&mut npm)?;
    let environment = folder.join("python");
    command::run(Command::new("python3").args(["-m", "venv"]).arg(&environment))?;
    let python = environment.join("bin/python");
    let mut pip = Command::new(&python);
    command::run(pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", PYPI_LIBRARY]))?;
    Ok(python)
}

fn create(path: &Path) -> Result<Stdio> {
    File::create(path).map(Stdio::from).map_err(|error| format!("cannot create `{}`: {error}", path.display()).into())
}

fn open(path: &Path) -> Result<Stdio> {
    File::open(path).map(Stdio::from).map_err(|error| format!("cannot open `{}`: {error}", path.display()).into())
}
