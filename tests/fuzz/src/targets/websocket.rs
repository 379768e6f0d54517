//! A realtime connection: frames of any bytes, or whole protocol messages. All frames of the service are valid, and have a
//! protocol message with a known action and known error codes. The memory is bounded.
//!
//! The first byte selects the format, and raw bytes or messages, which are separated by line feeds (JSON) or `0xc1`
//! (MessagePack).

use std::net::{IpAddr, Ipv4Addr};

use ably_auth_core::ErrorCode;
use ably_auth_core::realtime::{Action, ProtocolMessage};

use super::service::{REVOCABLE, build, with_credentials};
use crate::SECRET;
use crate::connection::exchange;
use crate::memory::Bound;

/// The runtime, the streams and the buffers of the connection take most of it.
const MEMORY: Bound = Bound { fixed: 512 * 1024, factor: 256 };

pub fn run(data: &[u8]) {
    let Some((&mode, rest)) = data.split_first() else { return };
    let is_msgpack = mode % 2 == 1;
    let service = build(true);
    let format = if is_msgpack { "msgpack" } else { "json" };
    let more = ["", "&clientId=bob", "&heartbeats=true&echo=false", "&resume=abc"][usize::from(mode >> 2) % 4];
    let mut sent = format!(
        "GET /?v=4&format={format}&key={REVOCABLE}:{SECRET}{more} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    .into_bytes();
    if mode & 0b10 == 0 {
        sent.extend(rest);
    } else if is_msgpack {
        rest.split(|byte| *byte == 0xc1).for_each(|message| sent.extend(frame(0x82, message)));
    } else {
        let messages = with_credentials(&service, rest);
        messages.split(|byte| *byte == b'\n').for_each(|message| sent.extend(frame(0x81, message)));
    }
    let received = MEMORY.check(sent.len(), || exchange(&service, IpAddr::V4(Ipv4Addr::LOCALHOST), &[&sent]));
    let head = received.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("a response");
    assert!(received.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&received));
    let actions = check_frames(&received[head + 4..], is_msgpack);
    // An invalid frame may close the connection before anything is sent.
    let first = actions.first().is_none_or(|first| matches!(first, Action::Connected | Action::Error));
    assert!(first, "{actions:?}");
}

fn frame(first: u8, content: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [1, 2, 3, 4];
    let mut frame = vec![first];
    match u16::try_from(content.len()) {
        Ok(length) if length < 126 => frame.push(0x80 | length as u8),
        length => {
            frame.push(0x80 | 126);
            frame.extend(length.unwrap_or(u16::MAX).to_be_bytes());
        }
    }
    frame.extend(MASK);
    frame.extend(content.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// Checks the frames of the service, and returns the actions of the messages in them.
fn check_frames(mut bytes: &[u8], is_msgpack: bool) -> Vec<Action> {
    let mut actions = Vec::new();
    let mut is_closed = false;
    while let Some((&[first, second], rest)) = bytes.split_first_chunk() {
        assert!(!is_closed, "a frame follows the one that closes the connection");
        assert_eq!(first & 0xf0, 0x80, "the frame is not whole");
        let (length, rest) = match second {
            126 => {
                let (length, rest) = rest.split_first_chunk::<2>().unwrap();
                (usize::from(u16::from_be_bytes(*length)), rest)
            }
            127 => {
                let (length, rest) = rest.split_first_chunk::<8>().unwrap();
                (usize::try_from(u64::from_be_bytes(*length)).unwrap(), rest)
            }
            length => (usize::from(length), rest),
        };
        let (content, rest) = rest.split_at(length);
        bytes = rest;
        match first & 0x0f {
            1 if !is_msgpack => actions.push(check(&serde_json::from_slice(content).unwrap())),
            2 if is_msgpack => actions.push(check(&rmp_serde::from_slice(content).unwrap())),
            8 => is_closed = true,
            9 | 10 => assert!(length < 126),
            opcode => panic!("a frame has the opcode {opcode}"),
        }
        assert!(!content.windows(SECRET.len()).any(|bytes| bytes == SECRET.as_bytes()));
    }
    assert!(bytes.is_empty());
    actions
}

fn check(message: &ProtocolMessage) -> Action {
    assert!(!matches!(message.action(), Action::Unknown(_)), "{message:?}");
    if let Some(error) = message.get_error() {
        assert!(ErrorCode::KNOWN.contains(&error.code()), "{error:?}");
        assert_ne!(error.code().as_u32() / 100, 500, "{error:?}");
    }
    message.action()
}
