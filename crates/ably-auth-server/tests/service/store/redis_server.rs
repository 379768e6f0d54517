//! A Redis server on loopback, for one test.

use ably_auth_server::Error;
use ably_auth_server::store::{Redis, RedisOptions};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use super::TempDir;

const MAX_POLLS: usize = 2_000;
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// The rights that a Redis user needs, as in `docs/running.md`.
pub(super) const RIGHTS: [&str; 9] = [
    "&{ably-auth}:*",
    "+@read",
    "+@write",
    "+@connection",
    "+@scripting",
    "+info",
    "+config|get",
    "+publish",
    "+subscribe",
];

pub(super) struct RedisServer {
    process: Child,
    scheme: &'static str,
    port: u16,
    folder: TempDir,
    options: Vec<String>,
}

impl RedisServer {
    /// Starts a server. If `redis-server` is not installed, prints a message and returns `None`, or panics in CI.
    pub(super) fn start() -> Option<Self> {
        if Command::new("redis-server").arg("--version").output().is_err() {
            assert!(std::env::var_os("CI").is_none(), "`redis-server` is not installed");
            eprintln!("NOT TESTED: `redis-server` is not installed; get it with `apt-get install redis-server`");
            return None;
        }
        Some(Self::start_with(TempDir::new(), &[]))
    }

    /// Starts a server with `options`, which loads the data in `folder`.
    pub(super) fn start_with(folder: TempDir, options: &[&str]) -> Self {
        Self::start_as("redis", folder, options)
    }

    /// Like [`start`](Self::start), but over TLS, with only the user `service` and the password `hush`.
    pub(super) fn start_with_tls(certificate_pem: &str, key_pem: &str) -> Option<Self> {
        drop(Self::start()?);
        let folder = TempDir::new();
        let [certificate, key] = ["certificate", "key"].map(|name| folder.0.join(name));
        std::fs::write(&certificate, certificate_pem).unwrap();
        std::fs::write(&key, key_pem).unwrap();
        let [certificate, key] = [certificate, key].map(|path| path.to_str().unwrap().to_owned());
        let tls = ["--tls-cert-file", &certificate, "--tls-key-file", &key, "--tls-ca-cert-file", &certificate];
        let users = ["--tls-auth-clients", "no", "--user", "default", "off"];
        let user = ["--user", "service", "on", ">hush", "~{ably-auth}:*"];
        let options = [&tls[..], &users, &user, &RIGHTS].concat();
        Some(Self::start_as("rediss", folder, &options))
    }

    fn start_as(scheme: &'static str, folder: TempDir, options: &[&str]) -> Self {
        let port = free_port();
        let options: Vec<_> = options.iter().map(|option| (*option).to_owned()).collect();
        let server = Self { process: spawn(scheme, port, &folder, &options), scheme, port, folder, options };
        server.wait_until_listening();
        server
    }

    pub(super) fn url(&self) -> String {
        format!("{}://127.0.0.1:{}", self.scheme, self.port)
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Sends `-STOP`, `-CONT` or `-KILL` to the process.
    pub(super) fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.process.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    /// Starts the server again after it ended, with the data that was saved.
    pub(super) fn restart(&mut self) {
        self.process = spawn(self.scheme, self.port, &self.folder, &self.options);
        self.wait_until_listening();
        while self.command(&["PING"]) != "PONG" {
            thread::sleep(POLL_INTERVAL);
        }
    }

    fn wait_until_listening(&self) {
        for _ in 0..MAX_POLLS {
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return;
            }
            thread::sleep(POLL_INTERVAL);
        }
        panic!("redis-server does not listen");
    }

    pub(super) fn kill(&mut self) {
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

fn spawn(scheme: &str, port: u16, folder: &TempDir, options: &[String]) -> Child {
    let port = port.to_string();
    let mut command = Command::new("redis-server");
    if scheme == "redis" {
        command.args(["--port", &port])
    } else {
        command.args(["--port", "0", "--tls-port", &port])
    };
    command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir"]).arg(&folder.0);
    command.args(options);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Connects to an empty Redis, which is declared as new.
pub(super) async fn connect_to_new(url: &str) -> Result<Redis, Error> {
    let mut options = RedisOptions::default();
    options.is_new = true;
    Redis::connect_with(url, options).await
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // Some tests have already ended the process.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
