//! Connecting: credentials, hosts, and the answer to a socket.

use ably_auth_core::ErrorInfo;
use ably_auth_core::realtime::{Action, ProtocolMessage};
use http::uri::Authority;

use super::super::backoff::retry_delay;
use super::super::input::SocketId;
use super::super::output::{CredentialsQuery, Output};
use super::super::socket_url::SocketUrl;
use super::super::state::{ConnectionEvent, ConnectionState, ConnectionStateChange};
use super::parts::{Attempt, Check, Held, Losses, Purpose, Socket};
use super::{DEFAULT_MAX_IDLE, StateMachine};
use super::{idle_until, is_of_connection, reason};
use crate::auth::Credentials;
use crate::clock::Moment;
use crate::error::Error;

/// The version of the protocol (`CSV2`).
const PROTOCOL_VERSION: &str = "6";

/// The name and version of this library, for the query parameter `agent` (`RTN2g`).
const AGENT: &str = concat!("ably-auth-rust/", env!("CARGO_PKG_VERSION"));

/// The longest connection key that is offered. No host could be reached with a URL that is too long for HTTP.
const MAX_KEY_BYTES: usize = 1_024;

/// The query parameters that the settings cannot replace.
const CREDENTIALS: &[&str] = &["key", "accessToken", "access_token", "clientId"];

impl StateMachine {
    /// Connects, unless the connection is open or being opened (`RTN11`).
    pub(super) fn connect(&mut self, now: Moment) {
        match self.state {
            ConnectionState::Connecting | ConnectionState::Connected => return,
            ConnectionState::Closing => {
                self.abandon();
                self.authorized(Err(Error::connection(reason::closed())));
            }
            _ => {}
        }
        if matches!(self.state, ConnectionState::Failed | ConnectionState::Closed) {
            // `RTN11d`
            self.error_reason = None;
        }
        self.begin(None, now);
    }

    /// Begins an attempt to connect: gets credentials first (`RTN2e`).
    pub(super) fn begin(&mut self, reason: Option<ErrorInfo>, now: Moment) {
        self.begin_attempt(reason);
        if let Some(getting) = &mut self.getting {
            // A request for credentials is running. Its result serves the next connection.
            if getting.purpose == Purpose::Renew {
                getting.purpose = Purpose::Open;
            }
            return;
        }
        let query = match &self.refused {
            Some(refused) => CredentialsQuery::Refused(refused.credentials.clone()),
            None => CredentialsQuery::Current,
        };
        self.get(query, Purpose::Open, now);
    }

    /// Starts the attempt over, after the machine has slept. Requests from before have failed, and their deadlines do not
    /// mean that the service is slow.
    pub(super) fn start_over(&mut self, now: Moment) {
        self.hang_up();
        self.attempt = Attempt::default();
        match &mut self.getting {
            // The driver carries out `authorize` only once.
            Some(getting) if getting.purpose == Purpose::Authorize => {
                getting.until = now.saturating_add(self.settings.realtime_request_timeout);
            }
            _ => {
                self.stop_getting();
                self.begin(None, now);
            }
        }
    }

    pub(super) fn begin_attempt(&mut self, reason: Option<ErrorInfo>) {
        self.attempt = Attempt::default();
        self.retry_at = None;
        self.closing_until = None;
        if self.state != ConnectionState::Connecting {
            self.enter(ConnectionState::Connecting, reason, None);
        }
    }

    /// Handles new credentials, or the failure to get them.
    pub(super) fn got(&mut self, purpose: Purpose, outcome: Result<Credentials, Error>, now: Moment) {
        let outcome = outcome.and_then(|credentials| match &mut self.refused {
            Some(refused) if refused.credentials.is_same(&credentials) => {
                // The next attempt asks for a newer token than this one.
                refused.credentials = credentials;
                Err(reason::same_token(&refused.reason))
            }
            _ => Ok(credentials),
        });
        if purpose == Purpose::Authorize {
            if let Err(error) = &outcome {
                self.authorized(Err(error.clone()));
            }
        }
        match (outcome, self.state) {
            (Ok(credentials), ConnectionState::Connecting) => {
                let primary = self.hosts.primary.clone();
                self.open(primary, credentials, now);
            }
            (Ok(credentials), ConnectionState::Connected) => self.reauthenticate(credentials, now),
            (Err(error), ConnectionState::Connecting) => {
                let (reason, is_final) = reason::no_token(&error, self.refused.as_ref().map(|refused| &refused.reason));
                if is_final { self.fail(reason) } else { self.attempt_failed(reason, now) }
            }
            (Err(error), ConnectionState::Connected) => self.renewal_failed(&error, purpose, now),
            _ => {}
        }
    }

    pub(super) fn getting_timed_out(&mut self, now: Moment) {
        let Some(purpose) = self.getting.as_ref().map(|getting| getting.purpose) else { return };
        self.stop_getting();
        self.got(purpose, Err(Error::token_timed_out(self.settings.realtime_request_timeout)), now);
    }

    fn open(&mut self, host: Authority, credentials: Credentials, now: Moment) {
        let url = SocketUrl::new(self.hosts.is_tls, host, &self.query(&credentials, now));
        self.last_socket = SocketId(self.last_socket.0.wrapping_add(1));
        let (id, until) = (self.last_socket, now.saturating_add(self.settings.realtime_request_timeout));
        self.socket = Some(Socket { id, credentials, until });
        self.outputs.push(Output::Open { socket: id, url });
    }

    /// Returns the query parameters of a socket's URL (`RTN2`).
    fn query(&mut self, credentials: &Credentials, now: Moment) -> Vec<(String, String)> {
        self.forget_if_stale(now);
        let settings = &self.settings;
        let mut query = vec![("v", PROTOCOL_VERSION.to_owned()), ("format", settings.format.as_str().to_owned())];
        // The driver sees WebSocket pings, so no HEARTBEAT is needed (`RTN23b`).
        query.extend([("heartbeats", "false".to_owned()), ("echo", settings.echo.to_string())]);
        query.push(("agent", AGENT.to_owned()));
        let held = self.held.as_ref().and_then(|held| held.details.connection_key());
        let held = held.filter(|key| key.len() <= MAX_KEY_BYTES);
        match (held, &self.recover) {
            (Some(key), _) => query.push(("resume", key.to_owned())),
            (None, Some(key)) => query.push(("recover", key.clone())),
            (None, None) => {}
        }
        let credentials: Vec<_> = credentials.query_params().collect();
        let own = settings.transport_params.iter().filter(|(name, _)| !CREDENTIALS.contains(&name.as_str()));
        // `RTC1f1`
        query.retain(|(name, _)| settings.transport_params.iter().all(|(own, _)| own != name));
        let query = query.into_iter().chain(credentials).map(|(name, value)| (name.to_owned(), value));
        query.chain(own.cloned()).collect()
    }

    /// Forgets a connection that the service has forgotten by now (`RTN15g`).
    fn forget_if_stale(&mut self, now: Moment) {
        let ttl = self.state_ttl();
        self.held.take_if(|held| {
            let max_idle = held.details.max_idle_interval().unwrap_or(DEFAULT_MAX_IDLE);
            now.steady().saturating_sub(held.active) > ttl.saturating_add(max_idle)
        });
    }

    pub(super) fn receive_while_connecting(&mut self, message: &ProtocolMessage, now: Moment) {
        if !is_of_connection(message) {
            return;
        }
        let error = message.get_error().cloned();
        match message.action() {
            Action::Connected => self.opened(message, now),
            Action::Error | Action::Disconnected
                if error.as_ref().is_some_and(|error| error.code().is_token_error()) =>
            {
                self.token_refused(error.unwrap_or_else(reason::lost), now);
            }
            Action::Error => self.fail(error.unwrap_or_else(reason::lost)),
            Action::Disconnected => {
                let reason = error.unwrap_or_else(reason::lost);
                let credentials = self.socket.as_ref().map(|socket| socket.credentials.clone());
                let credentials = credentials.filter(|_| matches!(reason.status_code(), 500..=504));
                self.hang_up();
                self.host_failed(credentials, reason, now);
            }
            _ => {}
        }
    }

    /// Handles CONNECTED on a new socket.
    fn opened(&mut self, message: &ProtocolMessage, now: Moment) {
        let details = message.get_connection_details().cloned().unwrap_or_default();
        if let Some(reason) = self.incompatible_identity(&details) {
            return self.fail(reason);
        }
        let id = message.get_connection_id().unwrap_or_default().to_owned();
        let is_resumed = !id.is_empty() && self.held.as_ref().is_some_and(|held| held.id == id);
        if let Some(socket) = &mut self.socket {
            socket.until = idle_until(&details, &self.settings, now);
        }
        self.held = Some(Held { id, details, active: now.steady() });
        self.recover = None;
        self.attempt = Attempt::default();
        self.losses = Losses { opened: now.steady(), quick: self.losses.quick, ..Losses::default() };
        let reason = message.get_error().cloned();
        self.error_reason.clone_from(&reason);
        let (previous, current) = (self.state, ConnectionState::Connected);
        self.state = current;
        let event = ConnectionEvent::State(current);
        self.tell(ConnectionStateChange { previous, current, event, reason, retry_in: None, is_resumed });
        self.authorized(Ok(()));
    }

    /// Handles a token that the service refused: renews it once (`RTN14b`).
    fn token_refused(&mut self, reason: ErrorInfo, now: Moment) {
        let Some(credentials) = self.socket.as_ref().map(|socket| socket.credentials.clone()) else { return };
        if credentials.token().is_none() {
            // A key cannot be renewed.
            return self.fail(reason);
        }
        self.hang_up();
        if self.attempt.has_renewed {
            return self.attempt_failed(reason, now);
        }
        self.error_reason = Some(reason);
        self.attempt = Attempt { has_renewed: true, ..Attempt::default() };
        self.get(CredentialsQuery::Refused(credentials), Purpose::Open, now);
    }

    /// Handles a socket that was lost before CONNECTED: tries the next host if the host failed, with its credentials, else
    /// ends the attempt (`RTN17`).
    pub(super) fn host_failed(&mut self, of_failed_host: Option<Credentials>, reason: ErrorInfo, now: Moment) {
        let Some(credentials) = of_failed_host.filter(|_| !self.hosts.fallbacks.is_empty()) else {
            return self.attempt_failed(reason, now);
        };
        if self.attempt.untried.is_some() {
            return self.try_fallback(credentials, reason, now);
        }
        let until = now.saturating_add(self.settings.realtime_request_timeout);
        self.attempt.check = Some(Check { credentials, reason, until });
        self.outputs.push(Output::CheckConnectivity);
    }

    /// Handles the outcome of the connectivity check (`RTN17j`).
    pub(super) fn connectivity_checked(&mut self, is_online: bool, now: Moment) {
        let Some(Check { credentials, reason, .. }) = self.attempt.check.take() else { return };
        if !is_online {
            return self.attempt_failed(reason, now);
        }
        self.attempt.untried = Some(self.hosts.fallbacks.clone());
        self.try_fallback(credentials, reason, now);
    }

    fn try_fallback(&mut self, credentials: Credentials, reason: ErrorInfo, now: Moment) {
        let untried = self.attempt.untried.as_mut().filter(|untried| !untried.is_empty());
        let Some(untried) = untried else { return self.attempt_failed(reason, now) };
        let host = untried.swap_remove(self.random.below(untried.len()));
        self.open(host, credentials, now);
    }

    /// Ends an attempt that failed: waits for the next one.
    pub(super) fn attempt_failed(&mut self, reason: ErrorInfo, now: Moment) {
        self.losses.failures = self.losses.failures.saturating_add(1);
        let since = *self.losses.since.get_or_insert(now);
        if self.losses.is_suspended || now.has_reached(since.saturating_add(self.state_ttl())) {
            return self.suspend(reason, now);
        }
        let delay = retry_delay(self.settings.disconnected_retry_timeout, self.losses.failures, &mut self.random);
        self.retry_at = Some(now.saturating_add(delay));
        self.enter(ConnectionState::Disconnected, Some(reason), Some(delay));
    }
}
