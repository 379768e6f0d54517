//! The state machine of a connection.

mod connected;
mod connecting;
mod ending;
mod parts;
mod reason;
#[cfg(test)]
mod walk;

use std::fmt;
use std::time::Duration;

use ably_auth_core::realtime::{Action, ConnectionDetails, ProtocolMessage};
use ably_auth_core::{ClientId, ErrorInfo, Identity};

use super::backoff::Seeded;
use super::hosts::ServiceHosts;
use super::input::{Input, SocketId};
use super::output::{CredentialsQuery, Output};
use super::recovery_key::RecoveryKey;
use super::settings::ConnectionSettings;
use super::state::{ConnectionEvent, ConnectionState, ConnectionStateChange};
use crate::auth::Credentials;
use crate::clock::Moment;
use crate::error::Error;

use parts::{Attempt, Getting, Held, Losses, Prompts, Purpose, Refused, Renewal, Socket};

/// The default of `maxIdleInterval`, for a CONNECTED without it.
const DEFAULT_MAX_IDLE: Duration = Duration::from_secs(15);

/// The difference between the clocks above which the machine has slept. A smaller one adjusts the wall clock.
const SLEEP: Duration = Duration::from_secs(5);

/// The state machine of a connection's authentication: see the [module](super).
///
/// ```
/// use std::time::Duration;
///
/// use ably_auth::connection::{ConnectionSettings, ConnectionState, Input, ServiceHosts, StateMachine};
/// use ably_auth::{Endpoint, HttpSettings, Moment, Timestamp};
///
/// let hosts = ServiceHosts::new(&Endpoint::default(), &HttpSettings::default())?;
/// let mut machine = StateMachine::new(ConnectionSettings::new(), hosts, None, 7);
/// let now = |seconds| Moment::new(Timestamp::from_millis(seconds * 1_000), Duration::from_secs(seconds));
///
/// machine.handle(Input::Connect, now(0));
/// // No token arrives in 10 s.
/// assert_eq!(machine.until_tick(now(0)), Some(Duration::from_secs(10)));
/// machine.handle(Input::Tick, now(10));
/// assert_eq!(machine.state(), ConnectionState::Disconnected);
/// assert_eq!(machine.error_reason().unwrap().code().as_u32(), 80019);
/// # Ok::<(), ably_auth::Error>(())
/// ```
#[derive(Clone)]
pub struct StateMachine {
    settings: ConnectionSettings,
    hosts: ServiceHosts,
    identity: Option<Identity>,
    random: Seeded,
    state: ConnectionState,
    error_reason: Option<ErrorInfo>,
    /// The connection that is open, or that can be resumed.
    held: Option<Held>,
    /// The connection key that the first connection recovers.
    recover: Option<String>,
    getting: Option<Getting>,
    socket: Option<Socket>,
    last_socket: SocketId,
    attempt: Attempt,
    /// The credentials that the service refused last. They are not offered again.
    refused: Option<Refused>,
    renewal: Renewal,
    prompts: Prompts,
    /// True until the application's `authorize` has an outcome.
    is_authorizing: bool,
    losses: Losses,
    /// The moment of the next attempt, in the states DISCONNECTED and SUSPENDED.
    retry_at: Option<Moment>,
    /// The moment at which the client waits no longer for CLOSED.
    closing_until: Option<Moment>,
    /// True if CLOSE was sent over the socket, in the state CLOSING.
    has_sent_close: bool,
    /// The moment of the last input.
    seen: Option<Moment>,
    outputs: Vec<Output>,
}

impl StateMachine {
    /// Creates the machine of a connection that is not opened yet. `identity` is the client's own. `seed` is a random
    /// number, which decides the order of fallback hosts and the jitter of retries.
    #[must_use]
    pub fn new(settings: ConnectionSettings, hosts: ServiceHosts, identity: Option<Identity>, seed: u64) -> Self {
        let recovery_key = settings.recover.as_deref().and_then(|text| RecoveryKey::parse(text).ok());
        Self {
            recover: recovery_key.map(|key| key.connection_key().to_owned()),
            settings,
            hosts,
            identity,
            random: Seeded::new(seed),
            state: ConnectionState::Initialized,
            error_reason: None,
            held: None,
            getting: None,
            socket: None,
            last_socket: SocketId::default(),
            attempt: Attempt::default(),
            refused: None,
            renewal: Renewal::default(),
            prompts: Prompts::default(),
            is_authorizing: false,
            losses: Losses::default(),
            retry_at: None,
            closing_until: None,
            has_sent_close: false,
            seen: None,
            outputs: Vec::new(),
        }
    }

    /// Handles an input, and returns the actions to carry out, in order.
    pub fn handle(&mut self, input: Input, now: Moment) -> Vec<Output> {
        // A message that arrived before a deadline may be read after it, on a busy machine.
        if matches!(&input, Input::Received(socket, _) | Input::Active(socket) if self.is_current(*socket)) {
            self.touch(now);
        }
        self.tick(now);
        match input {
            Input::Connect => self.connect(now),
            Input::Close => self.close(now),
            Input::Authorize => self.authorize(now),
            Input::Credentials(outcome) => {
                if let Some(getting) = self.getting.take() {
                    self.got(getting.purpose, outcome, now);
                }
            }
            Input::Received(socket, message) if self.is_current(socket) => self.receive(message, now),
            Input::Lost(socket, error) if self.is_current(socket) => {
                let credentials = self.socket.take().map(|socket| socket.credentials);
                self.lose_socket(credentials, &error, now);
            }
            Input::Connectivity(is_online) => self.connectivity_checked(is_online, now),
            Input::Received(..) | Input::Active(_) | Input::Lost(..) | Input::Tick => {}
        }
        std::mem::take(&mut self.outputs)
    }

    /// Returns the time until [`Input::Tick`] has something to do, or `None` if only another input has.
    #[must_use]
    pub fn until_tick(&self, now: Moment) -> Option<Duration> {
        let deadlines = [
            self.getting.as_ref().map(|getting| getting.until),
            self.socket.as_ref().map(|socket| socket.until),
            self.attempt.check.as_ref().map(|check| check.until),
            self.renewal.until,
            self.renewal.again_at,
            self.retry_at,
            self.suspend_at(),
            self.closing_until,
        ];
        let deadlines = deadlines.into_iter().flatten().filter(|deadline| *deadline != Moment::NEVER);
        deadlines.map(|deadline| now.until(deadline)).min()
    }

    /// Returns the state (`RTN4d`).
    #[must_use]
    pub const fn state(&self) -> ConnectionState {
        self.state
    }

    /// Returns the reason of the current state, if it has one (`RTN25`).
    #[must_use]
    pub const fn error_reason(&self) -> Option<&ErrorInfo> {
        self.error_reason.as_ref()
    }

    /// Returns the id of the connection, once it is connected (`RTN8`).
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.held.as_ref().map(|held| &*held.id)
    }

    /// Returns the secret key of the connection, once it is connected (`RTN9`).
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.details()?.connection_key()
    }

    /// Returns the properties of the connection, once it is connected (`RTN21`).
    #[must_use]
    pub fn details(&self) -> Option<&ConnectionDetails> {
        self.held.as_ref().map(|held| &held.details)
    }

    /// Handles what is due.
    fn tick(&mut self, now: Moment) {
        let seen = self.seen.replace(now);
        if self.state == ConnectionState::Connecting && seen.is_some_and(|seen| has_slept(seen, now)) {
            self.start_over(now);
        }
        let is_due = |deadline: Option<Moment>| deadline.is_some_and(|deadline| now.has_reached(deadline));
        if is_due(self.getting.as_ref().map(|getting| getting.until)) {
            self.getting_timed_out(now);
        }
        if is_due(self.attempt.check.as_ref().map(|check| check.until)) {
            self.connectivity_checked(false, now);
        }
        if is_due(self.socket.as_ref().map(|socket| socket.until)) || is_due(self.renewal.until) {
            let credentials = self.socket.as_ref().map(|socket| socket.credentials.clone());
            self.hang_up();
            self.lose_socket(credentials, &reason::silence(), now);
        }
        if is_due(self.closing_until) {
            self.closed();
        }
        // A client that was suspended for long tries again at once, and need not enter SUSPENDED first.
        if is_due(self.retry_at) {
            self.begin(None, now);
        }
        if is_due(self.suspend_at()) {
            let reason = self.error_reason.clone().unwrap_or_else(reason::lost);
            self.suspend(reason, now);
        }
        if is_due(self.renewal.again_at) {
            self.renew(now);
        }
    }

    fn receive(&mut self, message: ProtocolMessage, now: Moment) {
        let message = if message.get_error().is_some() { reason::without(&self.secrets(), message) } else { message };
        self.note_refusal(&message);
        match self.state {
            ConnectionState::Connecting => self.receive_while_connecting(&message, now),
            ConnectionState::Connected => self.receive_while_connected(message, now),
            ConnectionState::Closing => self.receive_while_closing(&message),
            _ => {}
        }
    }

    /// Returns the secret texts that were sent over the socket.
    fn secrets(&self) -> Vec<&str> {
        let credentials = [self.socket.as_ref().map(|socket| &socket.credentials), self.renewal.sent.as_ref()];
        let credentials = credentials.into_iter().flatten().flat_map(Credentials::secrets);
        credentials.chain(self.key()).chain(self.recover.as_deref()).collect()
    }

    /// Records that the service refused a token, in any state.
    fn note_refusal(&mut self, message: &ProtocolMessage) {
        let is_end = matches!(message.action(), Action::Error | Action::Disconnected) && is_of_connection(message);
        let Some(reason) = message.get_error().filter(|error| is_end && error.code().is_token_error()) else { return };
        let answers_auth = message.action() == Action::Error && self.renewal.unanswered > 0;
        let credentials = match &self.renewal.sent {
            Some(sent) if answers_auth => Some(sent),
            _ => self.socket.as_ref().map(|socket| &socket.credentials),
        };
        if let Some(credentials) = credentials.filter(|credentials| credentials.token().is_some()) {
            self.refused = Some(Refused { credentials: credentials.clone(), reason: reason.clone() });
        }
    }

    /// Records that the service is alive (`RTN23`).
    fn touch(&mut self, now: Moment) {
        if self.state != ConnectionState::Connected {
            return;
        }
        if let (Some(held), Some(socket)) = (&mut self.held, &mut self.socket) {
            held.active = now.steady();
            socket.until = idle_until(&held.details, &self.settings, now);
        }
    }

    /// Handles the loss of a socket, which had these credentials.
    fn lose_socket(&mut self, credentials: Option<Credentials>, error: &Error, now: Moment) {
        let reason = reason::of(error);
        match self.state {
            ConnectionState::Connecting => {
                let credentials = credentials.filter(|_| reason::is_of_host(error));
                self.host_failed(credentials, reason, now);
            }
            ConnectionState::Connected => self.lost(reason, now),
            ConnectionState::Closing => self.closed(),
            _ => {}
        }
    }

    /// Requests credentials, and cancels a former request.
    fn get(&mut self, query: CredentialsQuery, purpose: Purpose, now: Moment) {
        self.stop_getting();
        self.getting = Some(Getting { purpose, until: now.saturating_add(self.settings.realtime_request_timeout) });
        self.outputs.push(Output::GetCredentials(query));
    }

    fn stop_getting(&mut self) {
        if self.getting.take().is_some() {
            self.outputs.push(Output::StopGetting);
        }
    }

    fn hang_up(&mut self) {
        self.renewal = Renewal::default();
        if self.socket.take().is_some() {
            self.outputs.push(Output::CloseSocket);
        }
    }

    fn is_current(&self, socket: SocketId) -> bool {
        self.socket.as_ref().is_some_and(|current| current.id == socket)
    }

    /// Enters a state, and tells the application.
    fn enter(&mut self, state: ConnectionState, reason: Option<ErrorInfo>, retry_in: Option<Duration>) {
        if reason.is_some() {
            self.error_reason.clone_from(&reason);
        }
        let previous = std::mem::replace(&mut self.state, state);
        let event = ConnectionEvent::State(state);
        self.tell(ConnectionStateChange { previous, current: state, event, reason, retry_in, is_resumed: false });
    }

    fn tell(&mut self, change: ConnectionStateChange) {
        self.outputs.push(Output::Change(change));
    }

    /// Returns the moment at which a lost connection is SUSPENDED, in the state DISCONNECTED (`RTN14e`).
    fn suspend_at(&self) -> Option<Moment> {
        let since = self.losses.since.filter(|_| self.state == ConnectionState::Disconnected)?;
        Some(since.saturating_add(self.state_ttl()))
    }

    fn state_ttl(&self) -> Duration {
        self.details().and_then(ConnectionDetails::connection_state_ttl).unwrap_or(self.settings.connection_state_ttl)
    }

    /// Returns the reason to refuse a connection whose identity is not the client's (`RSA15c`).
    fn incompatible_identity(&self, details: &ConnectionDetails) -> Option<ErrorInfo> {
        match (&self.identity, details.client_id()) {
            (Some(own), ClientId::Identified(other)) if own != other => Some(reason::incompatible_identity()),
            _ => None,
        }
    }
}

/// Returns true if the machine was suspended: its wall clock has advanced much more than its monotonic clock. A wall clock
/// that was set forward looks the same.
fn has_slept(before: Moment, now: Moment) -> bool {
    let by_wall = Duration::from_millis(now.wall().millis_since(before.wall()));
    by_wall.saturating_sub(now.steady().saturating_sub(before.steady())) > SLEEP
}

/// Returns the moment at which a silent socket is given up (`RTN23a`).
fn idle_until(details: &ConnectionDetails, settings: &ConnectionSettings, now: Moment) -> Moment {
    match details.max_idle_interval().unwrap_or(DEFAULT_MAX_IDLE) {
        Duration::ZERO => Moment::NEVER,
        max_idle => now.saturating_add(max_idle.saturating_add(settings.realtime_request_timeout)),
    }
}

/// Returns true if the message concerns the connection, not a channel.
fn is_of_connection(message: &ProtocolMessage) -> bool {
    message.get_channel().is_none_or(str::is_empty)
        && matches!(
            message.action(),
            Action::Connected | Action::Disconnected | Action::Closed | Action::Error | Action::Auth
        )
}

impl fmt::Debug for StateMachine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StateMachine")
            .field("state", &self.state)
            .field("error_reason", &self.error_reason)
            .field("getting", &self.getting)
            .field("socket", &self.socket)
            .finish_non_exhaustive()
    }
}
