//! A client on plain sockets, which can be slow and can send invalid requests.

use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ably_auth_core::{ApiKey, Nonce, Timestamp, TokenParams, TokenRequest};
use serde_json::Value;
use test_support::socket::read_more;

use super::Service;
use super::child::SECRET;

/// The source address of the attackers. The honest client uses 127.0.0.1.
pub(crate) const ATTACKER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

const TIMEOUT: Duration = Duration::from_secs(30);

/// Connects to the service from the address `source`.
pub(crate) fn open_from(source: Ipv4Addr, service: &Service) -> io::Result<TcpStream> {
    let address: SocketAddr = service.address.parse().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let stream = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(IpAddr::V4(source), 0))?;
        socket.connect(address).await?.into_std()
    })?;
    stream.set_nonblocking(false)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    Ok(stream)
}

/// An HTTP request.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) content_type: &'static str,
    pub(crate) authorization: Option<String>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn get(path: &str) -> Self {
        Self {
            method: "GET",
            path: path.into(),
            content_type: "application/json",
            authorization: None,
            body: Vec::new(),
        }
    }

    pub(crate) fn json(path: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { method: "POST", body: body.into(), ..Self::get(path) }
    }

    pub(crate) fn msgpack(path: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { content_type: "application/x-msgpack", ..Self::json(path, body) }
    }

    pub(crate) fn with(mut self, authorization: &str) -> Self {
        self.authorization = Some(authorization.into());
        self
    }

    /// Encodes the request as HTTP/1.1.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let Self { method, path, content_type, .. } = self;
        let mut bytes =
            format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n").into_bytes();
        if let Some(authorization) = &self.authorization {
            bytes.extend(format!("Authorization: {authorization}\r\n").into_bytes());
        }
        let length = self.body.len();
        bytes.extend(format!("Content-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n").into_bytes());
        bytes.extend(&self.body);
        bytes
    }
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    pub(crate) fn code(&self) -> u64 {
        self.json()["error"]["code"].as_u64().unwrap_or_default()
    }
}

/// A connection that stays open between requests.
pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    unread: Vec<u8>,
}

impl Connection {
    pub(crate) fn open(source: Ipv4Addr, service: &Service) -> io::Result<Self> {
        Ok(Self { stream: open_from(source, service)?, unread: Vec::new() })
    }

    pub(crate) fn send(&mut self, request: &Request) -> io::Result<Answer> {
        self.stream.write_all(&request.bytes())?;
        self.answer()
    }

    /// Reads an answer. Without `Content-Length`, its body is empty.
    pub(crate) fn answer(&mut self) -> io::Result<Answer> {
        let head_ends = loop {
            match self.unread.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                Some(at) => break at + 4,
                None => read_more(&mut self.stream, &mut self.unread)?,
            }
        };
        let head = String::from_utf8_lossy(&self.unread[..head_ends]).to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
        let ends = head_ends + length.unwrap_or(0);
        while self.unread.len() < ends {
            read_more(&mut self.stream, &mut self.unread)?;
        }
        let body = self.unread[head_ends..ends].to_vec();
        self.unread.drain(..ends);
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        Ok(Answer { status: status.ok_or(io::ErrorKind::InvalidData)?, body })
    }
}

pub(crate) fn basic(key_name: &str) -> String {
    test_support::basic(&format!("{key_name}:{SECRET}"))
}

/// Returns the HTTP request for a token, with a signed token request.
pub(crate) fn sign(key_name: &str, params: &TokenParams) -> Request {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let key: ApiKey = format!("{key_name}:{SECRET}").parse().unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let nonce = Nonce::parse(&format!("nonce-of-attack-{:012}", NEXT.fetch_add(1, Ordering::Relaxed))).unwrap();
    let signed = TokenRequest::sign(&key, params, Timestamp::from_millis(now.try_into().unwrap()), nonce).unwrap();
    Request::json(&format!("/keys/{key_name}/requestToken"), serde_json::to_vec(&signed).unwrap())
}

/// Requests a token with all rights of the key, and returns the value of its `Authorization` header.
pub(crate) fn token(service: &Service, key_name: &str) -> String {
    token_with(service, key_name, &TokenParams::new())
}

pub(crate) fn token_with(service: &Service, key_name: &str, params: &TokenParams) -> String {
    let answer = Connection::open(Ipv4Addr::LOCALHOST, service).unwrap().send(&sign(key_name, params)).unwrap();
    assert_eq!(answer.status, 201, "{}", answer.json());
    format!("Bearer {}", answer.json()["token"].as_str().unwrap())
}
