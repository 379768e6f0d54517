//! Runs the program, never for longer than [`PATIENCE`].

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;
use std::{fs, thread};

use serde_json::{Value, json};

/// The secret of every key: no output may hold it.
pub(crate) const SECRET: &str = "EVKVTCBlzLBPYJiCZTsIW_pqylJ9WVRB5K9P19Ap1y0";
/// May do everything on every channel.
pub(crate) const KEY: &str = "shop.backend:EVKVTCBlzLBPYJiCZTsIW_pqylJ9WVRB5K9P19Ap1y0";
/// `{"chat:*":["publish","subscribe"]}`.
pub(crate) const LIMITED_KEY: &str = "shop.limited:EVKVTCBlzLBPYJiCZTsIW_pqylJ9WVRB5K9P19Ap1y0";

/// For how long anything is waited for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
const GLANCE: Duration = Duration::from_millis(5);

/// A process that does not outlive the test.
pub(crate) struct Process(pub(crate) Child);

impl Process {
    /// The exit status; none if a signal ended it.
    pub(crate) fn ended(&mut self) -> Option<i32> {
        for _ in 0..PATIENCE.as_millis() / GLANCE.as_millis() {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status.code();
            }
            thread::sleep(GLANCE);
        }
        panic!("it has not ended within {PATIENCE:?}");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has ended already, most of the time.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The program, without a key in its environment.
pub(crate) fn program(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ably-auth"));
    command
        .args(args)
        .env_remove("ABLY_API_KEY")
        .env_remove("ABLY_TOKEN")
        .env_remove("ABLY_CACERT")
        .env_remove("ABLY_CONTROL_TOKEN")
        .env_remove("NOTIFY_SOCKET")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

pub(crate) fn spawn(command: &mut Command) -> Process {
    Process(command.spawn().unwrap())
}

pub(crate) fn run(args: &[&str]) -> Answer {
    finish(&mut program(args), "")
}

pub(crate) fn run_with_stdin(args: &[&str], stdin: &str) -> Answer {
    finish(program(args).stdin(Stdio::piped()), stdin)
}

pub(crate) fn run_with_env(args: &[&str], name: &str, value: &str) -> Answer {
    finish(program(args).env(name, value), "")
}

pub(crate) fn run_with_key_in_env(args: &[&str], key: &str) -> Answer {
    finish(program(args).env("ABLY_API_KEY", key), "")
}

pub(crate) fn finish(command: &mut Command, stdin: &str) -> Answer {
    let mut process = spawn(command);
    let stdout = collect(process.0.stdout.take().unwrap());
    let stderr = collect(process.0.stderr.take().unwrap());
    if let Some(mut pipe) = process.0.stdin.take() {
        // Refused before stdin was read, if this fails.
        let _ = pipe.write_all(stdin.as_bytes());
    }
    let status = process.ended();
    let text = |output: Receiver<String>| output.recv_timeout(PATIENCE).unwrap();
    Answer { status, stdout: text(stdout), stderr: text(stderr) }
}

fn collect(mut pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (whole, output) = mpsc::channel();
    thread::spawn(move || {
        let mut text = String::new();
        pipe.read_to_string(&mut text).unwrap();
        whole.send(text)
    });
    output
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Answer {
    /// Exit status 0, nothing on stderr. Gives what is on stdout, without the last line's end.
    #[track_caller]
    pub(crate) fn yes(&self) -> &str {
        assert_eq!((self.status, self.stderr.as_str()), (Some(0), ""), "{self:?}");
        self.stdout.strip_suffix('\n').unwrap_or_else(|| panic!("no whole line: {self:?}"))
    }

    #[track_caller]
    pub(crate) fn yes_json(&self) -> Value {
        serde_json::from_str(self.yes()).unwrap()
    }

    /// Exit status 1. Gives what is on stdout, without the last line's end.
    #[track_caller]
    pub(crate) fn no(&self) -> &str {
        assert_eq!(self.status, Some(1), "{self:?}");
        self.stdout.trim_end_matches('\n')
    }

    #[track_caller]
    pub(crate) fn no_json(&self) -> Value {
        serde_json::from_str(self.no()).unwrap()
    }

    /// Exit status 2, nothing on stdout, and a message that has all of these.
    #[track_caller]
    pub(crate) fn bad(&self, said: &[&str]) {
        assert_eq!((self.status, self.stdout.as_str()), (Some(2), ""), "{self:?}");
        assert!(self.stderr.starts_with("error: "), "{self:?}");
        for said in said {
            assert!(self.stderr.contains(said), "`{said}` is not said: {self:?}");
        }
    }

    /// Exit status 2 and the same message twice: as JSON on stdout, and for people on stderr.
    #[track_caller]
    pub(crate) fn bad_json(&self) -> String {
        assert_eq!(self.status, Some(2), "{self:?}");
        let json: Value = serde_json::from_str(&self.stdout).unwrap();
        let message = json["error"]["message"].as_str().unwrap();
        assert_eq!(json, json!({ "error": { "message": message } }));
        assert!(self.stderr.contains(message), "{self:?}");
        message.to_owned()
    }

    #[track_caller]
    pub(crate) fn is_silent_about(&self, hidden: &str) {
        let told = self.stdout.contains(hidden) || self.stderr.contains(hidden);
        assert!(!told, "`{hidden}` is told: {self:?}");
    }
}

/// A file that goes with the test.
pub(crate) struct File(pub(crate) PathBuf);

impl File {
    /// `name` must be one that no other test uses.
    pub(crate) fn new(name: &str, text: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{name}", std::process::id()));
        fs::write(&path, text).unwrap();
        let file = Self(path);
        // Most of these files contain a secret.
        #[cfg(unix)]
        file.set_mode(0o600);
        file
    }

    #[cfg(unix)]
    pub(crate) fn set_mode(&self, mode: u32) {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(&self.0, fs::Permissions::from_mode(mode)).unwrap();
    }

    pub(crate) fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// An app with [`KEY`] and [`LIMITED_KEY`].
pub(crate) fn apps(name: &str) -> File {
    let limited = r#"{"chat:*":["publish","subscribe"]}"#;
    let keys =
        json!([{ "id": "backend", "secret": SECRET }, { "id": "limited", "secret": SECRET, "capability": limited }]);
    File::new(name, &json!({ "appId": "shop", "keys": keys }).to_string())
}

/// `ably-auth serve` on a port that it chose.
pub(crate) struct Service {
    pub(crate) process: Process,
    pub(crate) address: String,
}

impl Service {
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::start_in(Path::new("."), args)
    }

    pub(crate) fn start_in(folder: &Path, args: &[&str]) -> Self {
        let listen: &[&str] = if args.contains(&"--listen") { &[] } else { &["--listen", "127.0.0.1:0"] };
        let args = [&["serve"], listen, args].concat();
        let mut process = spawn(program(&args).current_dir(folder));
        let stdout = process.0.stdout.take().unwrap();
        let (first, line) = mpsc::channel();
        thread::spawn(move || {
            let mut line = String::new();
            BufReader::new(stdout).read_line(&mut line).unwrap();
            first.send(line)
        });
        let line = line.recv_timeout(PATIENCE).unwrap();
        let schemes = ["http", "https"].map(|scheme| format!("listening on {scheme}://"));
        let address = schemes.iter().find_map(|start| line.strip_prefix(start)?.strip_suffix('\n'));
        Self { address: address.unwrap_or_else(|| panic!("the first line is {line:?}")).to_owned(), process }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// The status and the body of an answer.
    pub(crate) fn call(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let mut stream = self.connect();
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json"
        );
        write!(stream, "{head}\r\nContent-Length: {length}\r\n\r\n{body}").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(body).unwrap_or_default())
    }
}

/// Answers a request with `status` and the JSON `body`. Reads the whole request first, because closing the connection before
/// its end resets the connection.
pub(crate) fn answer_json(mut stream: TcpStream, status: &str, body: &str) {
    let mut request = BufReader::new(stream.try_clone().unwrap());
    let mut length = 0;
    loop {
        let mut line = String::new();
        request.read_line(&mut line).unwrap();
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        length = line.strip_prefix("content-length: ").map_or(length, |length| length.parse().unwrap());
    }
    request.read_exact(&mut vec![0; length]).unwrap();
    let head = format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nConnection: close");
    write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
}
