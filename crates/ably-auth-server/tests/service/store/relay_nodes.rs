//! Services that share a Redis, each with a server, and realtime clients of them.

use std::net::SocketAddr;
use std::time::Duration;

use ably_auth_server::store::Redis;
use ably_auth_server::{Limits, Server, Service};
use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use http::Request;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::redis_server::{RedisServer, connect_to_new};
use crate::support::{KEY, SECRET, apps, basic};

/// The time after which a test gives up.
const TIMEOUT: Duration = Duration::from_secs(20);

const RETRY: Duration = Duration::from_millis(20);

/// A service with a server, on a runtime of its own.
pub(super) struct Node {
    pub(super) service: Service,
    address: SocketAddr,
    runtime: Option<Runtime>,
    stop: Option<oneshot::Sender<()>>,
}

impl Node {
    /// Starts a service. Members of a service that is gone leave after a second.
    pub(super) fn start(redis: &RedisServer) -> Self {
        let mut limits = Limits::default();
        limits.presence_grace = Duration::from_millis(500);
        Self::with(redis, limits)
    }

    pub(super) fn with(redis: &RedisServer, limits: Limits) -> Self {
        Self::at(&redis.url(), limits)
    }

    pub(super) fn at(url: &str, limits: Limits) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let store: Redis = runtime.block_on(connect_to_new(url)).unwrap();
        let builder = Service::builder().apps(apps()).sandbox(true).service_secret([7; 32]);
        let service = builder.limits(limits).store(store).build().unwrap();
        let server = runtime.block_on(Server::bind("127.0.0.1:0".parse().unwrap(), service.clone())).unwrap();
        let address = server.local_addr();
        let (stop, stopped) = oneshot::channel::<()>();
        runtime.spawn(server.run(async { drop(stopped.await) }));
        Self { service, address, runtime: Some(runtime), stop: Some(stop) }
    }

    /// Starts two services that know each other.
    pub(super) fn two(redis: &RedisServer) -> (Self, Self) {
        let (one, other) = (Self::start(redis), Self::start(redis));
        one.wait_for_metric("ably_auth_relay_services", 1);
        other.wait_for_metric("ably_auth_relay_services", 1);
        (one, other)
    }

    /// Shuts the server down. What is not finished goes on until the result is dropped.
    pub(super) fn stop(mut self) -> Self {
        self.stop = None;
        self
    }

    /// Ends everything at once, as if the process were killed.
    pub(super) fn kill(mut self) {
        self.runtime.take().unwrap().shutdown_background();
    }

    fn block_on<T>(&self, done: impl Future<Output = T>) -> T {
        self.runtime.as_ref().unwrap().block_on(done)
    }

    pub(super) fn send(&self, request: http::request::Builder, body: &Value) -> (u16, Value) {
        let request = request.body(Bytes::from(body.to_string())).unwrap();
        let response = self.block_on(self.service.handle(request));
        let json = serde_json::from_slice(response.body()).unwrap_or_default();
        (response.status().as_u16(), json)
    }

    pub(super) fn send_bytes(&self, request: http::request::Builder, body: Vec<u8>) -> u16 {
        self.block_on(self.service.handle(request.body(body.into()).unwrap())).status().as_u16()
    }

    pub(super) fn get(&self, path: &str) -> Value {
        let (status, json) = self.send(Request::get(path).header("Authorization", basic(KEY)), &Value::Null);
        assert_eq!(status, 200, "{json}");
        json
    }

    /// Publishes a message on a channel in a request. Returns its serial.
    pub(super) fn publish(&self, channel: &str, message: &Value) -> Value {
        let request = Request::post(format!("/channels/{channel}/messages")).header("Authorization", basic(KEY));
        let (status, json) = self.send(request, message);
        assert_eq!(status, 201, "{json}");
        json["serials"][0].clone()
    }

    /// Returns the clients that are present on a channel, in order.
    pub(super) fn present(&self, channel: &str) -> Vec<String> {
        let members = self.get(&format!("/channels/{channel}/presence"));
        let mut clients: Vec<_> =
            members.as_array().unwrap().iter().map(|member| member["clientId"].as_str().unwrap().to_owned()).collect();
        clients.sort_unstable();
        clients
    }

    pub(super) fn metric(&self, name: &str) -> u64 {
        let text = self.service.metrics();
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("no metric `{name}`")).parse().unwrap()
    }

    pub(super) fn wait_for_metric(&self, name: &str, expected: u64) {
        wait_until(name, || self.metric(name) == expected);
    }

    /// Opens a realtime connection. `query` has the credential.
    pub(super) fn connect(&self, query: &str) -> Client<'_> {
        let socket = self.block_on(open(self.address, query));
        let mut client = Client { node: self, socket, id: String::new(), earlier: Vec::new() };
        client.id = client.next(4)["connectionId"].as_str().unwrap().to_owned();
        client
    }

    /// Opens a realtime connection of a client with a key.
    pub(super) fn client(&self, client_id: &str) -> Client<'_> {
        self.connect(&format!("key={KEY}:{SECRET}&clientId={client_id}"))
    }
}

/// Waits until a condition holds.
pub(super) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..TIMEOUT.as_millis() / RETRY.as_millis() {
        if holds() {
            return;
        }
        std::thread::sleep(RETRY);
    }
    panic!("{what} does not come true");
}

async fn open(address: SocketAddr, query: &str) -> WebSocketStream<TcpStream> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "GET /?v=6&{query} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
    WebSocketStream::from_raw_socket(stream, Role::Client, None).await
}

/// A realtime client, in JSON.
pub(super) struct Client<'a> {
    node: &'a Node,
    socket: WebSocketStream<TcpStream>,
    pub(super) id: String,
    earlier: Vec<Value>,
}

impl Client<'_> {
    pub(super) fn send(&mut self, message: &Value) {
        self.node.block_on(self.socket.send(Message::text(message.to_string()))).unwrap();
    }

    /// Returns the next message with that action. Messages with other actions are kept for later calls.
    pub(super) fn next(&mut self, action: u64) -> Value {
        if let Some(at) = self.earlier.iter().position(|message| message["action"] == action) {
            return self.earlier.remove(at);
        }
        let next = async {
            loop {
                if let Message::Text(text) = self.socket.next().await.unwrap().unwrap() {
                    let message: Value = serde_json::from_str(&text).unwrap();
                    if message["action"] == action {
                        return message;
                    }
                    self.earlier.push(message);
                }
            }
        };
        let next = async { tokio::time::timeout(TIMEOUT, next).await };
        let next = self.node.block_on(next);
        next.unwrap_or_else(|_| panic!("no message with action {action}, but {:?}", self.earlier))
    }

    /// Attaches to a channel. Returns ATTACHED.
    pub(super) fn attach(&mut self, channel: &str, channel_serial: Option<&Value>) -> Value {
        self.send(&json!({ "action": 10, "channel": channel, "channelSerial": channel_serial }));
        self.next(11)
    }

    /// Sends a presence action on a channel, and waits for ACK.
    pub(super) fn presence(&mut self, channel: &str, action: u64, msg_serial: u64, data: &Value) {
        let presence = json!([{ "action": action, "data": data }]);
        self.send(&json!({ "action": 14, "channel": channel, "msgSerial": msg_serial, "presence": presence }));
        self.next(1);
    }

    /// Returns the next presence messages: the clients, their actions and their data.
    pub(super) fn next_presence(&mut self) -> Vec<(String, u64, Value)> {
        let message = self.next(14);
        let members = message["presence"].as_array().unwrap().iter();
        let member = |member: &Value| {
            (
                member["clientId"].as_str().unwrap().to_owned(),
                member["action"].as_u64().unwrap(),
                member["data"].clone(),
            )
        };
        members.map(member).collect()
    }
}
