//! As little HTTP as it takes to ask the service.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(10);

pub(super) struct Client(String);

pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Value,
}

impl Answer {
    /// The code of the error that it is; 0 if it is none.
    pub(super) fn code(&self) -> u64 {
        self.body.pointer("/error/code").and_then(Value::as_u64).unwrap_or_default()
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.body.get(name)?.as_str().map(str::to_owned)
    }
}

impl Client {
    pub(super) fn new(address: &str) -> Self {
        Self(address.to_owned())
    }

    /// None if there is no whole answer.
    pub(super) fn ask(&self, method: &str, path: &str, credential: &str, body: &Value) -> Option<Answer> {
        let mut stream = TcpStream::connect(&self.0).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        let body = body.to_string();
        let mut request =
            format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Ably-Version: 6\r\n");
        if !credential.is_empty() {
            write!(request, "Authorization: {credential}\r\n").ok()?;
        }
        write!(request, "Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len()).ok()?;
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some(Answer { status, body: serde_json::from_str(body).ok()? })
    }
}

/// `Basic` with a key.
pub(super) fn basic(key: &str) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::from("Basic ");
    for bytes in key.as_bytes().chunks(3) {
        let group = bytes.iter().chain(&[0; 3]).take(3).fold(0_usize, |group, byte| group << 8 | usize::from(*byte));
        for place in 0..4 {
            let character = ALPHABET.get(group >> (18 - 6 * place) & 63).filter(|_| place <= bytes.len());
            text.push(char::from(*character.unwrap_or(&b'=')));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn keys_are_in_base64() {
        assert_eq!(super::basic("a.b:cd"), "Basic YS5iOmNk");
        assert_eq!(super::basic("a.b:cde"), "Basic YS5iOmNkZQ==");
        assert_eq!(super::basic("a.b:cdef"), "Basic YS5iOmNkZWY=");
    }
}
