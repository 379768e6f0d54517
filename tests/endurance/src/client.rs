//! A minimal HTTP client for the service.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

const READ_TIMEOUT: Duration = Duration::from_secs(10);

pub struct Client(String);

pub struct Response {
    pub status: u16,
    pub body: Value,
}

impl Response {
    /// Returns the error code; 0 if the response is not an error.
    pub fn code(&self) -> u64 {
        self.body.pointer("/error/code").and_then(Value::as_u64).unwrap_or_default()
    }

    pub fn text(&self, name: &str) -> Option<String> {
        self.body.get(name)?.as_str().map(str::to_owned)
    }
}

impl Client {
    pub fn new(address: &str) -> Self {
        Self(address.to_owned())
    }

    /// Sends a request over a new connection. `None` if the response is incomplete.
    pub fn ask(&self, method: &str, path: &str, credential: &str, body: &Value) -> Option<Response> {
        self.connect()?.ask(method, path, credential, body)
    }

    pub fn connect(&self) -> Option<Connection> {
        let stream = TcpStream::connect(&self.0).ok()?;
        stream.set_read_timeout(Some(READ_TIMEOUT)).ok()?;
        stream.set_nodelay(true).ok()?;
        Some(Connection(BufReader::new(stream)))
    }
}

/// A connection for any number of sequential requests.
pub struct Connection(BufReader<TcpStream>);

impl Connection {
    /// Sends a request and reads the response. `None` if the response is incomplete; the connection is then unusable.
    pub fn ask(&mut self, method: &str, path: &str, credential: &str, body: &Value) -> Option<Response> {
        let body = body.to_string();
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nX-Ably-Version: 6\r\n");
        if !credential.is_empty() {
            write!(request, "Authorization: {credential}\r\n").ok()?;
        }
        write!(request, "Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len()).ok()?;
        self.send(&request)?;
        self.receive()
    }

    /// Returns the connection for another protocol. Nothing was read of it yet.
    pub(crate) fn into_stream(self) -> TcpStream {
        self.0.into_inner()
    }

    pub fn send(&mut self, text: &str) -> Option<()> {
        self.0.get_mut().write_all(text.as_bytes()).ok()
    }

    pub fn receive(&mut self) -> Option<Response> {
        let (mut status, mut length, mut line) = (None, None, String::new());
        loop {
            line.clear();
            self.0.read_line(&mut line).ok().filter(|read| *read > 0)?;
            let head = line.trim_end().to_ascii_lowercase();
            match head.split_once(": ") {
                _ if status.is_none() => status = Some(head.split(' ').nth(1)?.parse().ok()?),
                Some(("content-length", value)) => length = Some(value.parse().ok()?),
                _ if head.is_empty() => break,
                _ => {}
            }
        }
        let mut body = vec![0; length?];
        self.0.read_exact(&mut body).ok()?;
        Some(Response { status: status?, body: serde_json::from_slice(&body).ok()? })
    }
}
