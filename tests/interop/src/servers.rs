//! Child processes: servers that run on loopback until they are dropped, and programs with a timeout.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::Result;

/// A server that prints the URL it listens on; it is killed on drop.
pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
}

impl Server {
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.map_err(|error| vec![format!("`{name}` did not start: {error}")])?;
        let mut line = String::new();
        let read = child.stdout.take().map(|output| BufReader::new(output).read_line(&mut line));
        let mut server = Self { child, url: String::new() };
        match (read, line.split_whitespace().last()) {
            (Some(Ok(_)), Some(url)) if url.starts_with("http") => server.url = url.into(),
            _ => return Err(vec![format!("`{name}` did not print a URL to listen on; start it by hand to see why")]),
        }
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The process has nothing to save. Both calls fail if it has ended already, which its callers have noticed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts the service as a sandbox. The URL has the host name that the service's certificate is valid for.
pub(crate) fn service(cli: &Path, options: &[&OsStr]) -> Result<Server> {
    let mut serve = Command::new(cli);
    let mut server = Server::start(serve.args(["serve", "--sandbox", "--listen", "127.0.0.1:0"]).args(options))?;
    server.url = server.url.replace("127.0.0.1", "localhost");
    Ok(server)
}

/// Runs a program and returns the lines that it prints. Kills it when the timeout has passed.
pub(crate) fn lines(command: &mut Command, longest: Duration) -> Result<Vec<String>> {
    let name = command.get_program().to_string_lossy().into_owned();
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
    let mut child = child.map_err(|error| vec![format!("`{name}` did not start: {error}")])?;
    let (done, printed) = mpsc::channel();
    let output = child.stdout.take();
    let reader = thread::spawn(move || {
        let mut text = String::new();
        // If the rest is not UTF-8, the text before it still counts.
        let _ = output.map(|mut output| output.read_to_string(&mut text));
        let _ = done.send(());
        text
    });
    if printed.recv_timeout(longest).is_err() {
        println!("`{name}` was killed: it ran longer than {} s", longest.as_secs());
        let _ = child.kill();
    }
    let _ = child.wait();
    let text = reader.join().map_err(|_| vec![format!("cannot read the output of `{name}`")])?;
    Ok(text.lines().map(Into::into).collect())
}
