//! A realtime connection of an attacker.

use std::io;
use std::net::{Ipv4Addr, TcpStream};

use serde_json::Value;
use test_support::socket;

use super::{Service, open_from};

pub(crate) struct Socket {
    socket: socket::Socket,
    /// The key with which the connection can be resumed.
    pub(crate) key: String,
}

impl Socket {
    /// Opens a connection with a token, given as the value of an `Authorization` header, and reads CONNECTED.
    pub(crate) fn open(source: Ipv4Addr, service: &Service, bearer: &str, query: &str) -> io::Result<Self> {
        let token = bearer.trim_start_matches("Bearer ");
        let socket = socket::Socket::upgrade(open_from(source, service)?, &format!("accessToken={token}{query}"))?;
        let mut socket = Self { socket, key: String::new() };
        // Messages of a MessagePack connection are not read.
        if !query.contains("msgpack") {
            let connected = socket.message()?;
            let key = connected["connectionDetails"]["connectionKey"].as_str();
            socket.key = key.ok_or_else(|| io::Error::other(connected.to_string()))?.into();
        }
        Ok(socket)
    }

    pub(crate) fn stream(&mut self) -> &mut TcpStream {
        &mut self.socket.stream
    }

    pub(crate) fn send(&mut self, message: &Value) -> io::Result<()> {
        self.socket.send(&message.to_string())
    }

    pub(crate) fn message(&mut self) -> io::Result<Value> {
        Ok(serde_json::from_str(&self.socket.receive()?)?)
    }

    /// Reads messages until one has this action.
    pub(crate) fn message_of(&mut self, action: u64) -> io::Result<Value> {
        loop {
            let message = self.message()?;
            if message["action"] == action {
                return Ok(message);
            }
        }
    }
}
