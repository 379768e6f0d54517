//! A proxy on loopback in front of a service, which injects faults: by rules, and on command.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ably_auth_websocket::{Action, Format, ProtocolMessage};
use futures_util::{SinkExt as _, StreamExt as _};
use socket2::SockRef;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::{WebSocketStream, client_async};

type Socket = WebSocketStream<BufReader<TcpStream>>;

/// A fault, and what it concerns. Sockets are counted from 1, and so are messages with an action, over all sockets.
#[allow(clippy::large_enum_variant, reason = "there are few rules")]
pub(crate) enum Rule {
    /// Resets the TCP connection of a socket before its handshake is answered.
    Refuse { socket: usize },
    /// Leaves the handshake of a socket without an answer.
    Hang { socket: usize },
    /// Sends another message instead of a message of the service.
    Replace { action: Action, nth: usize, by: ProtocolMessage },
    /// Discards all messages of the service with this action.
    Suppress { action: Action },
    /// Holds back a message of the service, and those behind it.
    Delay { action: Action, nth: usize, by: Duration },
    /// Answers the first request for a path that contains `part`.
    Respond { part: &'static str, status: u16, body: &'static str },
}

/// A fault on command, of the newest socket.
#[allow(clippy::large_enum_variant, reason = "there are few commands")]
enum Command {
    Send(ProtocolMessage),
    /// Discards the further messages of the service with this action.
    Withhold(Action),
    Close,
    Reset,
}

/// A request that is not for a socket, and the status of its response.
#[derive(Debug, PartialEq)]
pub(crate) struct Exchange {
    pub(crate) path: String,
    pub(crate) status: u16,
}

/// The traffic so far.
#[derive(Default)]
struct Log {
    /// The query parameters of each socket.
    sockets: Vec<BTreeMap<String, String>>,
    /// The messages of clients.
    sent: Vec<ProtocolMessage>,
    /// The number of messages of the service with each action.
    received: BTreeMap<u64, usize>,
    exchanges: Vec<Exchange>,
    newest: Option<mpsc::UnboundedSender<Command>>,
}

struct Shared {
    service: String,
    rules: Vec<Rule>,
    log: Mutex<Log>,
}

/// The proxy. It runs on the current runtime.
pub(crate) struct FaultProxy {
    shared: Arc<Shared>,
    url: String,
}

impl FaultProxy {
    /// Starts a proxy in front of the service at this URL.
    pub(crate) async fn start(service: &str, rules: impl IntoIterator<Item = Rule>) -> Self {
        let service = service.trim_start_matches("http://").to_owned();
        let shared = Arc::new(Shared { service, rules: rules.into_iter().collect(), log: Mutex::default() });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let accepting = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&accepting);
                // Either side may be gone; the other one notices it.
                tokio::spawn(async move { shared.serve(BufReader::new(stream)).await.ok() });
            }
        });
        Self { shared, url }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Returns the query parameters of each socket, also of refused ones.
    pub(crate) fn sockets(&self) -> Vec<BTreeMap<String, String>> {
        self.shared.log.lock().unwrap().sockets.clone()
    }

    /// Returns the messages that clients have sent with this action.
    pub(crate) fn sent(&self, action: Action) -> Vec<ProtocolMessage> {
        let log = self.shared.log.lock().unwrap();
        log.sent.iter().filter(|message| message.action() == action).cloned().collect()
    }

    /// Returns the requests since the last time.
    pub(crate) fn take_exchanges(&self) -> Vec<Exchange> {
        std::mem::take(&mut self.shared.log.lock().unwrap().exchanges)
    }

    /// Sends a message to the client, as if it came from the service.
    pub(crate) fn inject(&self, message: ProtocolMessage) {
        self.command(Command::Send(message));
    }

    /// Discards the further messages of the service with this action on the newest socket.
    pub(crate) fn withhold(&self, action: Action) {
        self.command(Command::Withhold(action));
    }

    /// Closes the newest socket.
    pub(crate) fn close(&self) {
        self.command(Command::Close);
    }

    /// Resets the TCP connection of the newest socket.
    pub(crate) fn reset(&self) {
        self.command(Command::Reset);
    }

    fn command(&self, command: Command) {
        let newest = self.shared.log.lock().unwrap().newest.clone();
        newest.expect("a socket is open").send(command).expect("the newest socket is open");
    }
}

/// The head of a request.
struct Head {
    text: String,
    /// The path with its query.
    target: String,
}

impl Head {
    async fn read(stream: &mut BufReader<TcpStream>) -> io::Result<Self> {
        let mut text = String::new();
        while !text.ends_with("\r\n\r\n") {
            if stream.read_line(&mut text).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let target = text.split(' ').nth(1).unwrap_or_default().to_owned();
        Ok(Self { text, target })
    }

    fn header(&self, name: &str) -> Option<&str> {
        let lines = self.text.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }
}

impl Shared {
    async fn serve(&self, mut stream: BufReader<TcpStream>) -> io::Result<()> {
        let head = Head::read(&mut stream).await?;
        match head.header("sec-websocket-key").map(|key| derive_accept_key(key.as_bytes())) {
            Some(accept) => self.serve_socket(stream, &head.target, &accept).await,
            None => self.serve_request(stream, &head).await,
        }
    }

    async fn serve_request(&self, mut stream: BufReader<TcpStream>, head: &Head) -> io::Result<()> {
        let length = head.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await?;
        let response = match self.response(&head.target) {
            Some(response) => response.into_bytes(),
            None => {
                let mut service = TcpStream::connect(&self.service).await?;
                // The end of the stream is the end of the response then.
                let last = head.text.replacen("\r\n", "\r\nConnection: close\r\n", 1);
                service.write_all(&[last.as_bytes(), &body].concat()).await?;
                let mut response = Vec::new();
                service.read_to_end(&mut response).await?;
                response
            }
        };
        let status = String::from_utf8_lossy(&response).split(' ').nth(1).and_then(|status| status.parse().ok());
        let exchange = Exchange { path: head.target.clone(), status: status.unwrap_or(0) };
        self.log.lock().unwrap().exchanges.push(exchange);
        stream.write_all(&response).await?;
        stream.shutdown().await
    }

    /// Returns the response of a rule, if one concerns the request.
    fn response(&self, target: &str) -> Option<String> {
        self.rules.iter().find_map(|rule| match rule {
            Rule::Respond { part, status, body } if target.contains(part) && self.is_first(part) => Some(format!(
                "HTTP/1.1 {status} -\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            )),
            _ => None,
        })
    }

    fn is_first(&self, part: &str) -> bool {
        !self.log.lock().unwrap().exchanges.iter().any(|exchange| exchange.path.contains(part))
    }

    async fn serve_socket(&self, mut stream: BufReader<TcpStream>, target: &str, accept: &str) -> io::Result<()> {
        let query = target.split_once('?').map_or("", |(_, query)| query);
        let query: BTreeMap<_, _> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let format = if query["format"] == "json" { Format::Json } else { Format::MsgPack };
        let (sender, commands) = mpsc::unbounded_channel();
        let number = {
            let mut log = self.log.lock().unwrap();
            log.sockets.push(query);
            log.newest = Some(sender);
            log.sockets.len()
        };
        for rule in &self.rules {
            match rule {
                Rule::Refuse { socket } if *socket == number => return reset(stream.get_ref()),
                Rule::Hang { socket } if *socket == number => {
                    return stream.read_to_end(&mut Vec::new()).await.map(drop);
                }
                _ => {}
            }
        }
        let service = TcpStream::connect(&self.service).await?;
        let (service, _) =
            client_async(format!("ws://{}{target}", self.service), service).await.map_err(io::Error::other)?;
        let switch = format!(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
        );
        stream.write_all(switch.as_bytes()).await?;
        let client = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
        self.relay(client, service, format, commands).await
    }

    async fn relay(
        &self,
        mut client: Socket,
        mut service: WebSocketStream<TcpStream>,
        format: Format,
        mut commands: mpsc::UnboundedReceiver<Command>,
    ) -> io::Result<()> {
        let mut withheld = None;
        loop {
            tokio::select! {
                biased;
                Some(command) = commands.recv() => match command {
                    Command::Send(message) => client.send(frame(format, &message)).await.map_err(io::Error::other)?,
                    Command::Withhold(action) => withheld = Some(action),
                    Command::Close => break,
                    Command::Reset => return reset(client.get_ref().get_ref()),
                },
                received = service.next() => match received {
                    Some(Ok(received @ (Message::Text(_) | Message::Binary(_)))) => {
                        let message = format.decode(&received.into_data()).unwrap();
                        if let Some(message) = self.pass(message).await.filter(|message| withheld != Some(message.action())) {
                            client.send(frame(format, &message)).await.map_err(io::Error::other)?;
                        }
                    }
                    // The service is alive.
                    Some(Ok(ping @ Message::Ping(_))) => client.send(ping).await.map_err(io::Error::other)?,
                    Some(Ok(Message::Pong(_))) => {}
                    _ => break,
                },
                sent = client.next() => match sent {
                    Some(Ok(sent @ (Message::Text(_) | Message::Binary(_)))) => {
                        let message = format.decode(&sent.clone().into_data()).unwrap();
                        self.log.lock().unwrap().sent.push(message);
                        service.send(sent).await.map_err(io::Error::other)?;
                    }
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    _ => break,
                },
            }
        }
        client.close(None).await.map_err(io::Error::other)
    }

    /// Applies the rules to a message of the service. Returns the message for the client, if there is one.
    async fn pass(&self, message: ProtocolMessage) -> Option<ProtocolMessage> {
        let action = message.action();
        let number = {
            let mut log = self.log.lock().unwrap();
            let count = log.received.entry(action.number()).or_default();
            *count += 1;
            *count
        };
        for rule in &self.rules {
            match rule {
                Rule::Replace { action: own, nth, by } if (*own, *nth) == (action, number) => return Some(by.clone()),
                Rule::Suppress { action: own } if *own == action => return None,
                Rule::Delay { action: own, nth, by } if (*own, *nth) == (action, number) => sleep(*by).await,
                _ => {}
            }
        }
        Some(message)
    }
}

/// Ends a TCP connection with a reset, once it is dropped.
fn reset(stream: &TcpStream) -> io::Result<()> {
    SockRef::from(stream).set_linger(Some(Duration::ZERO))
}

fn frame(format: Format, message: &ProtocolMessage) -> Message {
    let content = format.encode(message).unwrap();
    match format {
        Format::Json => Message::text(String::from_utf8(content).unwrap()),
        Format::MsgPack => Message::binary(content),
    }
}
