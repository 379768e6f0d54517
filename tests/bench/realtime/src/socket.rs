//! A minimal WebSocket client, which costs little in comparison with the measured servers.

use std::net::SocketAddr;

use bytes::{Buf as _, Bytes, BytesMut};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const FINAL_TEXT: u8 = 0x81;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 0x8a;

/// The mask of all frames: zeros, so that the content does not change.
const MASK: [u8; 4] = [0; 4];

pub struct Socket {
    stream: TcpStream,
    read: BytesMut,
}

impl Socket {
    /// Connects, and upgrades the connection.
    pub async fn open(address: SocketAddr, target: &str) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let mut socket = Self { stream, read: BytesMut::new() };
        let request = format!(
            "GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        socket.stream.write_all(request.as_bytes()).await.unwrap();
        let head = loop {
            match socket.read.windows(4).position(|window| window == b"\r\n\r\n") {
                Some(head) => break head + 4,
                None => assert!(socket.fill().await, "the server closed the connection"),
            }
        };
        let head = socket.read.split_to(head);
        assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&head));
        socket
    }

    /// Opens a realtime connection, and reads CONNECTED.
    pub async fn connect(address: SocketAddr, token: &str, parameters: &str) -> Self {
        let mut socket = Self::open(address, &format!("/?v=3&accessToken={token}{parameters}")).await;
        let connected = socket.message().await.expect("CONNECTED");
        assert_eq!(connected["action"], 4, "{connected}");
        socket
    }

    async fn fill(&mut self) -> bool {
        self.stream.read_buf(&mut self.read).await.is_ok_and(|bytes| bytes > 0)
    }

    async fn write(&mut self, first: u8, content: &[u8]) {
        let length = u16::try_from(content.len()).unwrap();
        let mut frame = vec![first];
        if length < 126 {
            frame.push(0x80 | length as u8);
        } else {
            frame.push(0x80 | 126);
            frame.extend(length.to_be_bytes());
        }
        frame.extend(MASK);
        frame.extend(content);
        self.stream.write_all(&frame).await.unwrap();
    }

    pub async fn send(&mut self, text: &str) {
        self.write(FINAL_TEXT, text.as_bytes()).await;
    }

    /// Returns the content of the next message, and answers pings. `None` if the server closed the connection.
    pub async fn next(&mut self) -> Option<Bytes> {
        loop {
            let Some((opcode, content)) = self.parse() else {
                if self.fill().await {
                    continue;
                }
                return None;
            };
            match opcode {
                CLOSE => return None,
                PING => self.write(PONG, &content).await,
                _ => return Some(content),
            }
        }
    }

    pub async fn message(&mut self) -> Option<Value> {
        self.next().await.map(|content| serde_json::from_slice(&content).unwrap())
    }

    /// Takes a whole frame from what was read.
    fn parse(&mut self) -> Option<(u8, Bytes)> {
        let [first, second, ..] = *self.read else { return None };
        let (head, length) = match second {
            126 => (4, usize::from(u16::from_be_bytes(self.read.get(2..4)?.try_into().unwrap()))),
            127 => (10, usize::try_from(u64::from_be_bytes(self.read.get(2..10)?.try_into().unwrap())).unwrap()),
            length => (2, usize::from(length)),
        };
        if self.read.len() < head + length {
            return None;
        }
        self.read.advance(head);
        Some((first & 0xf, self.read.split_to(length).freeze()))
    }
}
