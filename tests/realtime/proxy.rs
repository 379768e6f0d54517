//! A proxy in memory between the driver and the service, which changes, withholds and adds messages.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use ably_auth::connection::{Action, Format, ProtocolMessage};
use ably_auth::{FaultKind, TransportFault};
use ably_auth_websocket::{ByteStream, Connect};
use async_trait::async_trait;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::DuplexStream;
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::{accept_hdr_async, client_async};

/// The plan of the proxy for a socket.
pub(crate) enum Plan {
    /// Refuses the socket.
    Refuse,
    /// Replaces CONNECTED.
    Replace(&'static str),
    /// Withholds CONNECTED.
    Suppress,
}

/// A proxy, which is also the hook that connects to it.
#[derive(Clone)]
pub(crate) struct Proxy(Arc<Shared>);

struct Shared {
    service: String,
    /// The plans of sockets, by their number from 0. Others are passed on.
    plans: BTreeMap<usize, Plan>,
    sockets: Mutex<Vec<BTreeMap<String, String>>>,
    /// Messages of the client.
    sent: Mutex<Vec<ProtocolMessage>>,
    injections: Mutex<Option<UnboundedSender<Injection>>>,
}

/// A message for the client, or `None` to close its socket.
type Injection = Option<ProtocolMessage>;

impl Proxy {
    /// Creates a proxy in front of the service at this URL.
    pub(crate) fn new(service: &str, plans: impl IntoIterator<Item = (usize, Plan)>) -> Self {
        let service = service.trim_start_matches("http://").to_owned();
        Self(Arc::new(Shared {
            service,
            plans: plans.into_iter().collect(),
            sockets: Mutex::default(),
            sent: Mutex::default(),
            injections: Mutex::default(),
        }))
    }

    /// Sends the client a message that the service did not send.
    pub(crate) fn inject(&self, json: &str) {
        self.to_client(Some(Format::Json.decode(json.as_bytes()).unwrap()));
    }

    /// Closes the client's socket.
    pub(crate) fn close(&self) {
        self.to_client(None);
    }

    fn to_client(&self, injection: Injection) {
        let injections = self.0.injections.lock().unwrap();
        assert!(injections.as_ref().is_some_and(|socket| socket.send(injection).is_ok()), "there is no socket");
    }

    /// Returns the query parameters of each socket that was opened.
    pub(crate) fn sockets(&self) -> Vec<BTreeMap<String, String>> {
        self.0.sockets.lock().unwrap().clone()
    }

    /// Returns how often the client has sent the action.
    pub(crate) fn count_sent(&self, action: Action) -> usize {
        self.0.sent.lock().unwrap().iter().filter(|message| message.action() == action).count()
    }
}

#[async_trait]
impl Connect for Proxy {
    async fn connect(&self, _: &str, _: u16) -> Result<Box<dyn ByteStream>, TransportFault> {
        let number = {
            let mut sockets = self.0.sockets.lock().unwrap();
            sockets.push(BTreeMap::new());
            sockets.len() - 1
        };
        if matches!(self.0.plans.get(&number), Some(Plan::Refuse)) {
            return Err(TransportFault::new(FaultKind::Unreachable, "the proxy refuses"));
        }
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        tokio::spawn(forward(number, theirs, Arc::clone(&self.0)));
        Ok(Box::new(ours))
    }
}

async fn forward(number: usize, stream: DuplexStream, shared: Arc<Shared>) {
    let mut target = String::new();
    #[allow(clippy::result_large_err, reason = "the library's type")]
    let read = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
        target = request.uri().to_string();
        Ok(response)
    };
    let client = accept_hdr_async(stream, read).await.unwrap();
    let target = target.trim_start_matches(|c| c != '?').to_owned();
    shared.sockets.lock().unwrap()[number] =
        form_urlencoded::parse(target.trim_start_matches('?').as_bytes()).into_owned().collect();
    let tcp = TcpStream::connect(&shared.service).await.unwrap();
    let (service, _) = client_async(format!("ws://{}/{target}", shared.service), tcp).await.unwrap();
    let (sender, injections) = unbounded_channel();
    *shared.injections.lock().unwrap() = Some(sender);
    relay(client, service, injections, shared.plans.get(&number), &shared).await;
}

type Socket<S> = tokio_tungstenite::WebSocketStream<S>;

/// Passes frames on, until one side ends.
async fn relay(
    mut client: Socket<DuplexStream>,
    mut service: Socket<TcpStream>,
    mut injections: UnboundedReceiver<Injection>,
    plan: Option<&Plan>,
    shared: &Shared,
) {
    loop {
        tokio::select! {
            injection = injections.recv() => match injection {
                Some(Some(message)) => client.send(frame(&message)).await.unwrap(),
                Some(None) | None => return drop(client.close(None).await),
            },
            frame = client.next() => {
                let Some(Ok(frame)) = frame else { return };
                if let Some(message) = message_of(&frame) {
                    shared.sent.lock().unwrap().push(message);
                }
                let _ = service.send(frame).await;
            }
            frame = service.next() => {
                let Some(Ok(frame)) = frame else { return drop(client.close(None).await) };
                let is_connected = message_of(&frame).is_some_and(|message| message.action() == Action::Connected);
                let frame = match plan.filter(|_| is_connected) {
                    None | Some(Plan::Refuse) => frame,
                    Some(Plan::Replace(json)) => Message::text(*json),
                    Some(Plan::Suppress) => continue,
                };
                let _ = client.send(frame).await;
            }
        }
    }
}

/// Returns the message of a frame. The cases use JSON.
fn message_of(frame: &Message) -> Option<ProtocolMessage> {
    match frame {
        Message::Text(text) => Some(Format::Json.decode(text.as_bytes()).unwrap()),
        _ => None,
    }
}

fn frame(message: &ProtocolMessage) -> Message {
    Message::text(String::from_utf8(Format::Json.encode(message).unwrap()).unwrap())
}
