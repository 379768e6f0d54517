//! A Redis of the test's own, on loopback.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use super::Folder;

const TRIES: usize = 2_000;
const GLANCE: Duration = Duration::from_millis(5);

pub(super) struct RedisServer {
    process: Child,
    port: u16,
    folder: Folder,
    options: Vec<String>,
}

impl RedisServer {
    /// None where there is no `redis-server`, which is said; in CI, that is a failure.
    pub(super) fn start() -> Option<Self> {
        if Command::new("redis-server").arg("--version").output().is_err() {
            assert!(std::env::var_os("CI").is_none(), "`redis-server` is not installed");
            eprintln!("NOT TESTED: `redis-server` is not installed; get it with `apt-get install redis-server`");
            return None;
        }
        Some(Self::start_with(Folder::new(), &[]))
    }

    /// With more options; what is in the folder is read.
    pub(super) fn start_with(folder: Folder, options: &[&str]) -> Self {
        let port = free_port();
        let options: Vec<_> = options.iter().map(|option| (*option).to_owned()).collect();
        let server = Self { process: spawn(port, &folder, &options), port, folder, options };
        server.listens();
        server
    }

    pub(super) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// `-STOP`, `-CONT` or `-KILL`.
    pub(super) fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.process.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    /// Once it has ended: starts one that knows what was saved, if anything was.
    pub(super) fn start_again(&mut self) {
        self.process = spawn(self.port, &self.folder, &self.options);
        self.listens();
        while self.command(&["PING"]) != "PONG" {
            thread::sleep(GLANCE);
        }
    }

    fn listens(&self) {
        for _ in 0..TRIES {
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return;
            }
            thread::sleep(GLANCE);
        }
        panic!("redis-server does not listen");
    }

    pub(super) fn end(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    pub(super) fn command(&self, words: &[&str]) -> String {
        let output = Command::new("redis-cli").args(["-p", &self.port.to_string()]).args(words).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn spawn(port: u16, folder: &Folder, options: &[String]) -> Child {
    let port = port.to_string();
    let mut command = Command::new("redis-server");
    command.args(["--bind", "127.0.0.1", "--port", &port, "--save", "", "--appendonly", "no", "--dir"]).arg(&folder.0);
    command.args(options);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // It has ended already, in some tests.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
