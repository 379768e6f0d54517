//! Runs a test in a separate process, for state that all threads of a process share.

use std::env;
use std::process::Command;

const IS_ALONE: &str = "ABLY_AUTH_TEST_IS_ALONE";

/// Runs `test`, whose module path is `path`, in a process where no other test runs.
pub fn run_in_separate_process(path: &str, test: impl FnOnce()) {
    if env::var_os(IS_ALONE).is_some() {
        return test();
    }
    let (_, path) = path.split_once("::").unwrap();
    let mut command = Command::new(env::current_exe().unwrap());
    let run = command.args(["--exact", path, "--nocapture"]).env(IS_ALONE, "1").output().unwrap();
    let output = format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    eprintln!("{output}");
    assert!(run.status.success() && output.contains("1 passed"), "{path} fails in a separate process");
}
