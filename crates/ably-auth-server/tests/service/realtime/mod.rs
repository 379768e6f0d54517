//! Tests of realtime connections, over real sockets. The service's clock is the test's, so that nothing waits for a token
//! to expire.

mod attaching;
mod bounds;
mod credentials;
mod ending;
mod opening;
mod presence;
mod publishing;
mod resuming;
mod transcript;

use std::net::SocketAddr;
use std::time::Duration;

use ably_auth_core::realtime::ProtocolMessage;
use ably_auth_server::{Limits, Server};
use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Message, Role};

use crate::support::*;

/// The actions of protocol messages.
const HEARTBEAT: u64 = 0;
const ACK: u64 = 1;
const NACK: u64 = 2;
const CONNECTED: u64 = 4;
pub(crate) const DISCONNECTED: u64 = 6;
const CLOSE: u64 = 7;
const CLOSED: u64 = 8;
const ERROR: u64 = 9;
const ATTACH: u64 = 10;
const ATTACHED: u64 = 11;
const DETACH: u64 = 12;
const DETACHED: u64 = 13;
const PRESENCE: u64 = 14;
const MESSAGE: u64 = 15;
const SYNC: u64 = 16;
const AUTH: u64 = 17;

/// The time after which a test fails that waits for a message.
const PATIENCE: Duration = Duration::from_secs(20);

/// A service on a socket. Dropping it stops the server.
pub(crate) struct Realtime {
    pub(crate) world: World,
    pub(crate) address: SocketAddr,
    _stop: oneshot::Sender<()>,
}

impl Realtime {
    async fn start() -> Self {
        Self::of(World::new()).await
    }

    async fn with_limits(change: impl FnOnce(&mut Limits)) -> Self {
        let mut limits = Limits::default();
        change(&mut limits);
        Self::of(World::new().with_service(|builder| builder.limits(limits))).await
    }

    pub(crate) async fn of(world: World) -> Self {
        let server = Server::bind("127.0.0.1:0".parse().unwrap(), world.service.clone()).await.unwrap();
        let address = server.local_addr();
        let (stop, stopped) = oneshot::channel::<()>();
        tokio::spawn(server.run(async { drop(stopped.await) }));
        Self { world, address, _stop: stop }
    }

    /// Opens a socket, with this query, in JSON.
    pub(crate) async fn open(&self, query: &str) -> Client {
        self.open_as(query, false).await
    }

    async fn open_as(&self, query: &str, is_msgpack: bool) -> Client {
        let format = if is_msgpack { "msgpack" } else { "json" };
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = format!(
            "GET /?v=4&format={format}&{query} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        assert!(head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "the example of RFC 6455: {head}");
        Client { socket: WebSocketStream::from_raw_socket(stream, Role::Client, None).await, is_msgpack }
    }

    /// Opens a connection with this query.
    pub(crate) async fn connect(&self, query: &str) -> Client {
        let mut client = self.open(query).await;
        client.expect(CONNECTED).await;
        client
    }

    /// Opens a connection with a new token of [`REVOCABLE`], for this clientId.
    pub(crate) async fn connect_as(&self, client_id: &str) -> Client {
        self.connect(&with_token(&self.world.token(REVOCABLE, &of(client_id)))).await
    }

    /// Opens a connection with a token that has this capability.
    async fn connect_with(&self, capability: &str) -> Client {
        self.connect(&with_token(&self.world.token(KEY, &can(capability).client_id("bob")))).await
    }
}

pub(crate) fn with_key(name: &str) -> String {
    format!("key={name}:{SECRET}")
}

fn with_token(token: &ably_auth_core::TokenDetails) -> String {
    with_text(token.token().expose())
}

fn with_text(token: &str) -> String {
    format!("accessToken={token}")
}

/// The client of a connection.
pub(crate) struct Client {
    socket: WebSocketStream<TcpStream>,
    is_msgpack: bool,
}

impl Client {
    async fn send(&mut self, message: Value) {
        let frame = if self.is_msgpack {
            Message::Binary(rmp_serde::to_vec_named(&message).unwrap().into())
        } else {
            Message::Text(message.to_string().into())
        };
        self.socket.send(frame).await.unwrap();
    }

    /// Returns the next message; `None` if the service closed the socket.
    async fn next(&mut self) -> Option<Value> {
        loop {
            let next = tokio::time::timeout(PATIENCE, self.socket.next()).await.expect("a message in time");
            return match next {
                Some(Ok(Message::Text(text))) => Some(understood(serde_json::from_str(&text).unwrap())),
                Some(Ok(Message::Binary(bytes))) => Some(understood(rmp_serde::from_slice(&bytes).unwrap())),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                _ => None,
            };
        }
    }

    /// Returns the text of the next message.
    async fn next_text(&mut self) -> String {
        loop {
            let next = tokio::time::timeout(PATIENCE, self.socket.next()).await.expect("a message in time");
            match next {
                Some(Ok(Message::Text(text))) => return text.to_string(),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("expected a message, got {other:?}"),
            }
        }
    }

    async fn expect(&mut self, action: u64) -> Value {
        let message = self.next().await.expect("a message before the end of the socket");
        assert_eq!(message["action"], action, "{message}");
        message
    }

    /// Expects the last message of the connection, and returns its action, code and status.
    pub(crate) async fn ended(&mut self) -> (u64, u64, u64) {
        let last = self.next().await.expect("a last message");
        assert!(!last.to_string().contains(SECRET));
        assert_eq!(last.get("channel"), None, "the error concerns the connection");
        assert_eq!(self.next().await, None, "the socket is closed");
        let number = |value: &Value| value.as_u64().unwrap_or_default();
        (number(&last["action"]), number(&last["error"]["code"]), number(&last["error"]["statusCode"]))
    }

    /// Lets the connection look at the clock, and returns the messages that it sent before it answered.
    async fn look(&mut self) -> Vec<Value> {
        self.send(json!({ "action": HEARTBEAT, "id": "look" })).await;
        let mut messages = Vec::new();
        loop {
            match self.next().await {
                Some(message) if message["id"] == "look" => return messages,
                Some(message) => messages.push(message),
                None => return messages,
            }
        }
    }

    pub(crate) async fn attach(&mut self, channel: &str) -> Value {
        self.attach_with(json!({ "channel": channel })).await
    }

    async fn attach_with(&mut self, mut message: Value) -> Value {
        message["action"] = ATTACH.into();
        self.send(message).await;
        self.expect(ATTACHED).await
    }

    /// Publishes messages, and returns 0 if they are acknowledged, else the code.
    async fn publish(&mut self, channel: &str, serial: u64, messages: Value) -> u64 {
        self.send(json!({ "action": MESSAGE, "channel": channel, "msgSerial": serial, "messages": messages })).await;
        self.answer(serial).await
    }

    /// Returns the code of the NACK, or 0 for ACK.
    async fn answer(&mut self, serial: u64) -> u64 {
        loop {
            let answer = self.next().await.expect("an answer");
            if answer["action"] == ACK || answer["action"] == NACK {
                assert_eq!((&answer["msgSerial"], &answer["count"]), (&json!(serial), &json!(1)), "{answer}");
                assert_eq!(answer["action"] == NACK, answer.get("error").is_some());
                return answer["error"]["code"].as_u64().unwrap_or_default();
            }
        }
    }

    /// Sends PRESENCE with one message, and returns 0 if it is acknowledged, else the code.
    pub(crate) async fn present(&mut self, channel: &str, serial: u64, message: Value) -> u64 {
        self.send(json!({ "action": PRESENCE, "channel": channel, "msgSerial": serial, "presence": [message] })).await;
        self.answer(serial).await
    }

    /// Presents a token with AUTH.
    async fn authorize(&mut self, token: &ably_auth_core::TokenDetails) {
        self.send(json!({ "action": AUTH, "auth": { "accessToken": token.token().expose() } })).await;
    }

    async fn send_raw(&mut self, bytes: &[u8]) {
        self.socket.get_mut().write_all(bytes).await.unwrap();
    }

    async fn send_frame(&mut self, frame: Message) {
        self.socket.send(frame).await.unwrap();
    }

    async fn ping(&mut self) {
        // The service may have closed the socket already.
        let _ = self.socket.send(Message::Ping(Bytes::new())).await;
    }
}

/// Checks that clients read all of a message that the service sends, and write the same.
fn understood(message: Value) -> Value {
    let read: ProtocolMessage = serde_json::from_value(message.clone()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), message);
    let binary = rmp_serde::to_vec_named(&read).unwrap();
    assert_eq!(rmp_serde::from_slice::<ProtocolMessage>(&binary).unwrap(), read);
    message
}

/// Returns the code and the channel of an ERROR that concerns a channel.
fn refused(message: &Value) -> (u64, &str) {
    assert_eq!(message["action"], ERROR, "{message}");
    (message["error"]["code"].as_u64().unwrap(), message["channel"].as_str().unwrap())
}

/// Returns the content of the messages in a MESSAGE.
fn contents(message: &Value) -> Vec<&str> {
    assert_eq!(message["action"], MESSAGE, "{message}");
    message["messages"].as_array().unwrap().iter().map(|message| message["data"].as_str().unwrap()).collect()
}
