//! A realtime connection to the service.

use std::net::TcpStream;

use serde_json::Value;
use test_support::socket::Socket;

use crate::Client;

/// The actions of the messages that the tests send or expect.
pub const ACK: u64 = 1;
pub const CONNECTED: u64 = 4;
pub const DISCONNECTED: u64 = 6;
pub const CLOSE: u64 = 7;
pub const CLOSED: u64 = 8;
pub const ERROR: u64 = 9;
pub const ATTACH: u64 = 10;
pub const ATTACHED: u64 = 11;
pub const MESSAGE: u64 = 15;
pub const AUTH: u64 = 17;

pub struct Realtime {
    socket: Socket,
    pub id: String,
    /// The key with which the connection can be resumed.
    pub key: String,
}

impl Realtime {
    /// Opens a connection with the value of an `Authorization` header. Returns it with the first message, which is
    /// CONNECTED or ERROR; `None` if the service does not answer.
    pub fn open(client: &Client, bearer: &str, query: &str) -> Option<(Self, Value)> {
        let stream: TcpStream = client.connect()?.into_stream();
        let token = bearer.trim_start_matches("Bearer ");
        let socket = Socket::upgrade(stream, &format!("accessToken={token}{query}")).ok()?;
        let mut realtime = Self { socket, id: String::new(), key: String::new() };
        let first = realtime.receive()?;
        let text = |pointer: &str| first.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        (realtime.id, realtime.key) = (text("/connectionId"), text("/connectionDetails/connectionKey"));
        Some((realtime, first))
    }

    pub fn send(&mut self, message: &Value) -> Option<()> {
        self.socket.send(&message.to_string()).ok()
    }

    /// Returns the next message; `None` if the connection was lost.
    pub fn receive(&mut self) -> Option<Value> {
        serde_json::from_str(&self.socket.receive().ok()?).ok()
    }

    /// Returns the next message with this action, or the one that ends the connection.
    pub fn receive_until(&mut self, action: u64) -> Option<Value> {
        loop {
            let message = self.receive()?;
            if [action, DISCONNECTED, ERROR].map(Into::into).contains(message.get("action").unwrap_or(&Value::Null)) {
                return Some(message);
            }
        }
    }
}

/// Returns whether a message has this action, and this error code; 0 if it has no error.
pub fn is(message: &Value, action: u64, code: u64) -> bool {
    let number = |pointer: &str| message.pointer(pointer).and_then(Value::as_u64);
    number("/action") == Some(action) && number("/error/code").unwrap_or_default() == code
}
