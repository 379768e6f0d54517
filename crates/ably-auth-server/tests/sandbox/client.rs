//! A small blocking HTTP client.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use ably_auth_core::{ApiKey, Nonce, Timestamp, TokenParams, TokenRequest, jwt};
use ably_auth_server::Sandbox;
use serde_json::{Value, json};

pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The error code, or 0.
    pub(crate) code: u32,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn of(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let code =
            head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("x-ably-errorcode: ")?.parse().ok());
        Self {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            code: code.unwrap_or(0),
            body: body.to_owned(),
        }
    }

    pub(crate) const fn code(&self) -> (u16, u32) {
        (self.status, self.code)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// Returns the text of a request whose connection is closed after it.
pub(crate) fn request(method: &str, path: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n{headers}\r\n{body}"
    )
}

pub(crate) fn send(sandbox: &Sandbox, method: &str, path: &str, headers: &str, body: &str) -> Answer {
    let mut stream = TcpStream::connect((sandbox.endpoint(), sandbox.port())).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.write_all(request(method, path, headers, body).as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    Answer::of(&text)
}

pub(crate) fn basic(key: &ApiKey) -> String {
    let key = format!("{}:{}", key.key_name(), key.secret().expose());
    format!("Authorization: {}\r\n", test_support::basic(&key))
}

pub(crate) fn bearer(token: &str) -> String {
    format!("Authorization: {}\r\n", test_support::bearer(token))
}

pub(crate) fn time(sandbox: &Sandbox) -> Timestamp {
    let times: [u64; 1] = serde_json::from_str(&send(sandbox, "GET", "/time", "", "").body).unwrap();
    Timestamp::from_millis(times[0])
}

/// Signs a token request with the time of the service.
pub(crate) fn signed(sandbox: &Sandbox, nonce: &str) -> String {
    let nonce = Nonce::parse(nonce).unwrap();
    let request = TokenRequest::sign(sandbox.key(), &TokenParams::new(), time(sandbox), nonce).unwrap();
    serde_json::to_string(&request).unwrap()
}

pub(crate) fn exchange(sandbox: &Sandbox, signed: &str) -> Answer {
    send(sandbox, "POST", &format!("/keys/{}/requestToken", sandbox.key().key_name()), "", signed)
}

/// Gets a token with the key.
pub(crate) fn token(sandbox: &Sandbox) -> String {
    let key = sandbox.key();
    let path = format!("/keys/{}/requestToken", key.key_name());
    let body = json!({ "keyName": key.key_name().as_str(), "timestamp": time(sandbox).as_millis() }).to_string();
    let answer = send(sandbox, "POST", &path, &basic(key), &body);
    assert_eq!(answer.status, 201, "{}", answer.body);
    answer.json()["token"].as_str().unwrap().to_owned()
}

/// Mints a JWT with the time of the service.
pub(crate) fn minted(sandbox: &Sandbox) -> String {
    jwt::mint(sandbox.key(), &TokenParams::new(), time(sandbox)).unwrap().expose().to_owned()
}

pub(crate) fn history(sandbox: &Sandbox, headers: &str) -> Answer {
    send(sandbox, "GET", "/channels/chat/messages", headers, "")
}
