//! The state machine alone as the connection of a scenario: no runtime, no socket, no real time.
//!
//! Tokens come from a real `Auth` and its cache. Futures are polled by hand. It also checks what holds at any time.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ably_auth::connection::{
    Action, ConnectionAuth, ConnectionEvent, ConnectionState, ConnectionStateChange, CredentialsQuery, Input, Output,
    ProtocolMessage, ServiceHosts, SocketId, StateMachine,
};
use ably_auth::{Auth, Clock as _, Credentials, Error, ErrorCode, ErrorInfo, FaultKind, TransportFault};
use serde_json::Value;

use crate::lines;
use crate::options;
use crate::play::Face;
use crate::scenario::{Event, Refusal};
use crate::world::{SECRET, TokenServer, World};

type Getting = Pin<Box<dyn Future<Output = Result<Credentials, Error>>>>;

/// A machine with its surroundings.
pub(crate) struct Machine {
    machine: StateMachine,
    client: Auth<TokenServer>,
    auth: ConnectionAuth,
    world: Arc<World>,
    getting: Option<Getting>,
    /// A REST request that waits for its token.
    request: Option<Getting>,
    /// The credentials of the last REST request.
    used: Option<Credentials>,
    socket: Option<SocketId>,
    former_socket: Option<SocketId>,
    is_checking: bool,
    is_authorizing: bool,
    lines: Vec<String>,
    state: ConnectionState,
    /// The token that the service knows of the present socket, and those of AUTHs that it has not answered.
    offered: Vec<String>,
    /// Tokens that the service refused.
    refused: BTreeSet<String>,
}

impl Face for Machine {
    const IS_ORDERED: bool = true;

    fn new(options: &Value, world: &Arc<World>) -> Self {
        let client = options::client(options, world);
        let hosts = ServiceHosts::new(client.get_endpoint(), client.get_http_settings()).unwrap();
        let client = Auth::new(client, TokenServer(Arc::clone(world))).unwrap();
        let auth = ConnectionAuth::new(&client).unwrap();
        let machine = StateMachine::new(options::settings(options), hosts, auth.identity().cloned(), 7);
        Self {
            machine,
            client,
            auth,
            world: Arc::clone(world),
            getting: None,
            request: None,
            used: None,
            socket: None,
            former_socket: None,
            is_checking: false,
            is_authorizing: false,
            lines: Vec::new(),
            state: ConnectionState::Initialized,
            offered: Vec::new(),
            refused: BTreeSet::new(),
        }
    }

    fn happen(&mut self, event: &Event) -> Result<Vec<String>, String> {
        match event {
            Event::Connect => self.handle(Input::Connect),
            Event::Close => self.handle(Input::Close),
            Event::Authorize => {
                self.is_authorizing = true;
                self.handle(Input::Authorize);
            }
            Event::Token(answer) => self.world.answer(answer)?,
            Event::Server(message) => {
                let socket = self.socket.ok_or("there is no socket")?;
                self.remember_refusal(message);
                self.handle(Input::Received(socket, (**message).clone()));
            }
            Event::Ping => self.handle(Input::Active(self.socket.ok_or("there is no socket")?)),
            Event::Drop => self.lose(fault(FaultKind::Interrupted))?,
            Event::Refuse(refusal) => self.lose(refusal_error(*refusal))?,
            Event::Late(event) => {
                let socket = self.former_socket.ok_or("there was no socket before")?;
                self.handle(match &**event {
                    Event::Drop => Input::Lost(socket, fault(FaultKind::Interrupted)),
                    Event::Server(message) => Input::Received(socket, (**message).clone()),
                    _ => return Err("a late event is of the socket".to_owned()),
                });
            }
            Event::Reachable(is_reachable) => {
                assert!(std::mem::take(&mut self.is_checking), "nothing asked for a check of the internet");
                self.handle(Input::Connectivity(*is_reachable));
            }
            Event::Rest { is_refused } => {
                let (client, refused) = (self.client.clone(), self.used.take().filter(|_| *is_refused));
                self.request = Some(Box::pin(async move {
                    match refused {
                        Some(refused) => client.renewed_credentials(&refused).await,
                        None => client.credentials().await,
                    }
                }));
            }
            Event::Wait(span) => self.wait(*span),
            Event::Sleep(span) => {
                self.world.clocks.set_forward(*span);
                self.handle(Input::Tick);
            }
            Event::SetForward(span) => self.world.clocks.set_forward(*span),
            Event::SetBack(span) => self.world.clocks.set_back(*span),
        }
        self.settle();
        Ok(std::mem::take(&mut self.lines))
    }

    fn question(&self, name: &str) -> Option<String> {
        match name {
            "state" => Some(self.machine.state().to_string()),
            "id" => self.machine.id().map(str::to_owned),
            "key" => self.machine.key().map(lines::without_secret),
            "reason" => self.machine.error_reason().map(lines::info),
            "clientId" => self.auth.client_id().as_str().map(str::to_owned),
            _ => panic!("unknown question `{name}`"),
        }
    }
}

fn fault(kind: FaultKind) -> Error {
    Error::from(TransportFault::new(kind, "as the scenario says"))
}

fn refusal_error(refusal: Refusal) -> Error {
    match refusal {
        Refusal::Connection => fault(FaultKind::Unreachable),
        Refusal::Dns => fault(FaultKind::Unresolvable),
        Refusal::Tls => fault(FaultKind::Tls),
        Refusal::Status(status) => {
            let code = ErrorCode::new(u32::from(status) * 100);
            Error::connection(ErrorInfo::new(code, "as the scenario says").with_status(status))
        }
    }
}

impl Machine {
    fn handle(&mut self, input: Input) {
        let outputs = self.machine.handle(input, self.world.clocks.moment());
        for output in outputs {
            let debug = format!("{output:?}");
            assert!(!debug.contains(SECRET), "an output shows a secret: {debug}");
            self.carry_out(output);
        }
        self.check();
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::GetCredentials(query) => {
                assert!(self.getting.is_none(), "credentials are being got already");
                self.getting = Some(credentials(self.auth.clone(), query));
            }
            Output::StopGetting => {
                assert!(self.getting.take().is_some(), "no credentials are being got");
            }
            Output::Open { socket, url } => {
                assert!(self.socket.is_none(), "there is another socket");
                self.socket = Some(socket);
                self.offered.clear();
                let line = lines::open(url.expose());
                self.offer(&line);
                self.lines.push(line);
            }
            Output::Send(message) => {
                assert!(self.socket.is_some(), "there is no socket to send to");
                let line = lines::send(&message);
                if message.action() == Action::Auth {
                    assert_eq!(self.state, ConnectionState::Connected, "AUTH is for the state CONNECTED");
                    self.offer(&line);
                }
                self.lines.push(line);
            }
            Output::CloseSocket => {
                self.former_socket = self.socket.take();
                assert!(self.former_socket.is_some(), "there is no socket to close");
                self.lines.push("hang up".to_owned());
            }
            Output::CheckConnectivity => {
                assert!(!std::mem::replace(&mut self.is_checking, true), "a check of the internet runs already");
                self.lines.push("check".to_owned());
            }
            Output::Deliver(message) => self.lines.push(lines::deliver(&message)),
            Output::Change(change) => {
                self.follow(&change);
                self.lines.push(lines::change(&change));
            }
            Output::Authorized(outcome) => {
                assert!(std::mem::take(&mut self.is_authorizing), "nobody waits for `authorize`");
                self.lines.push(lines::authorized(outcome.as_ref().copied()));
            }
            other => panic!("unknown output {other:?}"),
        }
    }

    /// Remembers the token of a socket, which must not be one that the service refused.
    fn offer(&mut self, line: &str) {
        let token = line.split(' ').find_map(|word| word.strip_prefix("accessToken="));
        let is_refused = token.is_some_and(|token| self.refused.contains(token));
        assert!(!is_refused, "a token that the service refused is offered again: {line}");
        self.offered.extend(token.map(str::to_owned));
    }

    /// Remembers the token that the service refuses: an ERROR answers the latest AUTH, DISCONNECTED ends the token in use.
    fn remember_refusal(&mut self, message: &ProtocolMessage) {
        let is_token_error = message.get_error().is_some_and(|error| error.code().is_token_error());
        match message.action() {
            _ if message.get_channel().is_some() => {}
            Action::Connected if self.offered.len() > 1 => drop(self.offered.remove(0)),
            Action::Error if is_token_error => self.refused.extend(self.offered.last().cloned()),
            Action::Disconnected if is_token_error => self.refused.extend(self.offered.first().cloned()),
            _ => {}
        }
    }

    fn lose(&mut self, error: Error) -> Result<(), String> {
        let socket = self.socket.take().ok_or("there is no socket")?;
        self.former_socket = Some(socket);
        self.handle(Input::Lost(socket, error));
        Ok(())
    }

    /// Advances both clocks, and ticks the machine when it asks for it.
    fn wait(&mut self, span: Duration) {
        let (mut left, mut ticks_without_progress) = (span, 0);
        while let Some(next) = self.machine.until_tick(self.world.clocks.moment()).filter(|next| *next <= left) {
            ticks_without_progress = if next.is_zero() { ticks_without_progress + 1 } else { 0 };
            assert!(ticks_without_progress < 5, "the machine ticks without an end in {}", self.state);
            self.world.clocks.advance(next);
            left -= next;
            self.handle(Input::Tick);
            self.settle();
        }
        self.world.clocks.advance(left);
    }

    /// Passes credentials on until nothing more can happen.
    fn settle(&mut self) {
        loop {
            let mut context = Context::from_waker(Waker::noop());
            if let Some(Poll::Ready(used)) = self.request.as_mut().map(|request| request.as_mut().poll(&mut context)) {
                let used = used.unwrap();
                self.lines.push(lines::used(&used));
                (self.request, self.used) = (None, Some(used));
            }
            let polled = self.getting.as_mut().map(|getting| getting.as_mut().poll(&mut context));
            self.lines.extend(self.world.take_fetches());
            let Some(Poll::Ready(outcome)) = polled else { break };
            self.getting = None;
            self.handle(Input::Credentials(outcome));
        }
        assert!(
            self.getting.is_some() || self.request.is_some() || self.world.open_calls() == 0,
            "the token source is still asked"
        );
    }

    /// Checks that a change continues the former one.
    fn follow(&mut self, change: &ConnectionStateChange) {
        assert_eq!(change.previous(), self.state, "a change has another previous state");
        match change.event() {
            ConnectionEvent::Update => {
                assert_eq!(
                    (change.previous(), change.current()),
                    (ConnectionState::Connected, ConnectionState::Connected)
                );
            }
            ConnectionEvent::State(state) => {
                assert_eq!(state, change.current(), "the event is of another state");
                assert!(can_follow(self.state, state), "{} is followed by {state}", self.state);
                self.state = state;
            }
        }
        let waits = matches!(change.current(), ConnectionState::Disconnected | ConnectionState::Suspended);
        assert_eq!(change.retry_in().is_some(), waits, "the time until the next attempt: {change:?}");
    }

    /// Checks what holds after each input.
    fn check(&self) {
        use ConnectionState::{Closed, Closing, Connected, Failed, Initialized, Suspended};
        assert_eq!(self.machine.state(), self.state, "the state changed without a change");
        if self.state.is_at_rest() {
            let is_at_rest = self.socket.is_none() && (self.getting.is_none() || self.is_authorizing);
            assert!(is_at_rest, "{} has a socket, or gets credentials", self.state);
        }
        assert!(self.state != Closing || self.getting.is_none(), "{} gets credentials", self.state);
        if self.state == Connected {
            assert!(self.socket.is_some() && self.machine.id().is_some(), "{} has no socket or no id", self.state);
        }
        if matches!(self.state, Initialized | Suspended | Closing | Closed | Failed) {
            assert_eq!((self.machine.id(), self.machine.key()), (None, None), "{} has an id or a key", self.state);
        }
        if matches!(self.state, Suspended | Failed) {
            assert!(self.machine.error_reason().is_some(), "{} has no reason", self.state);
        }
    }
}

fn credentials(auth: ConnectionAuth, query: CredentialsQuery) -> Getting {
    Box::pin(async move {
        if matches!(query, CredentialsQuery::Authorize) {
            auth.authorize(None, None).await?;
        }
        auth.credentials(&query).await
    })
}

/// Returns true if a connection can go from one state to the other (`RTN4`).
fn can_follow(former: ConnectionState, next: ConnectionState) -> bool {
    use ConnectionState::{Closed, Closing, Connected, Connecting, Disconnected, Failed, Initialized, Suspended};
    match former {
        Initialized => matches!(next, Connecting | Closed),
        Connecting => matches!(next, Connected | Disconnected | Suspended | Closing | Failed),
        Connected => matches!(next, Connecting | Disconnected | Suspended | Closing | Failed),
        Disconnected => matches!(next, Connecting | Suspended | Closed),
        Suspended => matches!(next, Connecting | Closed),
        Closing => matches!(next, Connecting | Closed),
        Closed | Failed => next == Connecting,
    }
}
