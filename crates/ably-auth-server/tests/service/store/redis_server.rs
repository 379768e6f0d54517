//! A Redis of the test's own, on loopback.

use ably_auth_server::Error;
use ably_auth_server::store::{Redis, RedisOptions};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use super::Folder;

const TRIES: usize = 2_000;
const GLANCE: Duration = Duration::from_millis(5);

/// What a user of Redis needs, as `docs/running.md` says.
pub(super) const RIGHTS: [&str; 6] = ["+@read", "+@write", "+@connection", "+@scripting", "+info", "+config|get"];

pub(super) struct RedisServer {
    process: Child,
    scheme: &'static str,
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
        Self::start_as("redis", folder, options)
    }

    /// As [`start`](Self::start): one that lets in, over TLS, a user `service` with the password `hush`, and nobody else.
    pub(super) fn start_with_tls(certificate_pem: &str, key_pem: &str) -> Option<Self> {
        drop(Self::start()?);
        let folder = Folder::new();
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

    fn start_as(scheme: &'static str, folder: Folder, options: &[&str]) -> Self {
        let port = free_port();
        let options: Vec<_> = options.iter().map(|option| (*option).to_owned()).collect();
        let server = Self { process: spawn(scheme, port, &folder, &options), scheme, port, folder, options };
        server.listens();
        server
    }

    pub(super) fn url(&self) -> String {
        format!("{}://127.0.0.1:{}", self.scheme, self.port)
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
        self.process = spawn(self.scheme, self.port, &self.folder, &self.options);
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

fn spawn(scheme: &str, port: u16, folder: &Folder, options: &[String]) -> Child {
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

/// A store over a Redis that never held anything.
pub(super) async fn connect_to_new(url: &str) -> Result<Redis, Error> {
    let mut options = RedisOptions::default();
    options.is_new = true;
    Redis::connect_with(url, options).await
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // It has ended already, in some tests.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
