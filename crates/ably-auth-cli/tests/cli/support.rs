//! Helpers that run the program with a [`TIMEOUT`].

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;
use std::{fs, thread};

use serde_json::{Value, json};

/// The secret of every key. No output may contain it.
pub(crate) const SECRET: &str = "EVKVTCBlzLBPYJiCZTsIW_pqylJ9WVRB5K9P19Ap1y0";
/// A key with all operations on all channels.
pub(crate) const KEY: &str = "shop.backend:EVKVTCBlzLBPYJiCZTsIW_pqylJ9WVRB5K9P19Ap1y0";
/// A key with the capability `{"chat:*":["publish","subscribe"]}`.
pub(crate) const LIMITED_KEY: &str = "shop.limited:EVKVTCBlzLBPYJiCZTsIW_pqylJ9WVRB5K9P19Ap1y0";

/// The time limit for each wait.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(60);
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// A process that is killed when it is dropped.
pub(crate) struct Process(pub(crate) Child);

impl Process {
    /// Waits for the end of the process. Returns its exit status, or `None` if a signal ended it.
    pub(crate) fn wait_for_exit(&mut self) -> Option<i32> {
        for _ in 0..TIMEOUT.as_millis() / POLL_INTERVAL.as_millis() {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status.code();
            }
            thread::sleep(POLL_INTERVAL);
        }
        panic!("the process has not ended within {TIMEOUT:?}");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The process has usually ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Returns the program, without a credential in its environment.
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
        // This fails if the program ended without reading stdin.
        let _ = pipe.write_all(stdin.as_bytes());
    }
    let status = process.wait_for_exit();
    let text = |output: Receiver<String>| output.recv_timeout(TIMEOUT).unwrap();
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
    /// Asserts exit status 0 and an empty stderr. Returns stdout without the last line feed.
    #[track_caller]
    pub(crate) fn yes(&self) -> &str {
        assert_eq!((self.status, self.stderr.as_str()), (Some(0), ""), "{self:?}");
        self.stdout.strip_suffix('\n').unwrap_or_else(|| panic!("no whole line: {self:?}"))
    }

    #[track_caller]
    pub(crate) fn yes_json(&self) -> Value {
        serde_json::from_str(self.yes()).unwrap()
    }

    /// Asserts exit status 1. Returns stdout without the last line feed.
    #[track_caller]
    pub(crate) fn no(&self) -> &str {
        assert_eq!(self.status, Some(1), "{self:?}");
        self.stdout.trim_end_matches('\n')
    }

    #[track_caller]
    pub(crate) fn no_json(&self) -> Value {
        serde_json::from_str(self.no()).unwrap()
    }

    /// Asserts exit status 2, an empty stdout, and a message that contains all of `said`.
    #[track_caller]
    pub(crate) fn bad(&self, said: &[&str]) {
        assert_eq!((self.status, self.stdout.as_str()), (Some(2), ""), "{self:?}");
        assert!(self.stderr.starts_with("error: "), "{self:?}");
        for said in said {
            assert!(self.stderr.contains(said), "`{said}` is not said: {self:?}");
        }
    }

    /// Asserts exit status 2, and the same message as JSON on stdout and as text on stderr. Returns the message.
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
    pub(crate) fn assert_hides(&self, hidden: &str) {
        let is_shown = self.stdout.contains(hidden) || self.stderr.contains(hidden);
        assert!(!is_shown, "`{hidden}` is in the output: {self:?}");
    }
}

/// A file that is deleted when it is dropped.
pub(crate) struct File(pub(crate) PathBuf);

impl File {
    /// Creates a file. No other test may use the same `name`.
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

/// Creates an apps file with [`KEY`] and [`LIMITED_KEY`].
pub(crate) fn apps(name: &str) -> File {
    let limited = r#"{"chat:*":["publish","subscribe"]}"#;
    let keys =
        json!([{ "id": "backend", "secret": SECRET }, { "id": "limited", "secret": SECRET, "capability": limited }]);
    File::new(name, &json!({ "appId": "shop", "keys": keys }).to_string())
}

/// A process of `ably-auth serve` on a free port.
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
        let line = line.recv_timeout(TIMEOUT).unwrap();
        let schemes = ["http", "https"].map(|scheme| format!("listening on {scheme}://"));
        let address = schemes.iter().find_map(|start| line.strip_prefix(start)?.strip_suffix('\n'));
        Self { address: address.unwrap_or_else(|| panic!("the first line is {line:?}")).to_owned(), process }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        stream
    }

    /// Sends a request. Returns the status and the body of the response.
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

/// Answers a request with `status` and the JSON `body`. Reads the whole request first, because closing the connection
/// before its end resets the connection.
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
