//! A server in memory, on virtual time.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ably_auth_websocket::{
    Action, ByteStream, Clock, Connection, ConnectionOptions, ConnectionState, Error, Event, Events, FaultKind, Format,
    ProtocolMessage, Timestamp, Token, TokenParams, TransportFault,
};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async};

pub(crate) type ClientOptions = ably_auth_websocket::ClientOptions;

/// The bytes that a socket holds in each direction.
pub(crate) const SOCKET_BYTES: usize = 16 * 1024;

/// The time of tokio's tests.
pub(crate) struct VirtualClock(Instant);

impl VirtualClock {
    pub(crate) fn new() -> Self {
        Self(sleep(Duration::ZERO).deadline())
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        let millis = u64::try_from(self.steady().as_millis()).unwrap();
        Timestamp::from_millis(test_support::NOW + millis)
    }

    fn steady(&self) -> Duration {
        sleep(Duration::ZERO).deadline() - self.0
    }
}

/// A server for a connection, which each test writes.
pub(crate) struct Server {
    accepted: mpsc::UnboundedReceiver<Peer>,
    sender: mpsc::UnboundedSender<Peer>,
}

/// The server's end of a socket.
pub(crate) struct Peer {
    pub(crate) host: String,
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) web: WebSocketStream<DuplexStream>,
    pub(crate) format: Format,
}

impl Server {
    pub(crate) fn new() -> Self {
        let (sender, accepted) = mpsc::unbounded_channel();
        Self { accepted, sender }
    }

    /// Returns a hook that connects to this server.
    pub(crate) fn hook(&self) -> impl Fn(String, u16) -> Connecting + Send + Sync + 'static + use<> {
        let sender = self.sender.clone();
        move |host, _| {
            let sender = sender.clone();
            Box::pin(async move {
                let (ours, theirs) = tokio::io::duplex(SOCKET_BYTES);
                tokio::spawn(accept(host, theirs, sender));
                Ok(Box::new(ours) as Box<dyn ByteStream>)
            })
        }
    }

    pub(crate) async fn accept(&mut self) -> Peer {
        let accepted = timeout(Duration::from_secs(600), self.accepted.recv()).await;
        accepted.expect("no socket was opened in ten minutes of virtual time").unwrap()
    }

    /// Returns true if a socket was accepted that the test has not taken.
    pub(crate) fn has_accepted(&self) -> bool {
        !self.accepted.is_empty()
    }

    /// Accepts a socket, and sends CONNECTED.
    pub(crate) async fn connect(&mut self) -> Peer {
        let mut peer = self.accept().await;
        peer.send(connected("c1", "k1")).await;
        peer
    }
}

pub(crate) type Connecting =
    std::pin::Pin<Box<dyn Future<Output = Result<Box<dyn ByteStream>, TransportFault>> + Send>>;

async fn accept(host: String, stream: DuplexStream, accepted: mpsc::UnboundedSender<Peer>) {
    let mut query = BTreeMap::new();
    #[allow(clippy::result_large_err, reason = "the library's type")]
    let read = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
        for pair in request.uri().query().unwrap_or_default().split('&') {
            let (name, value) = pair.split_once('=').unwrap();
            query.insert(name.to_owned(), value.to_owned());
        }
        Ok(response)
    };
    let Ok(web) = accept_hdr_async(stream, read).await else { return };
    let format =
        if query.get("format").is_some_and(|format| format == "json") { Format::Json } else { Format::MsgPack };
    let _ = accepted.send(Peer { host, query, web, format });
}

/// Returns a CONNECTED.
pub(crate) fn connected(id: &str, key: &str) -> ProtocolMessage {
    let json = format!(
        r#"{{"action":4,"connectionId":"{id}","connectionDetails":{{"connectionKey":"{key}","maxIdleInterval":15000}}}}"#
    );
    message(&json)
}

/// Returns a message from JSON.
pub(crate) fn message(json: &str) -> ProtocolMessage {
    Format::Json.decode(json.as_bytes()).unwrap()
}

impl Peer {
    pub(crate) async fn send(&mut self, message: ProtocolMessage) {
        let content = self.format.encode(&message).unwrap();
        let frame = match self.format {
            Format::Json => Message::text(String::from_utf8(content).unwrap()),
            Format::MsgPack => Message::binary(content),
        };
        self.web.send(frame).await.unwrap();
    }

    /// Returns the next protocol message, or `None` after the client has closed the socket.
    pub(crate) async fn next(&mut self) -> Option<ProtocolMessage> {
        loop {
            match self.web.next().await?.ok()? {
                frame @ (Message::Text(_) | Message::Binary(_)) => {
                    return Some(self.format.decode(&frame.into_data()).unwrap());
                }
                Message::Close(_) => return None,
                _ => {}
            }
        }
    }

    /// Waits for CLOSE, and answers it.
    pub(crate) async fn close(&mut self) {
        assert_eq!(self.next().await.unwrap().action(), Action::Close);
        self.send(ProtocolMessage::new(Action::Closed)).await;
    }
}

/// A token source that counts.
#[derive(Clone, Default)]
pub(crate) struct Tokens(Arc<AtomicU64>);

impl Tokens {
    pub(crate) fn count(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    pub(crate) fn next(&self) -> Token {
        Token::new(&format!("app.token-{}", self.0.fetch_add(1, Ordering::SeqCst) + 1)).unwrap()
    }

    /// Returns options with an auth callback that gives these tokens.
    pub(crate) fn client_options(&self) -> ClientOptions {
        let tokens = self.clone();
        let callback = move |_: TokenParams| std::future::ready(Ok::<_, Error>(tokens.next()));
        ClientOptions::new()
            .endpoint("http://127.0.0.1:1")
            .clock(Arc::new(VirtualClock::new()))
            .random(Arc::new(counted()))
            .auth_callback(callback)
    }
}

/// Returns a source of numbers that differ.
fn counted() -> impl Fn() -> [u8; 16] + Send + Sync {
    let count = AtomicU64::new(0);
    move || u128::from(count.fetch_add(1, Ordering::SeqCst)).to_be_bytes()
}

/// Returns the options of a connection to `server`, with JSON frames.
pub(crate) fn options(server: &Server) -> ConnectionOptions {
    from(server, Tokens::default().client_options())
}

pub(crate) fn from(server: &Server, client: ClientOptions) -> ConnectionOptions {
    ConnectionOptions::from_client_options(client).unwrap().format(Format::Json).connect_with(server.hook())
}

/// Opens a connection to a new server, which has sent CONNECTED.
pub(crate) async fn open_with(
    change: impl FnOnce(ConnectionOptions) -> ConnectionOptions,
) -> (Connection, Events, Server, Peer) {
    let mut server = Server::new();
    let (connection, events) = Connection::open(change(options(&server))).unwrap();
    let peer = server.connect().await;
    connection.connect().await.unwrap();
    (connection, events, server, peer)
}

pub(crate) async fn open() -> (Connection, Events, Server, Peer) {
    open_with(|options| options).await
}

/// Returns the next message, without state changes.
pub(crate) async fn next_message(events: &mut Events) -> ProtocolMessage {
    loop {
        let event = timeout(Duration::from_secs(600), events.next()).await;
        if let Event::Message(message) = event.expect("nothing happened in ten minutes").unwrap() {
            return message;
        }
    }
}

/// Returns the states that a connection has entered, which wait in `events`.
pub(crate) async fn states(events: &mut Events, last: ConnectionState) -> Vec<ConnectionState> {
    let mut states = Vec::new();
    while states.last() != Some(&last) {
        if let Event::Change(change) = events.next().await.unwrap() {
            states.push(change.current());
        }
    }
    states
}

/// A hook that fails, and counts its calls.
pub(crate) fn fails_with(
    kind: FaultKind,
    hosts: Arc<Mutex<Vec<String>>>,
) -> impl Fn(String, u16) -> Connecting + Send + Sync {
    move |host, _| {
        hosts.lock().unwrap().push(host);
        Box::pin(async move { Err(TransportFault::new(kind, "no server here")) })
    }
}
