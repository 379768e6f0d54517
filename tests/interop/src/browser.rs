//! The console and the guide's explorer in Chromium: the files of `tests/browser`, run by node's own test runner.
//!
//! Each file has a browser and a service of its own. `stage.mjs` there says what no page may do in any test.

use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

use crate::programs::{NPM_SDK, absolute, cli, folder, install_missing, npm, target};
use crate::{Result, run as run_command};

const TESTS: &str = "tests/browser";
const PACKAGES: [&str; 3] = ["playwright-core@1.61.0", "axe-core@4.14.1", NPM_SDK];
/// Files that run at the same time.
const CONCURRENCY: &str = "--test-concurrency=2";

/// Runs the tests, or writes the images of the guide.
pub(crate) fn run(only_screenshots: bool) -> Result {
    install_missing(&["node", "npm"])?;
    // Debian's Chromium is not needed if the variable names another one.
    if env::var_os("CHROMIUM").is_none() {
        install_missing(&["chromium"])?;
    }
    let folder = folder("browser")?;
    npm(&folder, &PACKAGES)?;
    let mut node = Command::new("node");
    if only_screenshots {
        node.arg(format!("{TESTS}/screenshots.mjs"));
    } else {
        node.args(["--test", "--test-reporter=spec", CONCURRENCY]).args(tests()?);
    }
    node.env("MODULES", absolute(&folder)?).env("ABLY_AUTH", absolute(&cli()?)?);
    run_command(node.env("BOOK", absolute(&target()?.join("book"))?))
}

/// Returns the files of the tests, in order.
fn tests() -> Result<Vec<PathBuf>> {
    let fault = |error| vec![format!("cannot read `{TESTS}`: {error}")];
    let entries = fs::read_dir(TESTS).map_err(fault)?;
    let mut files = entries.map(|entry| Ok(entry.map_err(fault)?.path())).collect::<Result<Vec<_>>>()?;
    files.retain(|file| file.to_string_lossy().ends_with(".test.mjs"));
    files.sort();
    Ok(files)
}
