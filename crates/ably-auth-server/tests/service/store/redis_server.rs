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
    scheme: &'static str,
    port: u16,
    folder: Folder,
}

impl RedisServer {
    /// None where there is no `redis-server`, which is said; in CI, that is a failure.
    pub(super) fn start() -> Option<Self> {
        if Command::new("redis-server").arg("--version").output().is_err() {
            assert!(std::env::var_os("CI").is_none(), "`redis-server` is not installed");
            eprintln!("NOT TESTED: `redis-server` is not installed; get it with `apt-get install redis-server`");
            return None;
        }
        let (port, folder) = (free_port(), Folder::new());
        let server = Self { process: spawn(port, &folder), scheme: "redis", port, folder };
        server.listens();
        Some(server)
    }

    /// As [`start`](Self::start): one that lets in, over TLS, a user `service` with the password `hush`, and nobody else.
    pub(super) fn start_with_tls(certificate_pem: &str, key_pem: &str) -> Option<Self> {
        drop(Self::start()?);
        let (port, folder) = (free_port(), Folder::new());
        let [certificate, key] = ["certificate", "key"].map(|name| folder.0.join(name));
        std::fs::write(&certificate, certificate_pem).unwrap();
        std::fs::write(&key, key_pem).unwrap();
        let mut command = server("0", &folder);
        command.arg("--tls-port").arg(port.to_string()).arg("--tls-cert-file").arg(&certificate);
        command.arg("--tls-key-file").arg(key).arg("--tls-ca-cert-file").arg(certificate);
        command.args(["--tls-auth-clients", "no", "--user", "service", "on", ">hush", "~{ably-auth}:*"]);
        // As `docs/running.md` says.
        command.args(["+@read", "+@write", "+@connection", "+@scripting", "+info"]);
        command.args(["--user", "default", "off"]);
        let server = Self { process: command.spawn().unwrap(), scheme: "rediss", port, folder };
        server.listens();
        Some(server)
    }

    pub(super) fn url(&self) -> String {
        format!("{}://127.0.0.1:{}", self.scheme, self.port)
    }

    /// `-STOP`, `-CONT` or `-KILL`.
    pub(super) fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.process.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    /// Once it has ended: starts one that knows nothing.
    pub(super) fn restart_empty_after_end(&mut self) {
        self.process = spawn(self.port, &self.folder);
        self.listens();
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

fn spawn(port: u16, folder: &Folder) -> Child {
    server(&port.to_string(), folder).spawn().unwrap()
}

fn server(port: &str, folder: &Folder) -> Command {
    let mut command = Command::new("redis-server");
    command.args(["--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no", "--dir"]).arg(&folder.0);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // It has ended already, in some tests.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
