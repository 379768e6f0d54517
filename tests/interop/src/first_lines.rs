//! The lines that `ably-auth serve --sandbox` prints to paste: its JavaScript program, run with npm's `ably`.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::Result;
use crate::programs::Programs;
use crate::servers;

const TIMEOUT: Duration = Duration::from_secs(30);

/// The beginning of the line after the JavaScript.
const NEXT: &str = "Rust";

struct Sandbox(Child);

impl Drop for Sandbox {
    fn drop(&mut self) {
        // Both calls fail if the process has ended already; then the program that uses it fails too.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Publishes a message and reads it back, as somebody does who pastes the printed lines.
pub(crate) fn check(programs: &Programs) -> Result {
    let mut serve = Command::new(&programs.cli);
    serve.args(["serve", "--sandbox", "--listen", "127.0.0.1:0"]).env_remove("ABLY_API_KEY").stdout(Stdio::piped());
    let child = serve.stdin(Stdio::null()).spawn();
    let mut sandbox = Sandbox(child.map_err(|error| vec![format!("`ably-auth` did not start: {error}")])?);
    let output = sandbox.0.stdout.take().ok_or_else(|| vec!["the sandbox has no output".to_owned()])?;
    let (printed, read) = mpsc::channel();
    thread::spawn(move || {
        let mut lines = BufReader::new(output).lines().map_while(std::result::Result::ok);
        lines.try_for_each(|line| printed.send(line))
    });
    let next = std::iter::from_fn(|| read.recv_timeout(TIMEOUT).ok());
    let lines: Vec<String> = next.take_while(|line| !line.starts_with(NEXT)).collect();
    let key = lines.iter().find_map(|line| line.trim().strip_prefix("export ABLY_API_KEY="));
    let key = key.ok_or_else(|| vec!["the sandbox printed no key".to_owned()])?;
    let program = lines.iter().skip_while(|line| !line.starts_with("JavaScript")).skip(1);
    let program: Vec<&str> = program.map(|line| line.trim()).collect();
    let path = programs.folder.join("try.mjs");
    fs::write(&path, program.join("\n"))
        .map_err(|error| vec![format!("cannot write `{}`: {error}", path.display())])?;
    let printed = servers::lines(Command::new("node").arg(&path).env("ABLY_API_KEY", key), TIMEOUT)?;
    if printed == ["[ 'hello' ]"] {
        println!("the printed JavaScript published a message and read it back");
        return Ok(());
    }
    Err(vec![format!(
        "the JavaScript that the sandbox prints showed {printed:?} instead of the message; see `{}`",
        path.display()
    )])
}
