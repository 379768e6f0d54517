//! An open connection: messages, renewal, loss.

use std::time::Duration;

use ably_auth_core::ErrorInfo;
use ably_auth_core::realtime::{Action, AuthDetails, ProtocolMessage};

use super::super::backoff::retry_delay;
use super::super::output::{CredentialsQuery, Output};
use super::super::state::{ConnectionEvent, ConnectionState, ConnectionStateChange};
use super::parts::{Attempt, Held, Prompts, Purpose, Renewal};
use super::{StateMachine, is_of_connection, reason};
use crate::auth::Credentials;
use crate::clock::Moment;
use crate::error::{Error, ErrorKind};

/// A connection that is lost sooner than this after it opened counts as lost quickly.
const QUICK: Duration = Duration::from_secs(5);

/// The number of consecutive quick losses after which the client still connects again at once. After more, it waits, so
/// that a service which ends each connection at once is not flooded.
const QUICK_LOSSES: u32 = 2;

/// The number of consecutive renewals, each sooner than [`QUICK`] after the one before, that begin at once. After more, the
/// client waits, so that a service which asks for tokens without pause does not flood the token source.
const QUICK_RENEWALS: u32 = 2;

impl StateMachine {
    /// Renews the credentials for the application's `authorize` (`RTC8`).
    pub(super) fn authorize(&mut self, now: Moment) {
        self.is_authorizing = true;
        match self.state {
            ConnectionState::Connected => {
                if self.getting.as_ref().is_some_and(|getting| getting.purpose == Purpose::Renew) {
                    // If `authorize` fails, the service still needs an AUTH.
                    self.renew_later(now);
                }
            }
            // `RTC8b`
            ConnectionState::Connecting => {
                self.hang_up();
                self.attempt = Attempt::default();
            }
            _ => {
                self.abandon();
                self.begin_attempt(None);
            }
        }
        self.get(CredentialsQuery::Authorize, Purpose::Authorize, now);
    }

    pub(super) fn receive_while_connected(&mut self, message: ProtocolMessage, now: Moment) {
        if !is_of_connection(&message) {
            // A HEARTBEAT with an id answers a ping of the application (`RTN13e`).
            if message.action() != Action::Heartbeat || message.get_id().is_some() {
                self.outputs.push(Output::Deliver(message));
            }
            return;
        }
        let error = message.get_error().cloned();
        let is_token_error = error.as_ref().is_some_and(|error| error.code().is_token_error());
        let reason = error.unwrap_or_else(reason::lost);
        match message.action() {
            Action::Connected => self.updated(&message, now),
            Action::Auth => self.renew(now),
            Action::Disconnected if is_token_error => self.token_lost(reason, now),
            // An ERROR that answers the AUTH of `authorize` is final (`RTC8a2`). The token that the service has asked for is
            // renewed like any other (`RTN15h`).
            Action::Error if is_token_error && !self.is_answer_to_authorize() => self.token_lost(reason, now),
            Action::Error => self.fail(reason),
            _ => {
                self.hang_up();
                self.lost(reason, now);
            }
        }
    }

    /// Returns true if an ERROR answers the AUTH of `authorize`, not one that the service has asked for before.
    fn is_answer_to_authorize(&self) -> bool {
        self.is_authorizing && self.renewal.unanswered > 0 && !self.is_getting_to_authorize()
    }

    fn is_getting_to_authorize(&self) -> bool {
        self.getting.as_ref().is_some_and(|getting| getting.purpose == Purpose::Authorize)
    }

    /// Handles CONNECTED on an open connection (`RTN24`).
    fn updated(&mut self, message: &ProtocolMessage, now: Moment) {
        // If CONNECTED has no details, keep the former ones, which are needed to resume.
        let details = message.get_connection_details().or(self.details()).cloned().unwrap_or_default();
        if let Some(reason) = self.incompatible_identity(&details) {
            return self.fail(reason);
        }
        let id = message.get_connection_id().or(self.id()).unwrap_or_default().to_owned();
        self.held = Some(Held { id, details, active: now.steady() });
        self.touch(now);
        self.renewal.unanswered = self.renewal.unanswered.saturating_sub(1);
        if self.renewal.unanswered == 0 {
            self.renewal.until = None;
            if let (Some(sent), Some(socket)) = (self.renewal.sent.take(), &mut self.socket) {
                socket.credentials = sent;
            }
        }
        let reason = message.get_error().cloned();
        self.error_reason.clone_from(&reason);
        self.tell_update(reason);
        if self.renewal.unanswered == 0 && !self.is_getting_to_authorize() {
            self.authorized(Ok(()));
        }
    }

    fn tell_update(&mut self, reason: Option<ErrorInfo>) {
        let (previous, current) = (self.state, self.state);
        let (event, retry_in) = (ConnectionEvent::Update, None);
        self.tell(ConnectionStateChange { previous, current, event, reason, retry_in, is_resumed: true });
    }

    /// Gets newer credentials, because the service asks for them (`RTN22`).
    pub(super) fn renew(&mut self, now: Moment) {
        self.renewal.again_at = None;
        let is_running = self.getting.is_some() || self.renewal.unanswered > 0;
        let Some(socket) = self.socket.as_ref().filter(|_| !is_running) else { return };
        if socket.credentials.token().is_none() {
            return;
        }
        let query = CredentialsQuery::NewerThan(socket.credentials.clone());
        let is_quick = self.prompts.last.is_some_and(|last| now.steady().saturating_sub(last) < QUICK);
        if is_quick && self.prompts.quick >= QUICK_RENEWALS {
            return self.renew_later(now);
        }
        let quick = if is_quick { self.prompts.quick.saturating_add(1) } else { 0 };
        self.prompts = Prompts { last: Some(now.steady()), quick };
        self.get(query, Purpose::Renew, now);
    }

    fn renew_later(&mut self, now: Moment) {
        let delay = retry_delay(self.settings.disconnected_retry_timeout, 0, &mut self.random);
        self.renewal.again_at = Some(now.saturating_add(delay));
    }

    /// Sends AUTH with new credentials (`RTC8a`).
    pub(super) fn reauthenticate(&mut self, credentials: Credentials, now: Moment) {
        let Some(token) = credentials.token() else {
            // AUTH carries only tokens. The key applies to the next connection.
            return self.authorized(Ok(()));
        };
        self.outputs.push(Output::Send(ProtocolMessage::new(Action::Auth).auth(AuthDetails::new(token.clone()))));
        let until = Some(now.saturating_add(self.settings.realtime_request_timeout));
        let unanswered = self.renewal.unanswered.saturating_add(1);
        self.renewal = Renewal { unanswered, sent: Some(credentials), until, again_at: None };
    }

    /// Handles the failure to get newer credentials: the connection stays open, unless a retry cannot help (`RSA4c3`,
    /// `RSA4d`).
    pub(super) fn renewal_failed(&mut self, error: &Error, purpose: Purpose, now: Moment) {
        let (reason, _) = reason::no_token(error, None);
        if error.status_code() == 403 {
            return self.fail(reason);
        }
        if purpose == Purpose::Renew && error.kind() != ErrorKind::NoMeansToRenew {
            self.renew_later(now);
        }
        self.error_reason = Some(reason.clone());
        self.tell_update(Some(reason));
    }

    /// Handles a token that is no longer valid: renews it once, and connects again (`RTN15h`).
    fn token_lost(&mut self, reason: ErrorInfo, now: Moment) {
        if self.socket.as_ref().is_some_and(|socket| socket.credentials.token().is_none()) {
            return self.fail(reason);
        }
        self.hang_up();
        if self.lost_quickly_too_often(now) {
            return self.attempt_failed(reason, now);
        }
        self.losses.since = Some(now);
        self.begin(Some(reason), now);
        self.attempt.has_renewed = true;
    }

    /// Handles the loss of the connection: connects again at once (`RTN15a`).
    pub(super) fn lost(&mut self, reason: ErrorInfo, now: Moment) {
        self.renewal = Renewal::default();
        if self.lost_quickly_too_often(now) {
            self.losses.since = Some(now);
            return self.attempt_failed(reason, now);
        }
        self.losses.since = Some(now);
        self.enter(ConnectionState::Disconnected, Some(reason), Some(Duration::ZERO));
        self.begin(None, now);
    }

    /// Counts the loss of the connection. Returns true if several in a row were lost soon after they opened.
    fn lost_quickly_too_often(&mut self, now: Moment) -> bool {
        let is_quick = now.steady().saturating_sub(self.losses.opened) < QUICK;
        self.losses.quick = if is_quick { self.losses.quick.saturating_add(1) } else { 0 };
        self.losses.quick > QUICK_LOSSES
    }
}
