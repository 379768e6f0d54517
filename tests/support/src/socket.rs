//! A WebSocket client whose frames can be incomplete, invalid or too many.

use std::io::{self, Read, Write as _};
use std::net::TcpStream;

/// The first byte of a frame: a text or binary message, parts of a text message, or a control frame.
pub const TEXT: u8 = 0x81;
pub const BINARY: u8 = 0x82;
pub const FIRST_PART: u8 = 0x01;
pub const NEXT_PART: u8 = 0x00;
pub const PING: u8 = 0x89;

const CLOSE: u8 = 0x88;
const PONG: u8 = 0x8a;

/// A mask of zeros, which does not change the content.
const MASK: [u8; 4] = [0; 4];

/// Returns the request for a realtime connection with the parameters `query`.
pub fn upgrade(query: &str) -> String {
    format!(
        "GET /?v=3&{query} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

/// Returns the header of a frame from a client.
pub fn header(first: u8, length: usize) -> Vec<u8> {
    let mut header = vec![first];
    match u16::try_from(length) {
        Ok(short) if short < 126 => header.push(0x80 | short.to_be_bytes()[1]),
        Ok(short) => {
            header.push(0x80 | 126);
            header.extend(short.to_be_bytes());
        }
        Err(_) => {
            header.push(0x80 | 127);
            header.extend((length as u64).to_be_bytes());
        }
    }
    header.extend(MASK);
    header
}

/// Returns a frame from a client.
pub fn frame(first: u8, content: &[u8]) -> Vec<u8> {
    let mut frame = header(first, content.len());
    frame.extend(content);
    frame
}

/// A realtime connection.
pub struct Socket {
    pub stream: TcpStream,
    unread: Vec<u8>,
}

impl Socket {
    /// Upgrades a connection, with the parameters `query`.
    pub fn upgrade(stream: TcpStream, query: &str) -> io::Result<Self> {
        let mut socket = Self { stream, unread: Vec::new() };
        socket.stream.write_all(upgrade(query).as_bytes())?;
        let head = loop {
            match socket.unread.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                Some(at) => break at + 4,
                None => read_more(&mut socket.stream, &mut socket.unread)?,
            }
        };
        if !socket.unread.starts_with(b"HTTP/1.1 101 ") {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        socket.unread.drain(..head);
        Ok(socket)
    }

    /// Sends a text message.
    pub fn send(&mut self, text: &str) -> io::Result<()> {
        self.stream.write_all(&frame(TEXT, text.as_bytes()))
    }

    /// Returns the next text message, and answers pings. Other frames are ignored.
    pub fn receive(&mut self) -> io::Result<String> {
        loop {
            let Some((first, length, end)) = self.parsed() else {
                read_more(&mut self.stream, &mut self.unread)?;
                continue;
            };
            let content = self.unread[end - length..end].to_vec();
            self.unread.drain(..end);
            match first {
                TEXT => return String::from_utf8(content).map_err(io::Error::other),
                CLOSE => return Err(io::ErrorKind::ConnectionAborted.into()),
                PING => self.stream.write_all(&frame(PONG, &content))?,
                _ => {}
            }
        }
    }

    /// Returns the first byte and the length of a whole frame, and where it ends.
    fn parsed(&self) -> Option<(u8, usize, usize)> {
        let [first, second, ..] = *self.unread else { return None };
        let (header, length) = match second {
            126 => (4, u16::from_be_bytes(self.unread.get(2..4)?.try_into().ok()?).into()),
            127 => (10, usize::try_from(u64::from_be_bytes(self.unread.get(2..10)?.try_into().ok()?)).ok()?),
            length => (2, length.into()),
        };
        (self.unread.len() >= header + length).then_some((first, length, header + length))
    }
}

/// Reads what has arrived on a stream, and waits for it if that is nothing.
///
/// # Errors
/// The error of the stream, or [`io::ErrorKind::UnexpectedEof`] at its end.
pub fn read_more(stream: &mut impl Read, unread: &mut Vec<u8>) -> io::Result<()> {
    let mut piece = [0; 16 * 1024];
    match stream.read(&mut piece)? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        bytes => {
            unread.extend(&piece[..bytes]);
            Ok(())
        }
    }
}
