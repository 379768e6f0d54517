//! Regenerates the JWT test vectors with other implementations, and checks that these accept our JWTs.
//!
//! `xtask/vectors/jwt_npm.js` and `jwt_pypi.py` write the vectors, with libraries that are installed under `target/`.
//! "Our" JWTs are built by the script from the same claims; the test `jwt_vectors` checks that our crate mints the same
//! text.

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

    // Copied last, so that a script that fails leaves the old vectors in place.
    fs::copy(&from_both, VECTORS).map_err(|error| format!("cannot write `{VECTORS}`: {error}"))?;
    command::run(&mut command::cargo(["test", "--package", "ably-auth-tests", "--test", "suite", "jwt_vectors"]))
}

/// Installs both libraries, and returns the Python that has PyJWT.
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
