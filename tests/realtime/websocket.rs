//! The driver for tokio as the connection of a scenario: real WebSockets, in memory, on tokio's paused time.
//!
//! The application, the server and the token source each have their own list of lines, which is compared in order. The order
//! between the lists is not compared, because they run as tasks.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ably_auth::{Auth, Credentials, FaultKind, Transport, TransportFault};
use ably_auth_websocket::{ByteStream, Connect, Connection, ConnectionAuth, ConnectionOptions, Event as Seen, Events};
use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot};
use tokio::task::yield_now;
use tokio::time::sleep;

use crate::lines;
use crate::options;
use crate::peer::{self, ToPeer};
use crate::play::Face;
use crate::scenario::{Event, Refusal};
use crate::world::{TokenServer, World};

/// The bytes that a socket holds in each direction.
const SOCKET_BYTES: usize = 64 * 1024;

/// The number of rounds without a new line after which nothing more happens at a moment.
const QUIET_ROUNDS: u32 = 100;

/// A connection with its server.
pub(crate) struct WebSocket {
    runtime: Runtime,
    world: Arc<World>,
    surroundings: Arc<Surroundings>,
    client: Auth<Internet>,
    /// The credentials of the last REST request.
    used: Arc<Mutex<Option<Credentials>>>,
    options: ConnectionOptions,
    connection: Option<Connection>,
}

/// The server, the internet, and what was seen.
#[derive(Default)]
pub(crate) struct Surroundings {
    lines: Mutex<Vec<String>>,
    /// The server's end of the last socket.
    socket: Mutex<Option<mpsc::UnboundedSender<ToPeer>>>,
    check: Mutex<Option<oneshot::Sender<bool>>>,
}

impl Surroundings {
    pub(crate) fn see(&self, line: String) {
        self.lines.lock().unwrap().push(line);
    }

    fn to_peer(&self, message: ToPeer) -> Result<(), String> {
        let socket = self.socket.lock().unwrap();
        socket.as_ref().ok_or("there was no socket")?.send(message).map_err(|_| "the socket is closed".to_owned())
    }
}

/// Opens streams to the server of the scenario.
struct Hook(Arc<Surroundings>);

#[async_trait]
impl Connect for Hook {
    async fn connect(&self, _: &str, _: u16) -> Result<Box<dyn ByteStream>, TransportFault> {
        let (ours, theirs) = tokio::io::duplex(SOCKET_BYTES);
        let (sender, commands) = mpsc::unbounded_channel();
        *self.0.socket.lock().unwrap() = Some(sender);
        tokio::spawn(peer::serve(theirs, commands, Arc::clone(&self.0)));
        Ok(Box::new(ours))
    }

    fn has_own_tls(&self) -> bool {
        true
    }
}

/// The internet of the scenario, which answers whether it can be reached, and gives tokens.
struct Internet(Arc<Surroundings>, TokenServer);

#[async_trait]
impl Transport for Internet {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportFault> {
        if request.uri() != ConnectionAuth::CONNECTIVITY_CHECK_URL {
            return self.1.send(request).await;
        }
        let (sender, answer) = oneshot::channel();
        *self.0.check.lock().unwrap() = Some(sender);
        self.0.see("check".to_owned());
        match answer.await {
            Ok(true) => Ok(Response::new(Bytes::from_static(b"yes\n"))),
            _ => Err(TransportFault::new(FaultKind::Unreachable, "as the scenario says")),
        }
    }
}

impl Face for WebSocket {
    const IS_ORDERED: bool = false;

    fn new(options: &Value, world: &Arc<World>) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let _guard = runtime.enter();
        world.clocks.follow_tokio();
        let surroundings = Arc::<Surroundings>::default();
        let internet = Internet(Arc::clone(&surroundings), TokenServer(Arc::clone(world)));
        let auth = Auth::new(options::client(options, world), internet).unwrap();
        let is_automatic = options["autoConnect"].as_bool() == Some(true);
        let options = ConnectionOptions::new(&auth)
            .settings(options::settings(options))
            .auto_connect(is_automatic)
            .connect_with(Hook(Arc::clone(&surroundings)));
        drop(_guard);
        let mut face = Self {
            runtime,
            world: Arc::clone(world),
            surroundings,
            client: auth,
            used: Arc::default(),
            options,
            connection: None,
        };
        if !is_automatic {
            face.open();
        }
        face
    }

    fn happen(&mut self, event: &Event) -> Result<Vec<String>, String> {
        self.begin(event)?;
        self.settle();
        let mut lines = std::mem::take(&mut *self.surroundings.lines.lock().unwrap());
        lines.extend(self.world.take_fetches());
        Ok(lines)
    }

    fn question(&self, name: &str) -> Option<String> {
        let connection = self.connection.as_ref()?;
        let _guard = self.runtime.enter();
        match name {
            "state" => Some(connection.state().to_string()),
            "id" => connection.id(),
            "key" => connection.key().map(|key| lines::without_secret(&key)),
            "reason" => connection.error_reason().map(|reason| lines::info(&reason)),
            "clientId" => connection.client_id().as_str().map(str::to_owned),
            _ => panic!("unknown question `{name}`"),
        }
    }
}

impl WebSocket {
    fn open(&mut self) -> Connection {
        let _guard = self.runtime.enter();
        let (connection, events) = Connection::open(self.options.clone()).unwrap();
        self.runtime.spawn(watch(events, Arc::clone(&self.surroundings)));
        self.connection = Some(connection.clone());
        connection
    }

    fn begin(&mut self, event: &Event) -> Result<(), String> {
        let Some(connection) = self.connection.clone() else {
            // The connection connects when it is opened.
            assert!(matches!(event, Event::Connect), "an automatic connection begins with `connect`");
            self.open();
            return Ok(());
        };
        let _guard = self.runtime.enter();
        match event {
            Event::Connect => drop(self.runtime.spawn(async move { connection.connect().await })),
            Event::Close => drop(self.runtime.spawn(async move { connection.close().await })),
            Event::Authorize => {
                let surroundings = Arc::clone(&self.surroundings);
                self.runtime.spawn(async move {
                    let outcome = connection.authorize(None).await;
                    surroundings.see(lines::authorized(outcome.as_ref().map(|_| ())));
                });
            }
            Event::Rest { is_refused } => self.request(*is_refused),
            Event::Token(answer) => self.world.answer(answer)?,
            // Nothing arrives over a socket that the connection has closed.
            Event::Late(_) => {}
            Event::Reachable(is_reachable) => {
                let check = self.surroundings.check.lock().unwrap().take();
                // The connection may have given the check up.
                let _ = check.ok_or("nothing asked for a check of the internet")?.send(*is_reachable);
            }
            Event::Wait(span) => {
                self.look(connection);
                // Timers have a resolution of 1 ms, and round up.
                self.runtime.block_on(sleep(*span + Duration::from_millis(1)));
            }
            Event::Sleep(span) => {
                self.world.clocks.set_forward(*span);
                self.look(connection);
            }
            Event::SetForward(span) => self.world.clocks.set_forward(*span),
            Event::SetBack(span) => self.world.clocks.set_back(*span),
            Event::Server(_) | Event::Ping | Event::Drop | Event::Refuse(_) => self.socket_event(event)?,
        }
        Ok(())
    }

    /// Gets the credentials of a REST request.
    fn request(&self, is_refused: bool) {
        let (client, used) = (self.client.clone(), Arc::clone(&self.used));
        let (surroundings, refused) = (Arc::clone(&self.surroundings), used.lock().unwrap().take());
        self.runtime.spawn(async move {
            let credentials = match refused.filter(|_| is_refused) {
                Some(refused) => client.renewed_credentials(&refused).await.unwrap(),
                None => client.credentials().await.unwrap(),
            };
            surroundings.see(lines::used(&credentials));
            *used.lock().unwrap() = Some(credentials);
        });
    }

    fn socket_event(&self, event: &Event) -> Result<(), String> {
        let message = match event {
            Event::Server(message) => ToPeer::Send(message.clone()),
            Event::Ping => ToPeer::Ping,
            Event::Refuse(Refusal::Status(status)) => ToPeer::Refuse(*status),
            Event::Drop | Event::Refuse(_) => ToPeer::Drop,
            _ => return Err("the event is not of the socket".to_owned()),
        };
        self.surroundings.to_peer(message)
    }

    /// Makes the connection look at the clock, as it does every 30 s, by a ping of the application.
    fn look(&self, connection: Connection) {
        let ping = self.runtime.spawn(async move { connection.ping().await });
        self.settle();
        ping.abort();
    }

    /// Runs all tasks until nothing more happens at this moment.
    fn settle(&self) {
        self.runtime.block_on(async {
            let (mut count, mut quiet) = (0, 0);
            while quiet < QUIET_ROUNDS {
                yield_now().await;
                let now = self.surroundings.lines.lock().unwrap().len() + self.world.count_fetches();
                quiet = if now == count { quiet + 1 } else { 0 };
                count = now;
            }
        });
    }
}

/// Records the events of the application.
async fn watch(mut events: Events, surroundings: Arc<Surroundings>) {
    while let Some(event) = events.next().await {
        surroundings.see(match event {
            Seen::Change(change) => lines::change(&change),
            Seen::Message(message) => lines::deliver(&message),
            other => panic!("unknown event {other:?}"),
        });
    }
}
