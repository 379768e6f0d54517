//! The task that drives a connection's state machine.

use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use ably_auth::Error;
use ably_auth::connection::{
    ConnectionAuth, ConnectionEvent, ConnectionState, ConnectionStateChange, CredentialsQuery, Format, Input, Output,
    ProtocolMessage, SocketId, StateMachine,
};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::{broadcast, mpsc, watch};
use tokio::time::{Instant, Sleep, sleep};

use crate::command::{Authorizing, Command, Outgoing, Snapshot};
use crate::delivery::Delivery;
use crate::events::Event;
use crate::opener::{Opener, host};
use crate::pending::{Got, get, guarded, poll_option};
use crate::pings::Pings;
use crate::socket::{self, Received, Socket};
use crate::trace;

/// The longest time between two looks at the clock, and so until a suspended machine is noticed after its wake-up.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// The shortest time between two looks at the clock. A clock may be behind the timer by some milliseconds.
const MIN_WAIT: Duration = Duration::from_millis(1);

/// The parts of a driver that the connection's handle is connected to.
pub(crate) struct Ends {
    pub(crate) commands: mpsc::UnboundedReceiver<Command>,
    pub(crate) frames: mpsc::Receiver<Outgoing>,
    pub(crate) snapshot: watch::Sender<Snapshot>,
    /// Shared, because the channel keeps memory for all of them.
    pub(crate) changes: broadcast::Sender<Arc<ConnectionStateChange>>,
    pub(crate) delivery: Delivery,
}

pub(crate) struct Driver {
    machine: StateMachine,
    auth: ConnectionAuth,
    opener: Arc<Opener>,
    format: Format,
    /// The URL of the connectivity check, if there is one.
    check_url: Option<Arc<str>>,
    ends: Ends,
    getting: Option<BoxFuture<'static, Got>>,
    opening: Option<(SocketId, BoxFuture<'static, Result<Socket, Error>>)>,
    socket: Option<(SocketId, Socket)>,
    /// The socket that is being closed.
    closing: Option<BoxFuture<'static, ()>>,
    checking: Option<BoxFuture<'static, bool>>,
    authorizing: Authorizing,
    pings: Pings,
    session: u64,
    /// True after the application has dropped the connection.
    is_released: bool,
}

/// An event that the driver waits for.
enum Happening {
    Command(Command),
    Released,
    Got(Got),
    Opened(SocketId, Result<Socket, Error>),
    Received(SocketId, Received),
    Lost(SocketId, Error),
    Checked(bool),
    /// A timer or a future that needs no action of its own: the loop runs again.
    Noticed,
}

impl Driver {
    pub(crate) fn new(
        machine: StateMachine,
        auth: ConnectionAuth,
        opener: Opener,
        format: Format,
        check_url: Option<Arc<str>>,
        ends: Ends,
    ) -> Self {
        Self {
            machine,
            auth,
            opener: Arc::new(opener),
            format,
            check_url,
            ends,
            getting: None,
            opening: None,
            socket: None,
            closing: None,
            checking: None,
            authorizing: Authorizing::default(),
            pings: Pings::default(),
            session: 0,
            is_released: false,
        }
    }

    /// Runs until the application has dropped the connection, and it is closed.
    pub(crate) async fn run(mut self, auto_connect: bool) {
        if auto_connect {
            self.input(Input::Connect);
        }
        let mut timer = Box::pin(sleep(MAX_WAIT));
        while !self.is_done() {
            timer.as_mut().reset(after(self.until_look()));
            let happening = poll_fn(|context| self.poll(&mut timer, context)).await;
            self.handle(happening);
            self.authorize();
            if let Some(socket) = self.stalled_socket() {
                self.input(Input::Active(socket));
            } else if self.machine.until_tick(self.auth.clock().moment()).is_some_and(|until| until.is_zero()) {
                self.input(Input::Tick);
            }
        }
    }

    fn is_done(&self) -> bool {
        self.is_released && self.machine.state().is_at_rest() && self.closing.is_none()
    }

    fn is_connected(&self) -> bool {
        self.machine.state() == ConnectionState::Connected
    }

    /// Returns the socket, if it is not read because the application takes no messages. Its idle deadline must not apply.
    fn stalled_socket(&self) -> Option<SocketId> {
        let is_stalled = self.is_connected() && !self.ends.delivery.has_room(true);
        self.socket.as_ref().filter(|_| is_stalled).map(|(id, _)| *id)
    }

    /// Returns the time until the next look at the clock.
    fn until_look(&self) -> Duration {
        let until = self.machine.until_tick(self.auth.clock().moment()).unwrap_or(MAX_WAIT);
        // Record activity on a stalled socket before its idle deadline.
        let until = if self.stalled_socket().is_some() { until / 2 } else { until };
        until.clamp(MIN_WAIT, MAX_WAIT)
    }

    /// Waits for the next happening. Frames come before the timer, so that they count before silence does.
    fn poll(&mut self, timer: &mut Pin<Box<Sleep>>, context: &mut Context<'_>) -> Poll<Happening> {
        if !self.is_released {
            if let Poll::Ready(command) = self.ends.commands.poll_recv(context) {
                return Poll::Ready(command.map_or(Happening::Released, Happening::Command));
            }
        }
        if let Some(got) = poll_option(&mut self.getting, context) {
            return Poll::Ready(Happening::Got(got));
        }
        if let Some((socket, opening)) = &mut self.opening {
            if let Poll::Ready(outcome) = opening.poll_unpin(context) {
                return Poll::Ready(Happening::Opened(*socket, outcome));
            }
        }
        if let Some(is_online) = poll_option(&mut self.checking, context) {
            return Poll::Ready(Happening::Checked(is_online));
        }
        if poll_option(&mut self.closing, context).is_some() || self.ends.delivery.poll(context).is_ready() {
            return Poll::Ready(Happening::Noticed);
        }
        if let Poll::Ready(happening) = self.poll_socket(context) {
            return Poll::Ready(happening);
        }
        timer.as_mut().poll(context).map(|()| Happening::Noticed)
    }

    fn poll_socket(&mut self, context: &mut Context<'_>) -> Poll<Happening> {
        let (is_connected, session) = (self.is_connected(), self.session);
        let frames = &mut self.ends.frames;
        let mut next = |context: &mut Context<'_>| loop {
            match frames.poll_recv(context) {
                Poll::Ready(Some(outgoing)) if is_connected && outgoing.session == session => {
                    return Poll::Ready(outgoing.frame);
                }
                // It was sent before the connection was lost.
                Poll::Ready(Some(_)) => {}
                Poll::Ready(None) | Poll::Pending => return Poll::Pending,
            }
        };
        let Some((id, socket)) = &mut self.socket else {
            let _ = next(context);
            return Poll::Pending;
        };
        if let Poll::Ready(error) = socket.poll_write(context, next) {
            return Poll::Ready(Happening::Lost(*id, error));
        }
        if !self.ends.delivery.has_room(is_connected) {
            return Poll::Pending;
        }
        socket.poll_read(context).map(|received| match received {
            Ok(received) => Happening::Received(*id, received),
            Err(error) => Happening::Lost(*id, error),
        })
    }

    fn handle(&mut self, happening: Happening) {
        match happening {
            Happening::Command(command) => self.command(command),
            Happening::Released => {
                self.is_released = true;
                self.close();
            }
            Happening::Got(Got { details, outcome }) => {
                if let (Some(call), Some(details)) = (&mut self.authorizing.current, details) {
                    call.details = Some(details);
                }
                self.input(Input::Credentials(outcome));
            }
            Happening::Opened(socket, outcome) => {
                self.opening = None;
                match outcome {
                    Ok(open) => self.socket = Some((socket, open)),
                    Err(error) => self.input(Input::Lost(socket, error)),
                }
            }
            Happening::Received(socket, Received::Message(content)) => self.receive(socket, &content),
            Happening::Received(socket, Received::Control) => self.input(Input::Active(socket)),
            Happening::Lost(socket, error) => {
                self.close_socket();
                self.input(Input::Lost(socket, error));
            }
            Happening::Checked(is_online) => self.input(Input::Connectivity(is_online)),
            Happening::Noticed => {}
        }
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Connect(reply) => {
                self.input(Input::Connect);
                let _ = reply.send(());
            }
            Command::Close(reply) => {
                self.close();
                let _ = reply.send(());
            }
            Command::Authorize(call) => self.authorizing.push(call),
            Command::Ping(reply) => {
                let unwritten = self.socket.as_ref().map_or(0, |(_, socket)| socket.unwritten());
                let begun = if self.is_connected() {
                    self.pings.begin(self.auth.random(), self.auth.clock().steady(), unwritten, reply)
                } else {
                    Pings::refuse(reply, self.ends.snapshot.borrow().not_connected())
                };
                if let Some(heartbeat) = begun {
                    self.send(&heartbeat);
                }
            }
        }
    }

    /// Closes the connection for the application. The messages that it has sent go before CLOSE.
    fn close(&mut self) {
        let (is_connected, session) = (self.is_connected(), self.session);
        if let Some((_, socket)) = self.socket.as_mut().filter(|_| is_connected) {
            for _ in 0..self.ends.frames.max_capacity() {
                let Ok(outgoing) = self.ends.frames.try_recv() else { break };
                if outgoing.session == session {
                    socket.send_of_application(outgoing.frame);
                }
            }
        }
        self.input(Input::Close);
    }

    fn receive(&mut self, socket: SocketId, content: &[u8]) {
        match self.format.decode(content) {
            // The answer to a ping is not a message for the application.
            Ok(message) if self.pings.answer(&message, self.auth.clock().steady()) => {
                self.input(Input::Active(socket));
            }
            Ok(message) => self.input(Input::Received(socket, message)),
            Err(_) => {
                trace::frame_skipped(content.len());
                self.input(Input::Active(socket));
            }
        }
    }

    /// Passes an input to the state machine, and carries out its outputs.
    fn input(&mut self, input: Input) {
        let outputs = self.machine.handle(input, self.auth.clock().moment());
        let opens = |output: &Output| matches!(output, Output::Change(change) if change.event() == ConnectionEvent::State(ConnectionState::Connected));
        if outputs.iter().any(opens) {
            self.session = self.session.wrapping_add(1);
        }
        let has_changed = outputs.iter().any(|output| matches!(output, Output::Change(_)));
        if has_changed || self.ends.snapshot.borrow().id.as_deref() != self.machine.id() {
            self.publish();
        }
        for output in outputs {
            self.carry_out(output);
        }
        if has_changed && !self.is_connected() {
            self.pings.fail(&self.ends.snapshot.borrow().not_connected());
        }
    }

    fn publish(&self) {
        self.ends.snapshot.send_replace(Snapshot {
            state: self.machine.state(),
            error_reason: self.machine.error_reason().cloned(),
            id: self.machine.id().map(str::to_owned),
            key: self.machine.key().map(str::to_owned),
            details: self.machine.details().cloned(),
            session: self.session,
        });
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::GetCredentials(query) => self.getting = Some(self.get(query)),
            Output::StopGetting => self.getting = None,
            Output::Open { socket, url } => {
                trace::socket_opening(&url);
                let opener = Arc::clone(&self.opener);
                let open = async move {
                    let web = opener.open(&url).await?;
                    Ok(Socket::new(web, host(&url)))
                };
                let opening = guarded(open, |panicked| Err(panicked.into()));
                self.opening = Some((socket, opening));
            }
            Output::Send(message) => self.send(&message),
            Output::CloseSocket => {
                self.opening = None;
                self.close_socket();
            }
            Output::CheckConnectivity => self.checking = Some(self.check()),
            Output::Deliver(message) => self.ends.delivery.push(Event::Message(message)),
            Output::Change(change) => {
                trace::state_changed(&change);
                // `send` fails if no receiver exists.
                let _ = self.ends.changes.send(Arc::new(change.clone()));
                self.ends.delivery.push(Event::Change(change));
            }
            Output::Authorized(outcome) => self.authorizing.end(outcome),
            _ => {}
        }
    }

    /// Begins the next call of `authorize` if none is being carried out.
    fn authorize(&mut self) {
        while self.authorizing.begin() {
            self.input(Input::Authorize);
        }
    }

    fn get(&self, query: CredentialsQuery) -> BoxFuture<'static, Got> {
        let call = self.authorizing.current.as_ref().filter(|_| matches!(query, CredentialsQuery::Authorize));
        // A call that has its token needs only the credentials.
        let call = call.filter(|call| call.details.is_none());
        let call = call.map(|call| (call.params.clone(), call.options.clone()));
        let got = get(self.auth.clone(), query, call);
        guarded(got, |panicked| Got { details: None, outcome: Err(panicked.into()) })
    }

    fn check(&self) -> BoxFuture<'static, bool> {
        let (auth, url) = (self.auth.clone(), self.check_url.clone());
        let check = async move {
            match url {
                Some(url) => auth.can_reach(&url).await,
                // Without a check, the other hosts are tried.
                None => true,
            }
        };
        guarded(check, |_| false)
    }

    /// Sends a message of the connection itself, which the socket sends before those of the application.
    fn send(&mut self, message: &ProtocolMessage) {
        // The messages of the connection itself can be written in each format.
        if let (Some((_, socket)), Ok(content)) = (&mut self.socket, self.format.encode(message)) {
            socket.send(socket::frame(self.format, content));
        }
    }

    fn close_socket(&mut self) {
        if let Some((_, socket)) = self.socket.take() {
            self.closing = Some(socket.close().boxed());
        }
    }
}

/// Returns the moment after `duration`. To reset a timer costs less than to create one.
fn after(duration: Duration) -> Instant {
    sleep(duration).deadline()
}
